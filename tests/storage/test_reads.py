"""Reading back, on both databases: changes since a revision, snapshots, and what is kept for how long."""

from collections.abc import Callable
from typing import Protocol

import pytest

from actors.messages.journal import Changes, Operation, Snapshot
from storage.database import Database
from storage.history import PRUNE_EVERY, HistoryLimits
from storage.journal_store import SqlJournalStore
from storage.schema import renew_epoch
from tests.whole_list import whole_list

DAY_MS = 24 * 3600 * 1000
OpenJournal = Callable[..., SqlJournalStore]


class Writes(Protocol):
    def content(self, name: str) -> str: ...
    def add(self, name: str, **options: object) -> Operation: ...
    def remove(self, name: str, **options: object) -> Operation: ...


class WallClock(Protocol):
    now_ms: int


def changes(journal: SqlJournalStore, revision: int, epoch: str | None = None) -> Changes:
    answer = journal.since("ann", revision, epoch)
    assert isinstance(answer, Changes)
    return answer


def snapshot(journal: SqlJournalStore, revision: int, epoch: str | None = None) -> Snapshot:
    answer = journal.since("ann", revision, epoch)
    assert isinstance(answer, Snapshot)
    return answer


def test_changes_are_what_was_answered_to_the_writers(journal: SqlJournalStore, author: Writes) -> None:
    outcomes = journal.commit([author.add("alien"), author.add("brazil"), author.remove("alien", operation_id="r")])
    updates = tuple(outcome.update for outcome in outcomes)
    assert changes(journal, 0).updates == updates
    assert changes(journal, 2).updates == updates[2:]
    assert changes(journal, 3).updates == ()
    assert [changes(journal, n).revision for n in range(4)] == [3, 3, 3, 3]


def test_a_user_who_never_wrote_is_up_to_date_at_zero(journal: SqlJournalStore) -> None:
    assert changes(journal, 0).revision == 0
    assert whole_list(journal) == Snapshot(
        user_id="ann", epoch=changes(journal, 0).epoch, revision=0, items=(), reason="epoch_changed"
    )


def test_another_users_changes_are_not_shown(journal: SqlJournalStore, author: Writes) -> None:
    journal.commit([author.add("alien"), author.add("brazil", user="bob")])
    assert [update.user_id for update in changes(journal, 0).updates] == ["ann"]
    assert [item.content_id for item in whole_list(journal).items] == [author.content("alien")]


def test_a_snapshot_is_the_list_newest_first_at_the_heads_revision(journal: SqlJournalStore, author: Writes) -> None:
    journal.commit([author.add("alien"), author.add("brazil"), author.add("clue"), author.remove("brazil")])
    journal.commit([author.add("alien", device="phone")])
    answer = whole_list(journal)
    assert answer.revision == 5
    assert [(i.content_id, i.tag, i.added_revision, i.device_id) for i in answer.items] == [
        (author.content("alien"), "syncd:4", 5, "phone"),
        (author.content("clue"), "syncd:3", 3, "tv"),
    ]


def test_ten_thousand_items_come_whole(journal: SqlJournalStore, author: Writes) -> None:
    for start in range(0, 10_000, 500):
        journal.commit([author.add(f"film {number}") for number in range(start, start + 500)])
    assert len(changes(journal, 0).updates) == 10_000
    assert len({item.content_id for item in whole_list(journal).items}) == 10_000


# Epochs


def test_the_epoch_is_the_databases_and_outlives_the_process(
    journal: SqlJournalStore, open_journal: OpenJournal, database_url: str
) -> None:
    epoch = changes(journal, 0).epoch
    journal.close()
    assert changes(open_journal(database_url), 0, epoch).epoch == epoch


def test_a_revision_of_another_epoch_is_answered_with_a_snapshot(journal: SqlJournalStore, author: Writes) -> None:
    journal.commit([author.add("alien")])
    answer = snapshot(journal, 1, "0123456789abcdef0123456789abcdef")
    assert (answer.reason, answer.revision, len(answer.items)) == ("epoch_changed", 1, 1)
    assert changes(journal, 1, answer.epoch).revision == 1


def test_a_revision_that_the_journal_never_reached_shows_a_restored_database(
    journal: SqlJournalStore, author: Writes
) -> None:
    journal.commit([author.add("alien")])
    assert snapshot(journal, 2).reason == "epoch_changed"


def test_a_restored_database_can_be_declared_one(journal: SqlJournalStore, author: Writes, database_url: str) -> None:
    journal.commit([author.add("alien")])
    epoch = changes(journal, 1).epoch
    renew_epoch(database_url)
    answer = snapshot(journal, 1, epoch)
    assert answer.reason == "epoch_changed"
    assert answer.epoch != epoch


# Pruning


@pytest.fixture
def short_history(open_journal: OpenJournal, database_url: str) -> SqlJournalStore:
    return open_journal(database_url, history=HistoryLimits(max_operations=30, max_age_ms=30 * DAY_MS))


def fill(journal: SqlJournalStore, author: Writes, operations: int, start: int = 0) -> None:
    journal.commit([author.add(f"film {number}", operation_id=f"op {number}") for number in range(start, operations)])


def test_history_beyond_its_length_is_dropped_and_the_list_stays(
    short_history: SqlJournalStore, author: Writes
) -> None:
    fill(short_history, author, PRUNE_EVERY)
    assert len(changes(short_history, PRUNE_EVERY - 30).updates) == 30
    answer = snapshot(short_history, PRUNE_EVERY - 31)
    assert (answer.reason, answer.revision, len(answer.items)) == ("history_pruned", PRUNE_EVERY, PRUNE_EVERY)


def test_history_is_dropped_write_by_write_and_in_batches_that_jump(
    short_history: SqlJournalStore, author: Writes
) -> None:
    fill(short_history, author, PRUNE_EVERY - 1)
    assert len(changes(short_history, 0).updates) == PRUNE_EVERY - 1
    fill(short_history, author, PRUNE_EVERY, start=PRUNE_EVERY - 1)
    assert snapshot(short_history, 0).reason == "history_pruned"
    fill(short_history, author, 3 * PRUNE_EVERY + 50, start=PRUNE_EVERY)
    assert len(changes(short_history, 3 * PRUNE_EVERY + 20).updates) == 30
    assert snapshot(short_history, 3 * PRUNE_EVERY + 19).reason == "history_pruned"


def test_history_beyond_its_age_is_dropped_when_the_user_writes_on(
    open_journal: OpenJournal, database_url: str, author: Writes, wall_clock: WallClock
) -> None:
    journal = open_journal(database_url)
    fill(journal, author, 60)
    wall_clock.now_ms += 20 * DAY_MS
    fill(journal, author, 90, start=60)
    wall_clock.now_ms += 20 * DAY_MS
    assert len(changes(journal, 0).updates) == 90
    fill(journal, author, PRUNE_EVERY, start=90)
    assert [update.revision for update in changes(journal, 60).updates] == list(range(61, PRUNE_EVERY + 1))
    assert snapshot(journal, 59).reason == "history_pruned"


def test_what_the_history_forgot_may_be_done_again(short_history: SqlJournalStore, author: Writes) -> None:
    fill(short_history, author, PRUNE_EVERY)
    kept, forgotten = short_history.commit(
        [author.add("film 99", operation_id="op 99"), author.add("film 0", operation_id="op 0")]
    )
    assert not kept.is_new
    assert forgotten.is_new


def test_a_tag_that_the_history_forgot_is_still_known(short_history: SqlJournalStore, author: Writes) -> None:
    short_history.commit([author.add("alien", tag="phone:1"), author.add("brazil", tag="phone:2")])
    short_history.commit([author.remove("brazil")])
    fill(short_history, author, PRUNE_EVERY)
    again = [author.add("alien", tag="phone:1"), author.add("brazil", tag="phone:2"), author.add("clue", tag="phone:1")]
    outcomes = [short_history.commit([operation])[0] for operation in again]
    assert [outcome.status for outcome in outcomes] == ["existing", "removed", "refused"]


def test_a_history_with_a_hole_is_never_passed_off_as_whole(
    journal: SqlJournalStore, author: Writes, database_url: str
) -> None:
    journal.commit([author.add("alien"), author.add("brazil"), author.add("clue")])
    database = Database(database_url)
    with database.transaction(writing=True) as connection:  # as a node does that prunes while another reads
        connection.exec_driver_sql("DELETE FROM operations WHERE revision = 2")
    database.close()
    assert snapshot(journal, 0).reason == "history_pruned"
    assert len(changes(journal, 2).updates) == 1
