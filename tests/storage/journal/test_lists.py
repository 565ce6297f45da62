"""Lists beside the watchlist: lines of their own, created by their first add, named, deleted."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from actors.messages.collections import DEVICES, PROGRESS, collection_of_list, line_of
from actors.messages.journal import Outcome, Status
from actors.messages.journal_reads import Changes, ChangesExpired, Page
from actors.messages.lists import ListDeleted
from storage.databases.database import Database
from storage.journal.answers import AnswerKeeping
from storage.journal.commit import commit
from storage.journal.history import DEFAULT_HISTORY
from storage.journal.journal_store import SqlJournalStore
from storage.rules.bounds import DEFAULT_BOUNDS, Bounds
from tests.storage.author import Author
from tests.storage.conftest import OpenJournal
from tests.timeouts import TIMEOUT_S

KIDS = line_of("ann", collection_of_list("kids"))


@pytest.fixture
def kids() -> Author:
    """Writes to a list of ann's."""
    return Author(KIDS)


def names(journal: SqlJournalStore, user_id: str = "ann") -> list[tuple[str, str, int]]:
    return [(one.list, one.name, one.revision) for one in journal.lists(user_id).lists]


def contents(journal: SqlJournalStore, line: str) -> set[str]:
    page = journal.page(line, 100, None)
    assert isinstance(page, Page)
    return {item.content_id for item in page.items}


def test_a_list_begins_with_its_first_add_and_has_revisions_of_its_own(
    journal: SqlJournalStore, author: Author, kids: Author
) -> None:
    outcomes = journal.commit([author.add("alien"), author.add("brazil"), kids.add("dumbo")])
    assert [outcome.revision for outcome in outcomes] == [1, 2, 1]
    assert names(journal) == [("kids", "kids", 1)]
    assert contents(journal, KIDS) == {kids.content("dumbo")}
    assert contents(journal, "ann") == {author.content("alien"), author.content("brazil")}
    assert [head.revision for head in journal.heads(["ann", KIDS, "bob"])] == [2, 1, 0]


def test_a_list_may_begin_beside_writes_to_others_of_its_user(
    journal: SqlJournalStore, author: Author, kids: Author
) -> None:
    journal.commit([author.add("alien"), kids.add("dumbo")])
    later = Author(line_of("ann", collection_of_list("later")))
    outcomes = journal.commit([kids.add("bambi"), later.add("alien"), author.add("brazil")])
    assert [(outcome.revision, outcome.begins_list) for outcome in outcomes] == [(2, False), (1, True), (2, False)]


def test_an_operation_id_is_known_in_its_list_alone(journal: SqlJournalStore, author: Author, kids: Author) -> None:
    here, there = author.add("alien", operation_id="x"), kids.add("alien", operation_id="x")
    assert [outcome.is_new for outcome in journal.commit([here, there])] == [True, True]
    assert [outcome.is_new for outcome in journal.commit([here, there])] == [False, False]


def test_the_first_add_of_a_list_that_was_not_there_says_so_and_no_other(
    journal: SqlJournalStore, author: Author, kids: Author
) -> None:
    first = kids.add("dumbo", operation_id="x")
    refused = kids.add("alien", tag="syncd:9")
    batch = [author.add("alien"), refused, first, first, kids.add("bambi")]
    assert [outcome.begins_list for outcome in journal.commit(batch)] == [False, False, True, False, False]
    assert [outcome.begins_list for outcome in journal.commit([first, kids.add("alien")])] == [False, False]
    journal.delete_list("ann", "kids")
    assert [outcome.begins_list for outcome in journal.commit([first, kids.add("alien")])] == [False, True]


def test_a_remove_makes_no_list(journal: SqlJournalStore, kids: Author) -> None:
    (outcome,) = journal.commit([kids.remove("dumbo")])
    assert outcome.status is Status.NOT_FOUND
    assert names(journal) == []


def test_an_add_that_is_refused_makes_no_list(journal: SqlJournalStore, kids: Author) -> None:
    refused = kids.add("dumbo", tag="syncd:9", operation_id="unknown tag")
    assert [outcome.status for outcome in journal.commit([refused])] == [Status.REFUSED]
    assert names(journal) == []
    again, taken = journal.commit([refused, kids.add("bambi")])
    assert (again.status, taken.revision) == (Status.REFUSED, 1)
    assert names(journal) == [("kids", "kids", 1)]


def test_more_lists_than_a_user_may_have_are_refused_by_the_bound_and_all_else_is_taken(
    open_journal: OpenJournal, database_url: str, author: Author
) -> None:
    journal = open_journal(database_url, bounds=Bounds(lists_per_user=2))
    adds = [Author(line_of("ann", collection_of_list(name))).add("alien") for name in ("a", "b", "c")]
    outcomes = journal.commit([*adds, author.add("alien")])
    assert [outcome.quota for outcome in outcomes] == [None, None, "lists_per_user", None]
    assert (outcomes[2].field, "2 lists" in (outcomes[2].reason or "")) == ("list", True)
    assert journal.put_list("ann", "c", "C").problem == outcomes[2].reason
    assert journal.put_list("bob", "c", "C").is_new  # another user's
    journal.delete_list("ann", "a")
    assert journal.commit([adds[2]])[0].status is Status.ADDED


def test_a_list_is_made_and_renamed_by_its_name(journal: SqlJournalStore, kids: Author) -> None:
    assert journal.put_list("ann", "kids", "For the kids").is_new
    assert names(journal) == [("kids", "For the kids", 0)]
    assert journal.commit([kids.add("dumbo")])[0].revision == 1
    again = journal.put_list("ann", "kids", "Für die Kinder")
    assert (again.is_new, again.revision) == (False, 1)
    assert names(journal) == [("kids", "Für die Kinder", 1)]


def test_whoever_has_seen_a_deleted_list_takes_no_later_one_for_it(journal: SqlJournalStore, kids: Author) -> None:
    journal.commit([kids.add("dumbo"), kids.add("bambi"), kids.remove("dumbo")])
    assert journal.delete_list("ann", "kids").revision == 4
    assert names(journal) == []
    assert contents(journal, KIDS) == set()
    for since in (0, 3):
        assert journal.changes(KIDS, since, 10, None) == ChangesExpired("history_pruned", 4)
    (added,) = journal.commit([kids.add("alien")])
    assert added.revision == 5
    assert contents(journal, KIDS) == {kids.content("alien")}
    since_the_end = journal.changes(KIDS, 4, 10, None)
    assert isinstance(since_the_end, Changes)
    assert len(since_the_end.updates) == 1
    assert isinstance(journal.changes(KIDS, 3, 10, None), ChangesExpired)


def test_a_list_goes_on_behind_the_longest_that_its_user_has_deleted(
    journal: SqlJournalStore, author: Author, kids: Author
) -> None:
    later, of_bob = (Author(line_of(user_id, collection_of_list("later"))) for user_id in ("ann", "bob"))
    journal.commit([kids.add("dumbo"), kids.add("bambi"), later.add("alien"), author.add("brazil", user="bob")])
    assert [journal.delete_list("ann", name).revision for name in ("kids", "later")] == [3, 2]
    assert [outcome.revision for outcome in journal.commit([kids.add("dumbo"), of_bob.add("alien")])] == [4, 1]


def test_where_nothing_was_written_begins_at_0_but_a_list_where_one_was_deleted(
    journal: SqlJournalStore, kids: Author
) -> None:
    journal.commit([kids.add("dumbo")])
    journal.delete_list("ann", "kids")
    collections = (collection_of_list("later"), PROGRESS, DEVICES)
    for user_id, revisions in (("ann", [2, 0, 0]), ("bob", [0, 0, 0])):
        lines = [line_of(user_id, collection) for collection in collections]
        assert [head.revision for head in journal.heads(lines)] == revisions
        begun = [journal.changes(line, 0, 10, None) for line in lines]
        assert [isinstance(answer, Changes) for answer in begun] == [revision == 0 for revision in revisions]


def test_what_was_done_in_a_deleted_list_is_answered_as_at_first_and_does_not_bring_it_back(
    journal: SqlJournalStore, kids: Author
) -> None:
    add = kids.add("dumbo", operation_id="x")
    (first,) = journal.commit([add])
    journal.delete_list("ann", "kids")
    (again,) = journal.commit([add])
    assert (again.status, again.revision, again.is_new) == (first.status, first.revision, False)
    assert names(journal) == []


def test_there_is_nothing_to_delete_where_there_is_no_list(journal: SqlJournalStore) -> None:
    assert journal.delete_list("ann", "kids").revision is None


def test_a_journal_whose_latest_write_was_to_a_list_that_is_gone_is_no_older_one(
    open_journal: Callable[..., SqlJournalStore], sqlite_url: str, kids: Author
) -> None:
    journal = open_journal(sqlite_url)
    journal.commit([kids.add("dumbo")])
    journal.delete_list("ann", "kids")
    journal.close()
    assert open_journal(sqlite_url).commit([kids.add("dumbo")])[0].status is Status.ADDED


@pytest.mark.integration
@pytest.mark.parametrize("edit", ["add", "name", "delete"])
def test_a_list_that_another_node_creates_at_that_moment_is_found(
    open_journal: OpenJournal, postgresql_url: str, author: Author, kids: Author, edit: str
) -> None:
    def write() -> object:
        if edit == "add":
            return journal.commit([kids.add("dumbo")])[0].revision
        return journal.put_list("ann", "kids", "Kids").is_new if edit == "name" else journal.delete_list("ann", "kids")

    journal = open_journal(postgresql_url)
    journal.commit([author.add("alien")])
    watched, held = (psycopg.connect(postgresql_url, autocommit=auto) for auto in (True, False))
    with watched as watcher, held as other, ThreadPoolExecutor(1) as thread:
        other.execute("SELECT * FROM heads WHERE user_id = 'ann' FOR UPDATE")
        writing = thread.submit(write)
        waiting = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
        while not watcher.execute(waiting).fetchall():
            pass
        head = "INSERT INTO heads (user_id, revision, first_revision, minted, clock, clock_node)"
        other.execute(f"{head} VALUES ('{KIDS}', 6, 7, 0, 0, '')".encode())
        other.execute("INSERT INTO lists (user_id, list, title) VALUES ('ann', 'kids', 'theirs')")
        other.commit()
        assert writing.result(timeout=TIMEOUT_S) == {"add": 7, "name": False, "delete": ListDeleted(7)}[edit]


@pytest.mark.integration
def test_a_list_that_another_node_creates_while_something_is_removed_from_it_is_not_taken_for_one_that_is_not_there(
    open_journal: OpenJournal, postgresql_url: str, author: Author, kids: Author
) -> None:
    def remove() -> list[Outcome] | None:
        with database.transaction(writing=True) as transaction:
            batch = [author.add("brazil"), kids.remove("dumbo", operation_id="x")]
            keeping = AnswerKeeping(DEFAULT_HISTORY.min_answer_age_ms)
            return commit(transaction, batch, 0, DEFAULT_HISTORY, keeping, DEFAULT_BOUNDS, create_heads=True)

    journal = open_journal(postgresql_url)
    journal.commit([author.add("alien"), kids.add("bambi")])
    journal.delete_list("ann", "kids")
    database = Database(postgresql_url)
    watched, held = (psycopg.connect(postgresql_url, autocommit=auto) for auto in (True, False))
    with watched as watcher, held as other, ThreadPoolExecutor(1) as thread:
        other.execute("SELECT * FROM heads WHERE user_id = 'ann' FOR UPDATE")
        removing = thread.submit(remove)
        while not watcher.execute("SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'").fetchall():
            pass
        head = "INSERT INTO heads (user_id, revision, first_revision, minted, clock, clock_node, items)"
        other.execute(f"{head} VALUES ('{KIDS}', 3, 3, 3, 0, '', 1)".encode())
        entry = "INSERT INTO entries (user_id, content_id, tag, added_revision, timestamp, node, device_id)"
        other.execute(f"{entry} VALUES ('{KIDS}', '{kids.content('dumbo')}', 'syncd:3', 3, 0, '', 'tv')".encode())
        other.commit()
        assert removing.result(timeout=TIMEOUT_S) is None
    database.close()
    assert journal.heads([KIDS])[0].revision == 3
    (removed,) = journal.commit([kids.remove("dumbo", operation_id="x")])
    assert (removed.status, removed.revision) == (Status.REMOVED, 4)


@pytest.mark.integration
def test_what_is_removed_from_a_list_that_is_not_there_by_two_nodes_at_once_has_one_answer(
    open_journal: OpenJournal, postgresql_url: str, author: Author, kids: Author
) -> None:
    journal = open_journal(postgresql_url)
    journal.commit([author.add("alien")])
    remove = kids.remove("dumbo", operation_id="x")
    watched, held = (psycopg.connect(postgresql_url, autocommit=auto) for auto in (True, False))
    with watched as watcher, held as other, ThreadPoolExecutor(1) as thread:
        other.execute("SELECT * FROM heads WHERE user_id = 'ann' FOR UPDATE")
        answer = "INSERT INTO answers (user_id, operation_id, kind, content_id, status, recorded_ms)"
        row = f"'{KIDS}', 'x', 'watchlist.remove', '{remove.content_id}', 'not_found', {2**62}"
        other.execute(f"{answer} VALUES ({row})".encode())
        removing = thread.submit(journal.commit, [remove])
        while not watcher.execute("SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'").fetchall():
            pass
        other.commit()
        assert removing.result(timeout=TIMEOUT_S)[0].status is Status.NOT_FOUND
