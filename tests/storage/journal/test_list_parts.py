"""A long list is deleted in parts, between which it is a shorter one, whoever looks."""

from itertools import pairwise

import pytest

from actors.messages.collections import collection_of_list, line_of
from actors.messages.journal import Status
from actors.messages.journal_reads import ChangesExpired, Page, PageExpired
from actors.messages.lists import ListDeleted
from storage.databases.database import Database
from storage.journal.history import HistoryLimits
from storage.journal.journal_store import SqlJournalStore
from storage.journal.list_parts import DROPPED_AT_ONCE
from storage.rules.bounds import Bounds
from tests.storage.author import Author
from tests.storage.conftest import OpenJournal

KIDS = line_of("ann", collection_of_list("kids"))
LONG = 2 * DROPPED_AT_ONCE + 1


@pytest.fixture
def kids() -> Author:
    return Author(KIDS)


def fill(journal: SqlJournalStore, kids: Author, count: int) -> None:
    films = [str(number) for number in range(count)]
    journal.commit([kids.add(film, operation_id=film, tag=f"replica {film}") for film in films])


def whole(journal: SqlJournalStore) -> Page:
    page = journal.page(KIDS, LONG, None)
    assert isinstance(page, Page)
    assert page.after is None
    return page


def dropped(journal: SqlJournalStore) -> ListDeleted:
    """Delete it to the end."""
    while (deleted := journal.delete_list("ann", "kids")).has_more:
        pass
    return deleted


def test_what_fits_is_deleted_at_once(journal: SqlJournalStore, kids: Author) -> None:
    fill(journal, kids, DROPPED_AT_ONCE)
    assert journal.delete_list("ann", "kids") == ListDeleted(DROPPED_AT_ONCE + 1)


COUNTS = {"operations": "*", "entries": "DISTINCT content_id", "contexts": "*", "heads": "*"}


def rows(database_url: str, *, of_kids: bool = True) -> dict[str, int]:
    """Return how many there are in each table, of that list or of all else; what the list's head says of them is so."""
    database, equal = Database(database_url), "=" if of_kids else "<>"
    with database.transaction(writing=False) as transaction:
        execute = transaction.connection.execute
        results = [
            execute(f"SELECT count({of}) FROM {name} WHERE user_id {equal} '{KIDS}'") for name, of in COUNTS.items()
        ]
        operations, items, replicas, heads = (count for result in results for (count,) in result.fetchall())
        said = "revision + 1 - first_revision, items, replicas, counted_revision - revision"
        head = execute(f"SELECT {said} FROM heads WHERE user_id = '{KIDS}'").fetchall()
        assert head in ([], [(operations, items, replicas, 0)]) or not of_kids
    database.close()
    return dict(zip(COUNTS, (operations, items, replicas, heads), strict=True))


def test_no_part_is_longer_than_the_bound_and_nothing_is_left_but_answers(
    journal: SqlJournalStore, kids: Author, author: Author, database_url: str
) -> None:
    fill(journal, kids, LONG)
    first = min(map(str, range(LONG)), key=kids.content)
    journal.commit([kids.add(first, tag="another", observed=0, device="phone")])
    journal.commit([author.add("0", tag="replica 0"), author.add("7", user="bob", tag="replica 7")])
    others, heads, left = rows(database_url, of_kids=False), list[int](), [rows(database_url)]
    while (deleted := journal.delete_list("ann", "kids")).has_more:
        heads.append(deleted.revision or 0)
        left.append(rows(database_url))
        assert len(whole(journal).items) == left[-1]["entries"]
    left.append(rows(database_url))
    assert heads == sorted(heads)
    assert left[0] == {"operations": LONG + 1, "entries": LONG, "contexts": LONG + 1, "heads": 1}
    for before, after in pairwise(left):
        assert max(before[table] - count for table, count in after.items()) <= DROPPED_AT_ONCE + 1
        assert after["entries"] == before["entries"] or not after["operations"], "no past says what has gone"
    assert set(left[-1].values()) == {0}
    assert rows(database_url, of_kids=False) == others
    assert deleted.revision == heads[-1] + 1
    (again,) = journal.commit([kids.add("7", operation_id="7", tag="replica 7")])
    assert (again.status, again.revision, again.is_new) == (Status.ADDED, 8, False)
    assert journal.lists("ann").lists == ()


def test_whoever_reads_between_two_parts_is_shown_the_whole_of_what_is_left(
    journal: SqlJournalStore, kids: Author
) -> None:
    fill(journal, kids, LONG)
    page = journal.page(KIDS, 1, None)
    assert isinstance(page, Page)
    while len(whole(journal).items) == LONG:
        deleted = journal.delete_list("ann", "kids")
    assert deleted.has_more
    assert whole(journal).revision == deleted.revision == LONG + 1
    assert isinstance(journal.changes(KIDS, LONG, 10, None), ChangesExpired)
    assert journal.page(KIDS, 1, page.after) == PageExpired("history_pruned")


def test_a_write_between_two_parts_is_taken_and_counted_and_goes_with_the_rest(
    open_journal: OpenJournal, kids: Author, database_url: str
) -> None:
    journal = open_journal(database_url, HistoryLimits(prune_every=10_000), bounds=Bounds(items_per_list=LONG))
    fill(journal, kids, LONG)
    while len(whole(journal).items) == LONG:
        journal.delete_list("ann", "kids")
    left = len(whole(journal).items)
    outcomes = journal.commit([kids.add(f"new {number}") for number in range(LONG - left + 1)])
    assert [outcome.status for outcome in outcomes] == [Status.ADDED] * (LONG - left) + [Status.REFUSED]
    assert outcomes[0].revision == LONG + 2
    assert len(whole(journal).items) == LONG
    dropped(journal)
    assert whole(journal).items == ()


def test_a_list_of_which_a_release_that_does_not_count_has_written_is_deleted_too(
    journal: SqlJournalStore, kids: Author, database_url: str
) -> None:
    fill(journal, kids, LONG)
    older = Database(database_url)
    with older.transaction(writing=True) as transaction:
        transaction.connection.execute(f"UPDATE heads SET counted_revision = 0 WHERE user_id = '{KIDS}'")
    older.close()
    while len(whole(journal).items) == LONG:
        journal.delete_list("ann", "kids")
    (added,) = journal.commit([kids.add("new")])
    assert added.status is Status.ADDED
    assert dropped(journal).revision is not None
