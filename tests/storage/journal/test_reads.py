"""Reading back, on both databases: changes since a revision, snapshots, epochs."""

from itertools import count

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from actors.messages.conversion import device_update
from actors.messages.journal_reads import Changes, ChangesExpired, Page
from crdt.hlc import MAX_PHYSICAL, HLCTimestamp
from storage.databases.database import Database
from storage.journal.journal_store import SqlJournalStore
from storage.journal.listing import read_page
from storage.journal.reads import read_changes, read_head
from tests.storage.author import Author
from tests.storage.conftest import OpenJournal
from tests.storage.reading import changes, expired, shown, updates
from tests.whole_list import whole_list
from transport.websocket.device_codec import encode
from transport.wire.frames import frame


def test_changes_are_what_was_answered_to_the_writers(journal: SqlJournalStore, author: Author) -> None:
    outcomes = journal.commit([author.add("alien"), author.add("brazil"), author.remove("alien", operation_id="r")])
    assert updates(journal) == shown(outcomes)
    assert updates(journal, 2) == shown(outcomes[2:])
    assert updates(journal, 3) == []
    assert [changes(journal, n).revision for n in range(4)] == [3, 3, 3, 3]


def test_changes_come_in_slices_that_say_where_the_journal_stands(journal: SqlJournalStore, author: Author) -> None:
    journal.commit([author.add(f"film {number}") for number in range(5)])
    slices = [changes(journal, revision, limit=2) for revision in (0, 2, 4, 5)]
    assert [(part.revision, len(part.updates), part.head, part.has_more) for part in slices] == [
        (2, 2, 5, True),
        (4, 2, 5, True),
        (5, 1, 5, False),
        (5, 0, 5, False),
    ]


NAMES = st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1, max_size=40)
WRITES = st.lists(
    st.tuples(st.sampled_from("ar"), st.sampled_from("xyz"), NAMES, st.integers(0, MAX_PHYSICAL >> 1), NAMES),
    min_size=1,
    max_size=6,
)
examples = count()


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(writes=WRITES)
def test_devices_get_the_same_bytes_of_what_was_read_as_of_what_was_committed(
    journal: SqlJournalStore, author: Author, writes: list[tuple[str, str, str, int, str]]
) -> None:
    user = f"ann {next(examples)}"  # all examples share the database
    operations = [
        (author.add if action == "a" else author.remove)(
            content, device=device, user=user, observed=0, timestamp=HLCTimestamp(physical, physical % 7, node)
        )
        for action, content, device, physical, node in writes
    ]
    committed = [outcome.update for outcome in journal.commit(operations) if outcome.update]
    assert tuple(map(frame, changes(journal, 0, user=user).updates)) == tuple(
        encode(device_update(update)) for update in committed
    )


def test_a_user_who_never_wrote_is_up_to_date_at_zero(journal: SqlJournalStore) -> None:
    assert changes(journal, 0).revision == 0
    assert whole_list(journal) == Page(line="ann", epoch=changes(journal, 0).epoch, revision=0, items=())


def test_another_users_changes_are_not_shown(journal: SqlJournalStore, author: Author) -> None:
    journal.commit([author.add("alien"), author.add("brazil", user="bob")])
    assert [update.content_id for update in updates(journal)] == [author.content("alien")]
    assert [item.content_id for item in whole_list(journal).items] == [author.content("alien")]


def test_the_list_is_newest_first_at_the_heads_revision(journal: SqlJournalStore, author: Author) -> None:
    journal.commit([author.add("alien"), author.add("brazil"), author.add("clue"), author.remove("brazil")])
    journal.commit([author.add("alien", device="phone")])
    answer = whole_list(journal)
    assert answer.revision == 5
    assert [(i.content_id, i.tag, i.added_revision, i.device_id) for i in answer.items] == [
        (author.content("alien"), "syncd:4", 5, "phone"),
        (author.content("clue"), "syncd:3", 3, "tv"),
    ]


def is_list_told(journal: SqlJournalStore, since: int, limit: int) -> bool:
    """Whether a device that prefers the list where that is shorter is told to read it."""
    answer = journal.changes("ann", since, limit, None, prefers_list=True)
    if isinstance(answer, ChangesExpired):
        assert answer.reason == "list_is_shorter"
        return True
    assert answer == changes(journal, since, limit=limit)  # which does not prefer it
    return False


def test_a_list_is_told_in_place_of_more_than_a_slice_of_changes_that_are_no_fewer_than_its_items(
    journal: SqlJournalStore, author: Author
) -> None:
    journal.commit([author.add(f"film {number}") for number in range(6)])
    assert is_list_told(journal, 0, 5)
    assert not is_list_told(journal, 0, 6)  # one slice
    assert not is_list_told(journal, 1, 4)  # fewer than there are items
    journal.commit([author.remove("film 0")])
    assert is_list_told(journal, 1, 5)
    assert not is_list_told(journal, 7, 5)
    journal.commit([author.remove(f"film {number}") for number in range(1, 6)])
    assert not is_list_told(journal, 7, 5)  # one slice, though there is no item left
    assert is_list_told(journal, 6, 5)


def test_a_list_that_a_release_without_counts_has_written_is_taken_for_as_long_as_it_can_be(
    journal: SqlJournalStore, author: Author, database_url: str
) -> None:
    journal.commit([author.add("alien"), author.remove("alien"), author.add("brazil"), author.remove("brazil")])
    assert is_list_told(journal, 1, 2)
    database = Database(database_url)
    with database.transaction(writing=True) as transaction:
        transaction.connection.execute("UPDATE heads SET counted_revision = 0")
    database.close()
    assert not is_list_told(journal, 1, 2)
    assert is_list_told(journal, 0, 2)


def test_ten_thousand_items_come_whole(journal: SqlJournalStore, author: Author) -> None:
    for start in range(0, 10_000, 500):
        journal.commit([author.add(f"film {number}") for number in range(start, start + 500)])
    assert len(updates(journal)) == 10_000
    assert len({item.content_id for item in whole_list(journal).items}) == 10_000


# Epochs


def test_the_epoch_is_the_databases_and_outlives_the_process(
    journal: SqlJournalStore, open_journal: OpenJournal, database_url: str
) -> None:
    epoch = changes(journal, 0).epoch
    journal.close()
    assert changes(open_journal(database_url), 0, epoch).epoch == epoch


def test_what_follows_a_revision_of_another_epoch_is_not_told(journal: SqlJournalStore, author: Author) -> None:
    journal.commit([author.add("alien")])
    answer = expired(journal, 1, "0123456789abcdef0123456789abcdef")
    assert (answer.reason, answer.head) == ("epoch_changed", 1)
    assert changes(journal, 1, whole_list(journal).epoch).revision == 1


def test_a_revision_that_the_journal_never_reached_shows_a_restored_database(
    journal: SqlJournalStore, author: Author
) -> None:
    journal.commit([author.add("alien")])
    assert expired(journal, 2).reason == "epoch_changed"


def test_a_history_with_a_hole_is_never_passed_off_as_whole(
    journal: SqlJournalStore, author: Author, database_url: str
) -> None:
    journal.commit([author.add("alien"), author.add("brazil"), author.add("clue")])
    database = Database(database_url)
    with database.transaction(writing=True) as transaction:  # as a node does that prunes while another reads
        transaction.connection.execute("DELETE FROM operations WHERE revision = 2")
    database.close()
    assert expired(journal, 0).reason == "history_pruned"
    assert len(changes(journal, 2).updates) == 1
    assert len(changes(journal, 0, limit=1).updates) == 1  # the slice before the hole is whole


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
        read = read_changes(transaction, "ann", 0, 10, None)
        page = read_page(transaction, "ann", 10, None)
    database.close()
    assert isinstance(read, Changes)
    assert isinstance(page, Page)
    assert (read.revision, read.head, len(read.updates)) == (1, 1, 1)
    assert [item.content_id for item in page.items] == [author.content("alien")]
