"""Reading back, on both databases: changes since a revision, snapshots, epochs."""

from actors.messages.journal import Changes, Snapshot
from storage.database import Database
from storage.journal_store import SqlJournalStore
from storage.reads import read_head, read_since
from tests.storage.author import Author
from tests.storage.conftest import OpenJournal
from tests.storage.reading import changes, snapshot
from tests.whole_list import whole_list


def test_changes_are_what_was_answered_to_the_writers(journal: SqlJournalStore, author: Author) -> None:
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


def test_another_users_changes_are_not_shown(journal: SqlJournalStore, author: Author) -> None:
    journal.commit([author.add("alien"), author.add("brazil", user="bob")])
    assert [update.user_id for update in changes(journal, 0).updates] == ["ann"]
    assert [item.content_id for item in whole_list(journal).items] == [author.content("alien")]


def test_a_snapshot_is_the_list_newest_first_at_the_heads_revision(journal: SqlJournalStore, author: Author) -> None:
    journal.commit([author.add("alien"), author.add("brazil"), author.add("clue"), author.remove("brazil")])
    journal.commit([author.add("alien", device="phone")])
    answer = whole_list(journal)
    assert answer.revision == 5
    assert [(i.content_id, i.tag, i.added_revision, i.device_id) for i in answer.items] == [
        (author.content("alien"), "syncd:4", 5, "phone"),
        (author.content("clue"), "syncd:3", 3, "tv"),
    ]


def test_ten_thousand_items_come_whole(journal: SqlJournalStore, author: Author) -> None:
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


def test_a_revision_of_another_epoch_is_answered_with_a_snapshot(journal: SqlJournalStore, author: Author) -> None:
    journal.commit([author.add("alien")])
    answer = snapshot(journal, 1, "0123456789abcdef0123456789abcdef")
    assert (answer.reason, answer.revision, len(answer.items)) == ("epoch_changed", 1, 1)
    assert changes(journal, 1, answer.epoch).revision == 1


def test_a_revision_that_the_journal_never_reached_shows_a_restored_database(
    journal: SqlJournalStore, author: Author
) -> None:
    journal.commit([author.add("alien")])
    assert snapshot(journal, 2).reason == "epoch_changed"


def test_a_history_with_a_hole_is_never_passed_off_as_whole(
    journal: SqlJournalStore, author: Author, database_url: str
) -> None:
    journal.commit([author.add("alien"), author.add("brazil"), author.add("clue")])
    database = Database(database_url)
    with database.transaction(writing=True) as transaction:  # as a node does that prunes while another reads
        transaction.connection.execute("DELETE FROM operations WHERE revision = 2")
    database.close()
    assert snapshot(journal, 0).reason == "history_pruned"
    assert len(changes(journal, 2).updates) == 1


def test_every_head_names_the_databases_epoch(journal: SqlJournalStore, author: Author) -> None:
    journal.commit([author.add("a")])
    known, unknown = journal.heads(["ann", "nobody"])
    assert (known.revision, unknown.revision) == (1, 0)
    assert known.epoch == unknown.epoch == whole_list(journal).epoch
    assert journal.heads([]) == []


def test_a_transaction_that_reads_sees_one_revision_throughout(
    journal: SqlJournalStore, author: Author, database_url: str
) -> None:
    journal.commit([author.add("alien")])
    database = Database(database_url)
    with database.transaction(writing=False) as transaction:
        assert read_head(transaction, "ann")[1] == 1
        journal.commit([author.add("brazil"), author.remove("alien")])
        answer = read_since(transaction, "ann", 0, None)
    database.close()
    assert isinstance(answer, Changes)
    assert [update.content_id for update in answer.updates] == [author.content("alien")]
