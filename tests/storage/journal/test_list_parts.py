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


def test_no_part_is_longer_than_the_bound_and_nothing_is_left_but_answers(
    journal: SqlJournalStore, kids: Author, database_url: str
) -> None:
    fill(journal, kids, LONG)
    heads, sizes = list[int](), [LONG]
    while (deleted := journal.delete_list("ann", "kids")).has_more:
        heads.append(deleted.revision or 0)
        sizes.append(len(whole(journal).items))
    assert heads == sorted(heads)
    assert max(before - after for before, after in pairwise(sizes)) <= DROPPED_AT_ONCE + 1
    assert sizes[-1] <= DROPPED_AT_ONCE
    assert deleted.revision == heads[-1] + 1
    database = Database(database_url)
    with database.transaction(writing=False) as transaction:
        for table in ("operations", "entries", "contexts", "heads"):
            rows = transaction.connection.execute(f"SELECT count(*) FROM {table} WHERE user_id = '{KIDS}'")
            assert rows.fetchall() == [(0,)], table
    database.close()
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
