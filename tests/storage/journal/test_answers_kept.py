"""How long answers are kept, on both databases: as long as is promised, and no row for ever."""

import psycopg

from actors.messages.journal import Status
from storage.databases.database import Database
from storage.journal.answers import MARGIN_MS, PRUNE_ANSWERS_EVERY
from storage.journal.history import DEFAULT_MIN_ANSWER_AGE_MS, PRUNE_EVERY, HistoryLimits
from storage.journal.journal_store import SqlJournalStore
from tests.fakes.wall_clock import WallClock
from tests.storage.author import Author
from tests.storage.conftest import OpenJournal
from tests.storage.repeating import assert_repeats, commit

SHORT = HistoryLimits(max_operations=5)


def fill_answers(journal: SqlJournalStore, author: Author, name: str, number: int) -> None:
    """Have as many answers kept, in as many transactions."""
    wishes = [author.remove("nothing", operation_id=f"{name} {n}", observed=0) for n in range(number)]
    assert {outcome.status for outcome in commit(journal, *wishes)} == {Status.NOT_FOUND}


def kept(url: str) -> int:
    database = Database(url)
    with database.transaction(writing=False) as transaction:
        ((number,),) = transaction.connection.execute("SELECT count(*) FROM answers").fetchall()
    database.close()
    return int(number)


def test_an_answer_is_kept_for_thirty_days_and_then_forgotten(
    journal: SqlJournalStore, author: Author, wall_clock: WallClock
) -> None:
    remove = author.remove("alien", operation_id="x", observed=1_000)
    (first,) = journal.commit([remove])
    wall_clock.now_ms += DEFAULT_MIN_ANSWER_AGE_MS
    fill_answers(journal, author, "on the last day", PRUNE_ANSWERS_EVERY)
    assert_repeats(journal, remove, first)
    wall_clock.now_ms += MARGIN_MS + 1
    fill_answers(journal, author, "a day later", PRUNE_ANSWERS_EVERY)
    journal.commit([author.add("alien")])
    assert journal.commit([remove])[0].status is Status.REMOVED


def test_answers_are_forgotten_in_slices_as_new_ones_come(
    journal: SqlJournalStore, author: Author, wall_clock: WallClock, database_url: str
) -> None:
    old = 5 * PRUNE_ANSWERS_EVERY
    journal.commit([author.remove("x", operation_id=f"old {n}") for n in range(old)])
    fill_answers(journal, author, "so that the next is not due", 1)
    wall_clock.now_ms += DEFAULT_MIN_ANSWER_AGE_MS + MARGIN_MS + 1
    fill_answers(journal, author, "new", PRUNE_ANSWERS_EVERY - 2)
    assert kept(database_url) == old + PRUNE_ANSWERS_EVERY - 1
    fill_answers(journal, author, "due", 1)
    assert kept(database_url) == old - PRUNE_ANSWERS_EVERY
    fill_answers(journal, author, "and on", 2 * PRUNE_ANSWERS_EVERY)
    assert kept(database_url) == 3 * PRUNE_ANSWERS_EVERY - 1  # none of them is old


def test_an_answer_that_the_history_drops_is_kept_only_while_it_is_needed(
    open_journal: OpenJournal, database_url: str, author: Author, wall_clock: WallClock
) -> None:
    journal = open_journal(database_url, SHORT)
    journal.commit([author.add(f"film {n}", operation_id=f"old {n}") for n in range(PRUNE_EVERY - 10)])
    wall_clock.now_ms += DEFAULT_MIN_ANSWER_AGE_MS + MARGIN_MS + 1
    journal.commit([author.add(f"film {n}", tag=f"tv:{n + 1}", operation_id=f"new {n}") for n in range(10)])
    assert kept(database_url) == 10 - SHORT.max_operations


def test_answers_that_the_history_has_left_are_forgotten_as_it_drops_more(
    open_journal: OpenJournal, database_url: str, author: Author, wall_clock: WallClock
) -> None:
    journal = open_journal(database_url, SHORT)
    for name in ("old", "new"):
        journal.commit([author.add("alien", tag=f"{name} {n}", operation_id=f"{name} {n}") for n in range(PRUNE_EVERY)])
        assert kept(database_url) == PRUNE_EVERY - SHORT.max_operations, name
        wall_clock.now_ms += DEFAULT_MIN_ANSWER_AGE_MS + MARGIN_MS + 1


def test_an_answer_that_is_forgotten_takes_none_of_another_users_with_it(
    journal: SqlJournalStore, author: Author, wall_clock: WallClock
) -> None:
    journal.commit([author.remove("alien", operation_id="x")])
    wall_clock.now_ms += DEFAULT_MIN_ANSWER_AGE_MS + MARGIN_MS + 1
    remove = author.remove("alien", operation_id="x", observed=1_000, user="bob")
    (first,) = journal.commit([remove])
    fill_answers(journal, author, "until the next is due", PRUNE_ANSWERS_EVERY)
    journal.commit([author.add("alien", user="bob")])
    assert_repeats(journal, remove, first)


def test_an_answer_that_another_node_is_forgetting_is_not_waited_for(
    open_journal: OpenJournal, postgresql_url: str, author: Author, wall_clock: WallClock
) -> None:
    journal = open_journal(postgresql_url)
    journal.commit([author.remove("alien", operation_id=f"old {n}") for n in range(2)])
    wall_clock.now_ms += DEFAULT_MIN_ANSWER_AGE_MS + MARGIN_MS + 1
    with psycopg.connect(postgresql_url) as other:
        other.execute("SELECT * FROM answers WHERE operation_id = 'old 0' FOR UPDATE")
        fill_answers(journal, author, "new", PRUNE_ANSWERS_EVERY)
        assert kept(postgresql_url) == PRUNE_ANSWERS_EVERY + 1


def test_an_answer_is_the_first_where_an_older_node_has_done_its_operation_again(
    open_journal: OpenJournal, database_url: str, author: Author
) -> None:
    """Such a node knows nothing of ``answers``, and what it has recorded outlives it."""
    journal = open_journal(database_url, SHORT)
    remove, add = author.remove("alien", operation_id="x"), author.add("alien", operation_id="again")
    first, _ = commit(journal, remove, add)
    database = Database(database_url)
    with database.transaction(writing=True) as transaction:
        transaction.connection.execute("UPDATE operations SET operation_id = 'x'")
    database.close()
    assert_repeats(journal, remove, first)
    journal.commit([author.add(f"film {number}") for number in range(PRUNE_EVERY)])
    assert_repeats(journal, remove, first)
