"""What one user makes grow stays within its bounds, on the real tables."""

import pytest

from actors.messages.journal import Outcome, Status
from crdt.causal import CausalContext, Tag
from crdt.hlc import HLCTimestamp
from storage.databases.database import Database
from storage.journal.journal_store import SqlJournalStore
from storage.rules.bounds import DEFAULT_BOUNDS, Bounds, Usage
from storage.schema.rows import DAY_MS
from tests.fakes.wall_clock import WallClock
from tests.storage.author import NOW_MS, Author
from tests.storage.conftest import OpenJournal
from tests.whole_list import whole_list

SMALL = Bounds(items_per_list=2, tags_per_item=2, gaps_per_replica=2, replicas_per_user=2)


@pytest.fixture
def journal(open_journal: OpenJournal, database_url: str) -> SqlJournalStore:
    return open_journal(database_url, bounds=SMALL)


def statuses(outcomes: list[Outcome]) -> list[Status]:
    return [outcome.status for outcome in outcomes]


def test_the_bounds_are_those_that_are_documented() -> None:
    assert (
        Bounds(
            items_per_list=10_000,
            tags_per_item=16,
            gaps_per_replica=1_024,
            replicas_per_user=12_000,
            lists_per_user=100,
            devices_per_user=100,
            keys_per_user=10_000,
        )
        == DEFAULT_BOUNDS
    )


def test_a_full_list_takes_another_content_once_one_is_removed(journal: SqlJournalStore, author: Author) -> None:
    outcomes = journal.commit([author.add("alien"), author.add("brazil"), author.add("clue"), author.add("alien")])
    assert statuses(outcomes) == [Status.ADDED, Status.ADDED, Status.REFUSED, Status.EXISTING]
    assert (outcomes[2].quota, outcomes[2].field) == ("items_per_list", "content_id")
    assert outcomes[2].reason == "content_id: the list has its 2 items (items_per_list): remove one first"
    assert journal.commit([author.add("clue")])[0].exceeds_quota
    assert statuses(journal.commit([author.remove("alien"), author.add("clue")])) == [Status.REMOVED, Status.ADDED]
    assert journal.commit([author.add("alien", user="bob")])[0].status is Status.ADDED


def test_what_a_bound_has_refused_is_not_remembered(journal: SqlJournalStore, author: Author) -> None:
    journal.commit([author.add("alien"), author.add("brazil")])
    again = author.add("clue", operation_id="c", tag="phone:1")
    assert statuses(journal.commit([again, again])) == [Status.REFUSED] * 2
    journal.commit([author.remove("alien")])
    added, repeated = journal.commit([again, again])
    assert (added.status, added.is_new) == (Status.ADDED, True)
    assert repeated.update == added.update


@pytest.mark.parametrize("is_in_one_batch", [True, False])
def test_one_tag_more_takes_the_place_of_the_one_that_was_added_first(
    journal: SqlJournalStore, author: Author, is_in_one_batch: bool
) -> None:
    # As an attacker would: clocks that go back, and nothing observed.
    stamps = [HLCTimestamp(NOW_MS - number, 0, "n") for number in range(5)]
    adds = [author.add("alien", tag=f"tv:{n}", observed=0, timestamp=stamp) for n, stamp in enumerate(stamps, 1)]
    batches = [adds] if is_in_one_batch else [[add] for add in adds]
    outcomes = [outcome for batch in batches for outcome in journal.commit(batch)]
    assert statuses(outcomes) == [Status.ADDED, *[Status.EXISTING] * 4]
    assert [outcome.quota for outcome in outcomes] == [None, None, *["tags_per_item"] * 3]
    assert not any(outcome.exceeds_quota for outcome in outcomes)
    removed, again = journal.commit([author.remove("alien"), *adds[:1]])
    assert removed.update is not None
    assert removed.update.tags == ("tv:4", "tv:5")
    assert again.status is Status.ADDED  # its first answer, and nothing else
    assert (again.is_new, again.quota, whole_list(journal).items) == (False, None, ())


def test_an_entry_from_before_there_was_a_bound_is_cut_when_it_is_touched(
    open_journal: OpenJournal, author: Author, database_url: str
) -> None:
    without = open_journal(database_url)
    without.commit([author.add("alien", tag=f"d{n}:1", device=f"d{n}", observed=0) for n in range(5)])
    bounded = open_journal(database_url, bounds=SMALL)
    assert bounded.commit([author.remove("alien", observed=0)])[0].status is Status.EXISTING
    (removed,) = bounded.commit([author.remove("alien")])
    assert removed.update is not None
    assert removed.update.tags == ("d4:1", "d3:1")


def test_a_replica_may_skip_counters_so_often_and_then_needs_another_name(
    journal: SqlJournalStore, author: Author
) -> None:
    outcomes = journal.commit(
        [author.add("alien", tag=f"tv:{counter}", operation_id=f"{counter}") for counter in (2, 4, 6, 5, 3, 7, 9)]
    )
    refused = "gaps_per_replica"
    assert [outcome.quota for outcome in outcomes] == [None, None, refused, None, None, None, refused]
    assert (outcomes[2].status, outcomes[2].field) == (Status.REFUSED, "tag")
    assert outcomes[2].reason == "tag: replica 'tv' has skipped counters 2 times (gaps_per_replica): use a new replica"
    (remembered,) = journal.commit([author.remove("alien", tags=("tv:11",))])
    assert remembered.quota == "gaps_per_replica"
    under_another, filled, again = journal.commit(
        [
            author.add("brazil", tag="tv2:1", operation_id="6"),
            author.add("alien", tag="tv:1"),
            author.add("alien", tag="tv:9", operation_id="9"),
        ]
    )
    assert statuses([under_another, filled, again]) == [Status.ADDED, Status.EXISTING, Status.EXISTING]


def test_a_replica_with_more_gaps_from_before_there_was_a_bound_may_fill_them(
    open_journal: OpenJournal, author: Author, database_url: str
) -> None:
    without = open_journal(database_url)
    without.commit([author.add("alien", tag=f"tv:{counter}") for counter in range(2, 200, 2)])
    bounded = open_journal(database_url, bounds=SMALL)
    filling, following, skipping = bounded.commit(
        [author.add("alien", tag=f"tv:{counter}") for counter in (3, 199, 201)]
    )
    assert (filling.quota, following.quota, skipping.quota) == (None, None, "gaps_per_replica")


@pytest.mark.parametrize("is_in_one_batch", [True, False])
def test_a_replica_takes_the_place_of_one_that_was_unused_for_long_or_is_refused(
    journal: SqlJournalStore, author: Author, wall_clock: WallClock, is_in_one_batch: bool
) -> None:
    journal.commit([author.add("alien", tag="old:1"), author.add("alien", tag="movie-123")])
    (refused,) = journal.commit([author.remove("brazil", tags=("tv:1",))])
    assert (refused.status, refused.quota, refused.field) == (Status.REFUSED, "replicas_per_user", "tag")
    assert refused.reason == "tag: 2 replicas have named tags within 90 days (replicas_per_user): leave the tag out"
    wall_clock.now_ms += 50 * DAY_MS
    journal.commit([author.add("alien", tag="old:2")])
    wall_clock.now_ms += 50 * DAY_MS
    asked = [author.add("alien", tag=tag) for tag in ("tv:1", "tv:2", "web:1", "old:3")]
    batches = [asked] if is_in_one_batch else [[add] for add in asked]
    outcomes = [outcome for batch in batches for outcome in journal.commit(batch)]
    assert [outcome.quota for outcome in outcomes] == [None, None, "replicas_per_user", None]
    assert statuses(journal.commit([author.add("clue", tag="old:1")])) == [Status.REFUSED]  # it is not forgotten


def test_a_forgotten_replica_may_come_back_while_its_tags_are_live(
    journal: SqlJournalStore, author: Author, wall_clock: WallClock
) -> None:
    journal.commit([author.add("alien", tag="old:1"), author.add("brazil", tag="old:2")])
    journal.commit([author.add("alien", tag="movie-123", observed=0)])
    wall_clock.now_ms += 91 * DAY_MS
    journal.commit([author.add("alien", tag="tv:1", observed=0)])  # in the place of one of both
    journal.commit([author.add("brazil", tag="web:1", observed=0)])  # and of the other
    wall_clock.now_ms += 91 * DAY_MS
    again = [author.add("alien", tag="old:2"), author.add("brazil", tag="old:2"), author.add("brazil", tag="old:3")]
    assert statuses(journal.commit(again)) == [Status.EXISTING, Status.REFUSED, Status.EXISTING]
    removed = journal.commit([author.remove("brazil"), author.remove("alien")])
    assert [outcome.update and outcome.update.tags for outcome in removed] == [("old:3",), ("old:2",)]
    assert whole_list(journal).items == ()


def test_who_takes_the_place_of_another_is_not_counted_beside_it() -> None:
    usage = Usage(Bounds(replicas_per_user=3), items=0, replicas=2, unused=["old", "older"])
    seen = CausalContext()
    for replica, replicas, forgotten in (
        ("a", 3, []),
        ("b", 3, ["old"]),
        ("b", 3, ["old"]),
        ("c", 3, ["old", "older"]),
    ):
        usage.name({replica}, seen, seen.with_tags(Tag(replica, 1)))
        assert (usage.replicas, usage.forgotten) == (replicas, forgotten)


def test_where_there_are_more_replicas_than_there_may_be_each_new_one_takes_the_place_of_one(
    open_journal: OpenJournal, author: Author, database_url: str, wall_clock: WallClock
) -> None:
    without = open_journal(database_url)
    without.commit([author.add("alien", tag=f"old{number}:1") for number in range(5)])
    wall_clock.now_ms += 91 * DAY_MS
    bounded = open_journal(database_url, bounds=SMALL)
    for size in (1, 2):
        outcomes = bounded.commit([author.add("alien", tag=f"of {size}, {number}:1") for number in range(size)])
        assert [outcome.quota for outcome in outcomes] == [None] * size
        database = Database(database_url)
        with database.transaction(writing=False) as transaction:
            ((counted, kept),) = transaction.connection.execute(
                "SELECT replicas, (SELECT count(*) FROM contexts) FROM heads"
            ).fetchall()
        database.close()
        assert counted == kept == 5


@pytest.mark.parametrize("is_in_one_batch", [True, False])
def test_items_are_counted_whatever_is_done_to_them(
    journal: SqlJournalStore, author: Author, database_url: str, is_in_one_batch: bool
) -> None:
    done = [
        author.add("alien"),
        author.add("alien", device="phone", observed=0, tag="phone:1"),
        author.remove("alien", observed=1),
        author.add("brazil"),
        author.remove("brazil"),
        author.remove("brazil"),
        author.add("alien", tag="phone:1"),
        author.add("brazil"),
        author.add("clue"),
    ]
    for batch in [done] if is_in_one_batch else [[operation] for operation in done]:
        journal.commit(batch)
    database = Database(database_url)
    with database.transaction(writing=False) as transaction:
        counted = transaction.connection.execute("SELECT items, counted_revision, revision FROM heads").fetchall()
    database.close()
    assert counted == [(len(whole_list(journal).items), 5, 5)]
