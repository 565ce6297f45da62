"""A device that follows several collections: each resumed for itself, in turn, none mistaken for another."""

from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from actors.connection.followed import Followed, collections_of, named
from actors.messages.collections import PROGRESS, WATCHLIST
from actors.messages.connection import (
    Deliver,
    Following,
    Join,
    Joined,
    Listed,
    ListPart,
    ReadOn,
    Replayed,
    SocketWritable,
)
from actors.messages.journal_reads import Bookmark
from tests.actors.connection.test_sync_websocket import Device

KIDS = "list:kids"
MARK = Bookmark(epoch="e", revision=4, timestamp=3, added_revision=2)


def deliver(collection: str, first: int, last: int | None = None) -> Deliver:
    revisions = range(first, (last or first) + 1)
    return Deliver(first, tuple(b"%s %d\n" % (collection.encode(), revision) for revision in revisions), collection)


def replayed(collection: str, since: int, revision: int, head: int | None = None) -> Replayed:
    frames = deliver(collection, since + 1, revision).frames if revision > since else ()
    return Replayed(revision=revision, head=head or revision, epoch="e", frames=frames, collection=collection)


def resumed(text: str) -> Any:
    return msgspec.json.decode(text)


@pytest.fixture
async def device() -> AsyncIterator[Device]:
    """It has the watchlist up to 7, and of the kids' list nothing."""
    device = Device(Following(KIDS, since=0), since=7, epoch="e")
    yield device
    await device.ref.stop(block=False)


def joins(device: Device) -> list[tuple[str, int | None, str | None]]:
    return [(join.collection, join.since, join.epoch) for join in device.told_of(Join)]


async def test_each_is_resumed_for_itself_one_after_the_other(device: Device) -> None:
    await device.tell()
    assert joins(device) == [(WATCHLIST, 7, "e")]
    await device.tell(replayed(WATCHLIST, 7, 9))
    assert joins(device)[1:] == [(KIDS, 0, None)]
    await device.tell(replayed(KIDS, 0, 2))
    first, *watchlist, second, one, two = device.socket.lines
    assert resumed(first) == {"type": "resumed", "recovered": True, "revision": 9, "epoch": "e"}
    assert watchlist == ["watchlist 8", "watchlist 9"]
    assert resumed(second) == {"type": "resumed", "recovered": True, "revision": 2, "epoch": "e", "list": "kids"}
    assert [one, two] == ["list:kids 1", "list:kids 2"]
    await device.tell(deliver(KIDS, 3), deliver(WATCHLIST, 10))
    assert device.socket.lines[-2:] == ["list:kids 3", "watchlist 10"]


async def test_what_comes_meanwhile_waits_and_is_shown_once(device: Device) -> None:
    await device.tell(deliver(KIDS, 2), deliver(WATCHLIST, 10))
    await device.tell(replayed(WATCHLIST, 7, 9))
    await device.tell(deliver(KIDS, 3), deliver(WATCHLIST, 11))
    await device.tell(replayed(KIDS, 0, 2))
    shown = [line for line in device.socket.lines if not line.startswith("{")]
    assert [line for line in shown if line.startswith("w")] == [f"watchlist {n}" for n in (8, 9, 10, 11)]
    assert [line for line in shown if line.startswith("l")] == [f"list:kids {n}" for n in (1, 2, 3)]


async def test_a_gap_in_one_is_filled_while_the_other_waits(device: Device) -> None:
    await device.tell(replayed(WATCHLIST, 7, 7))
    await device.tell(replayed(KIDS, 0, 0))
    await device.tell(deliver(KIDS, 3), deliver(WATCHLIST, 8))
    assert joins(device)[2:] == [(KIDS, 0, "e")]
    await device.tell(replayed(KIDS, 0, 3))
    assert device.socket.lines[2:] == ["list:kids 1", "list:kids 2", "list:kids 3", "watchlist 8"]


async def test_a_list_that_was_deleted_is_shown_as_it_is_now_and_the_rest_goes_on(device: Device) -> None:
    await device.tell(replayed(WATCHLIST, 7, 7))
    await device.tell(replayed(KIDS, 0, 3))
    await device.tell(Deliver(6, (), KIDS))
    part = ListPart(revision=5, epoch="e", frames=(b"the list\n",), ends_message=True, after=None)
    await device.tell(Listed(part, 5, "history_pruned", KIDS))
    told, the_list = device.socket.lines[-2:]
    assert resumed(told) == {
        "type": "resumed", "recovered": False, "revision": 5, "epoch": "e", "reason": "history_pruned", "list": "kids",
    }  # fmt: skip
    assert the_list == "the list"
    await device.tell(deliver(WATCHLIST, 8), deliver(KIDS, 6))
    assert device.socket.lines[-2:] == ["watchlist 8", "list:kids 6"]


async def test_who_follows_a_list_alone_is_shown_that_alone() -> None:
    device = Device(collection=KIDS, since=4)
    await device.tell(replayed(KIDS, 4, 4))
    (join,) = device.told_of(Join)
    assert join.connection.collections == {KIDS}
    await device.ref.stop(block=False)


def test_it_asks_first_for_what_its_device_lacks_and_then_for_what_it_has_not_been_shown() -> None:
    connection: Any = None
    followed = Followed(Following(KIDS, 3, "e", MARK), "e")
    assert _asked(followed.request(connection)) == (KIDS, 3, "e", MARK)
    followed.is_joined, followed.revision, followed.epoch = True, 9, "f"
    assert _asked(followed.request(connection)) == (KIDS, 9, "f", None)
    followed.list_goes_on = MARK
    on = followed.request(connection)
    assert isinstance(on, ReadOn)
    assert (on.after, on.collection) == (MARK, KIDS)


def test_those_who_follow_the_watchlist_alone_share_one_set() -> None:
    assert collections_of((Following(),)) is collections_of((Following(since=3),))
    assert collections_of((Following(), Following(KIDS))) == {WATCHLIST, KIDS}


@pytest.mark.parametrize(
    ("name", "said"),
    [(WATCHLIST, (None, None)), (KIDS, ("kids", None)), (PROGRESS, (None, PROGRESS)), ("lists", (None, "lists"))],
)
def test_what_is_resumed_is_named(name: str, said: tuple[str | None, str | None]) -> None:
    resumed = Followed(Following(name, 0), None).resumed(0, "e")
    assert (resumed.list, resumed.collection) == said


def _asked(request: Join | ReadOn) -> tuple[Any, ...]:
    assert isinstance(request, Join)
    return request.collection, request.since, request.epoch, request.after


async def test_of_registers_it_goes_on_behind_the_last_that_was_kept_whatever_is_missing_before_it() -> None:
    device = Device(collection=PROGRESS, since=0)
    large = tuple(b"%d" % number * 20_000 + b"\n" for number in (12, 15, 17, 19))
    revisions = (12, 15, 17, 19)
    device.socket.congested = True
    await device.tell(Replayed(revision=30, head=30, epoch="e", frames=large, collection=PROGRESS, revisions=revisions))
    device.socket.congested = False
    await device.tell(SocketWritable())
    assert joins(device)[1:] == [(PROGRESS, 15, "e")]
    await device.tell(
        Replayed(revision=30, head=30, epoch="e", frames=large[2:], collection=PROGRESS, revisions=revisions[2:])
    )
    assert [line[:2] for line in device.socket.lines[1:]] == ["12", "15", "17", "19"]
    assert resumed(device.socket.lines[0]) == {
        "type": "resumed", "recovered": True, "revision": 30, "epoch": "e", "collection": "progress",
    }  # fmt: skip
    await device.tell(deliver(PROGRESS, 31))
    assert device.socket.lines[-1] == "progress 31"
    await device.ref.stop(block=False)


async def test_before_what_a_live_device_has_missed_of_registers_it_is_told_up_to_where_there_are_holes() -> None:
    device = Device(collection=PROGRESS, since=3)
    replayed = Replayed(revision=3, head=3, epoch="e", frames=(), collection=PROGRESS, revisions=())
    await device.tell(replayed, deliver(PROGRESS, 9))
    missed = Replayed(revision=9, head=9, epoch="e", frames=(b"7\n", b"9\n"), collection=PROGRESS, revisions=(7, 9))
    await device.tell(missed, deliver(PROGRESS, 10))
    assert [resumed(line)["revision"] for line in (device.socket.lines[0], device.socket.lines[1])] == [3, 9]
    assert device.socket.lines[2:] == ["7", "9", "progress 10"]
    await device.ref.stop(block=False)


async def test_what_is_followed_from_now_on_is_joined_at_once_and_each_when_it_is_answered() -> None:
    device = Device(Following(PROGRESS))
    await device.tell(deliver(PROGRESS, 3))
    assert joins(device) == [(WATCHLIST, None, None), (PROGRESS, None, None)]
    await device.tell(Joined(7), deliver(WATCHLIST, 8), deliver(PROGRESS, 4))
    assert device.socket.lines == ["watchlist 8"]
    await device.tell(Joined(4, PROGRESS), deliver(PROGRESS, 4, 5))
    assert device.socket.lines == ["watchlist 8", "progress 5"]
    assert len(joins(device)) == 2
    await device.ref.stop(block=False)


def test_a_collection_that_nobody_follows_is_named() -> None:
    with pytest.raises(LookupError, match=KIDS):
        named(KIDS, [Followed(Following(), None)])
