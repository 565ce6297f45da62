"""What is kept of a history and for how long, on both databases."""

import pytest

from actors.messages.journal_reads import ChangesExpired
from storage.databases.database import Database
from storage.journal.history import DEFAULT_HISTORY, PRUNE_EVERY, HistoryLimits, is_due
from storage.journal.journal_store import SqlJournalStore
from storage.journal.reads import read_head
from tests.fakes.wall_clock import WallClock
from tests.storage.author import Author
from tests.storage.conftest import OpenJournal
from tests.storage.reading import expired, updates
from tests.whole_list import whole_list

DAY_MS = 24 * 3600 * 1000


@pytest.fixture
def short_history(open_journal: OpenJournal, database_url: str) -> SqlJournalStore:
    return open_journal(database_url, history=HistoryLimits(max_operations=30, max_age_ms=30 * DAY_MS))


def fill(journal: SqlJournalStore, author: Author, operations: int, start: int = 0) -> None:
    journal.commit([author.add(f"film {number}", operation_id=f"op {number}") for number in range(start, operations)])


def test_history_beyond_its_length_is_dropped_and_the_list_stays(
    short_history: SqlJournalStore, author: Author
) -> None:
    fill(short_history, author, PRUNE_EVERY)
    assert len(updates(short_history, PRUNE_EVERY - 30)) == 30
    assert expired(short_history, PRUNE_EVERY - 31) == ChangesExpired("history_pruned", PRUNE_EVERY)
    assert len(whole_list(short_history).items) == PRUNE_EVERY


def test_where_a_history_begins_is_in_its_head(
    short_history: SqlJournalStore, author: Author, database_url: str
) -> None:
    fill(short_history, author, PRUNE_EVERY)
    database = Database(database_url)
    with database.transaction(writing=False) as transaction:
        _, *head = read_head(transaction, "ann")
    database.close()
    assert head == [PRUNE_EVERY, PRUNE_EVERY - 29]


def test_history_is_dropped_write_by_write_and_in_batches_that_jump(
    short_history: SqlJournalStore, author: Author
) -> None:
    fill(short_history, author, PRUNE_EVERY - 1)
    assert len(updates(short_history)) == PRUNE_EVERY - 1
    fill(short_history, author, PRUNE_EVERY, start=PRUNE_EVERY - 1)
    assert expired(short_history, 0).reason == "history_pruned"
    fill(short_history, author, 3 * PRUNE_EVERY + 50, start=PRUNE_EVERY)
    assert len(updates(short_history, 3 * PRUNE_EVERY + 20)) == 30
    assert expired(short_history, 3 * PRUNE_EVERY + 19).reason == "history_pruned"


def test_history_beyond_its_age_is_dropped_when_the_user_writes_on(
    open_journal: OpenJournal, database_url: str, author: Author, wall_clock: WallClock
) -> None:
    journal = open_journal(database_url)
    fill(journal, author, 60)
    wall_clock.now_ms += 20 * DAY_MS
    fill(journal, author, 90, start=60)
    wall_clock.now_ms += 20 * DAY_MS
    journal.commit([author.add(f"film {number}", user="bob") for number in range(90)])  # young, as none of ann's is
    assert len(updates(journal)) == 90
    journal.commit([author.add(f"film {number}") for number in range(90, PRUNE_EVERY)])
    assert [update.revision for update in updates(journal, 60)] == list(range(61, PRUNE_EVERY + 1))
    assert expired(journal, 59).reason == "history_pruned"


def test_nobodys_history_is_dropped_by_what_another_writes(short_history: SqlJournalStore, author: Author) -> None:
    short_history.commit([author.add(f"film {number}", user="bob") for number in range(PRUNE_EVERY - 1)])
    fill(short_history, author, PRUNE_EVERY)
    assert expired(short_history, 0).reason == "history_pruned"
    assert len(updates(short_history, user="bob")) == PRUNE_EVERY - 1


def test_what_the_history_forgot_is_not_done_again(short_history: SqlJournalStore, author: Author) -> None:
    fill(short_history, author, PRUNE_EVERY)
    kept, forgotten = short_history.commit(
        [author.add("film 99", operation_id="op 99"), author.add("film 0", operation_id="op 0")]
    )
    assert not kept.is_new
    assert not forgotten.is_new


def test_a_tag_that_the_history_forgot_is_still_known(short_history: SqlJournalStore, author: Author) -> None:
    short_history.commit([author.add("alien", tag="phone:1"), author.add("brazil", tag="phone:2")])
    short_history.commit([author.remove("brazil")])
    fill(short_history, author, PRUNE_EVERY)
    again = [author.add("alien", tag="phone:1"), author.add("brazil", tag="phone:2"), author.add("clue", tag="phone:1")]
    outcomes = [short_history.commit([operation])[0] for operation in again]
    assert [outcome.status for outcome in outcomes] == ["existing", "removed", "removed"]
    assert not any(outcome.is_new for outcome in outcomes)


def test_the_limits_are_those_that_are_documented() -> None:
    a_month_ms = 30 * DAY_MS
    limits = HistoryLimits(max_operations=10_000, max_age_ms=a_month_ms, min_answer_age_ms=a_month_ms, prune_every=100)
    assert limits == DEFAULT_HISTORY


@pytest.mark.parametrize(
    ("before", "after", "due"),
    [
        (0, 1, False),
        (0, PRUNE_EVERY - 1, False),
        (PRUNE_EVERY - 1, PRUNE_EVERY, True),
        (PRUNE_EVERY, PRUNE_EVERY + 1, False),
        (1, 3 * PRUNE_EVERY, True),
    ],
)
def test_one_write_in_many_prunes_and_so_does_a_batch_that_passes_it(before: int, after: int, due: bool) -> None:
    assert is_due(before, after) is due


def test_how_many_writes_prune_is_a_limit_too(open_journal: OpenJournal, database_url: str, author: Author) -> None:
    journal = open_journal(database_url, history=HistoryLimits(max_operations=3, prune_every=5))
    fill(journal, author, 5)
    assert expired(journal, 1) == ChangesExpired("history_pruned", 5)
    assert len(updates(journal, 2)) == 3
