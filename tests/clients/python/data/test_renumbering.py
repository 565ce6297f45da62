"""States that grew apart from the stored one: no number means two things, and no write is lost."""

import pytest
from msgspec import structs
from syncd_client import ConfirmedItem, Timestamp, UserState
from syncd_client.data.renumbering import merged, renumbered
from syncd_client.data.user_collections import UserCollections
from syncd_client.data.user_state import Head, ListHead

A, B, C = (f"0b0e6a4e-52a5-4a5b-9a1f-00000000000{digit}" for digit in "abc")


def state(replica: str, *content_ids: str, stored: UserState | None = None, **head: object) -> UserState:
    """Return a state, or what became of a stored one, after the user added contents."""
    lists = UserCollections("alice", stored, lambda: replica)
    for content_id in content_ids:
        lists.enqueue("add", content_id, 1_000)
    return UserState(structs.replace(lists.head, **head), (), tuple(lists.queue))


def names(state: UserState) -> list[tuple[str, str | None]]:
    return [(write.operation_id, write.tag) for write in state.queue]


def test_only_what_was_numbered_since_the_store_failed_gets_other_numbers() -> None:
    saved = state("r1", A, B)
    again, old_ids = renumbered(state("r1", C, A, stored=saved), saved.head, "r2")
    assert names(again) == [("r1.1", "r1:1"), ("r1.2", "r1:2"), ("r2.3", "r2:1"), ("r2.4", "r2:2")]
    assert old_ids == {"r2.3": "r1.3", "r2.4": "r1.4"}
    assert [write.timestamp.node for write in again.queue] == ["r1", "r1", "r2", "r2"]
    assert (again.head.replica, again.head.adds, again.head.operations) == ("r2", 2, 4)
    assert names(state("r2", B, stored=again))[-1] == ("r2.5", "r2:3")


def test_what_has_another_name_already_keeps_it_and_what_has_no_tag_gets_none() -> None:
    saved = state("r1")
    grown = state("r2", A, stored=state("r1", A, B))
    first, second, *_ = grown.queue
    grown = structs.replace(grown, queue=(structs.replace(first, tag="r2:1"), structs.replace(second, tag=None)))
    again, _ = renumbered(grown, saved.head, "r3")
    assert [write.operation_id for write in again.queue] == ["r3.1", "r3.2"]
    assert again.queue[1].tag is None
    assert renumbered(again, saved.head, "r4")[1] == {}


@pytest.mark.parametrize(
    ("stored_at", "ours_at", "is_ours"),
    [
        ((7, "e1"), (9, "e1"), True),
        ((9, "e1"), (7, "e1"), False),
        ((9, "e1"), (7, "e2"), True),
        ((9, "e1"), (0, None), False),
        ((0, None), (0, "e1"), True),
    ],
)
def test_the_list_is_the_newer_one_and_the_queue_has_the_writes_of_both(
    stored_at: tuple[int, str | None], ours_at: tuple[int, str | None], is_ours: bool
) -> None:
    def at(state: UserState, place: tuple[int, str | None], clock: int) -> UserState:
        head = structs.replace(state.head, revision=place[0], epoch=place[1], clock=Timestamp(clock, 0, "x"))
        return structs.replace(state, head=head, items=(ConfirmedItem(A, Timestamp(1, 0, "x"), 0, str(clock)),))

    stored, ours = at(state("r1", A), stored_at, 5), at(state("r2", B, C), ours_at, 6)
    both = merged(stored, ours)
    assert names(both) == [("r1.1", "r1:1"), ("r2.1", "r2:1"), ("r2.2", "r2:2")]
    assert both.items == (ours if is_ours else stored).items
    assert (both.head.revision, both.head.epoch) == (ours_at if is_ours else stored_at)
    assert (both.head.replica, both.head.adds, both.head.operations) == ("r1", 1, 1)
    assert both.head.clock.physical == 6
    is_other_journal = ours_at[1] not in (None, stored_at[1]) and stored_at[1] is not None
    assert both.queue[0].observed == (ours_at[0] if is_other_journal else stored.queue[0].observed)


def test_one_replica_in_both_goes_on_behind_all_its_numbers() -> None:
    stored = state("r1", A)
    both = merged(stored, state("r1", B, C, stored=stored))
    assert names(both) == [("r1.1", "r1:1"), ("r1.2", "r1:2"), ("r1.3", "r1:3")]
    assert (both.head.adds, both.head.operations) == (3, 3)


def test_a_write_that_both_have_is_as_ours() -> None:
    stored = state("r1", A)
    ours = structs.replace(stored, queue=(structs.replace(stored.queue[0], is_unstamped=True),))
    assert merged(stored, ours).queue == ours.queue


def test_adds_to_each_list_are_counted_again_for_themselves() -> None:
    lists = UserCollections("alice", None, lambda: "r1")
    lists.enqueue("add", A, 1_000, "kids")
    saved = lists.head
    for content_id, list_id in ((B, "kids"), (A, None), (C, "kids")):
        lists.enqueue("add", content_id, 1_000, list_id)
    again, _ = renumbered(UserState(lists.head, (), tuple(lists.queue)), saved, "r2")
    assert [write.tag for write in again.queue] == ["r1:1", "r2:1", "r2:1", "r2:2"]
    onwards = UserCollections("alice", again, lambda: "r3")
    assert [onwards.enqueue("add", C, 1_000, list_id).tag for list_id in ("kids", None, "new")] == [
        "r2:3",
        "r2:2",
        "r2:1",
    ]


def test_of_each_list_the_newer_state_is_kept_and_its_adds_go_on_behind_all_numbers() -> None:
    def at(*, kids: int, evening: int, epoch: str, adds: int) -> UserState:
        heads = {
            "kids": ListHead(replica="r1", adds=adds, revision=kids, epoch="e1"),
            "evening": ListHead(replica="r0", adds=9, revision=evening, epoch=epoch),
        }
        items = [ConfirmedItem(A, Timestamp(1, 0, "x"), 0, epoch, list=list_id) for list_id in heads]
        writes = state("r1", A).queue[0], structs.replace(state("r1", B).queue[0], operation_id="r1.9", list="evening")
        return UserState(Head(replica="r1", lists=heads), tuple(items), writes)

    both = merged(at(kids=7, evening=5, epoch="e1", adds=3), at(kids=6, evening=2, epoch="e2", adds=4))
    assert {item.list: item.device_id for item in both.items} == {"kids": "e1", "evening": "e2"}
    assert both.head.of_list("kids") == ListHead(replica="r1", adds=4, revision=7, epoch="e1")
    assert both.head.of_list("evening") == ListHead(replica="r1", adds=0, revision=2, epoch="e2")
    assert [write.observed for write in both.queue] == [0, 2]


def test_writes_of_registers_are_numbered_again_without_tags() -> None:
    lists = UserCollections("alice", None, lambda: "r1")
    saved = lists.head
    lists.write(lists.progress, "update", A, {"position_seconds": 1, "state": "paused"}, 1_000)
    again, old_ids = renumbered(UserState(lists.head, (), tuple(lists.queue)), saved, "r2")
    assert [(*each, write.timestamp.node) for each, write in zip(names(again), again.queue, strict=True)] == [
        ("r2.1", None, "r2")
    ]
    assert old_ids == {"r2.1": "r1.1"}
    assert again.head.adds == 0


def test_of_registers_the_newer_state_is_kept_whatever_there_is_of_the_watchlist() -> None:
    def at(revision: int, *, watchlist: int, epoch: str = "e1") -> UserState:
        lists = UserCollections("alice", None, lambda: f"r{revision}")
        lists.write(lists.progress, "remove", A, None, 1_000)
        head = structs.replace(
            lists.head,
            revision=watchlist,
            epoch=f"e{watchlist}",
            registers={"progress": ListHead(revision=revision, epoch=epoch)},
        )
        confirmed = ConfirmedItem(
            B, Timestamp(1, 0, "x"), 0, None, {"position_seconds": revision}, registers="progress"
        )
        return UserState(head, (confirmed,), tuple(lists.queue))

    for stored, ours in ((at(7, watchlist=1), at(9, watchlist=2)), (at(9, watchlist=1), at(7, watchlist=2))):
        both = merged(stored, ours)
        assert [item.data for item in both.items] == [{"position_seconds": 9}]
        assert both.head.of("progress") == ListHead(revision=9, epoch="e1")
        assert both.head.of("watchlist").revision == 2
    both = merged(at(9, watchlist=1), at(7, watchlist=2, epoch="e2"))
    assert both.head.of("progress") == ListHead(revision=7, epoch="e2")
    assert [write.observed for write in both.queue] == [0, 0]  # which means nothing of registers
