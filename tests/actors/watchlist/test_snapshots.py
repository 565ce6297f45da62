"""Who is shown which list, however many pages it takes."""

import msgspec
import pytest

from actors.messages.close_codes import TRY_AGAIN_LATER
from actors.messages.connection import Disconnect, Replayed
from actors.messages.device import SnapshotItem, WatchlistSnapshot
from actors.messages.journal import Bookmark, PageExpired, ReadFailed, SnapshotPage
from actors.watchlist.snapshots import MAX_BEGINNINGS, Snapshots
from crdt.hlc import HLCTimestamp
from tests.fakes.devices import Devices


def bookmark(number: int) -> Bookmark:
    return Bookmark(epoch="e", revision=9, timestamp=number, added_revision=number)


def item(name: str) -> SnapshotItem:
    return SnapshotItem(content_id=name, unique_tag="t:1", timestamp=HLCTimestamp(1, 0, "n"), device_id="tv")


def page(*names: str, after: Bookmark | None = None, revision: int = 9) -> SnapshotPage:
    items = b",".join(msgspec.json.encode(item(name)) for name in names)
    return SnapshotPage(epoch="e", revision=revision, items=items, after=after)


class Wired(Snapshots):
    """Snapshots that keep what they ask for."""

    def __init__(self, devices: Devices) -> None:
        self.reads: list[Bookmark | None] = []
        super().__init__(self.reads.append, devices.frame)


@pytest.fixture
def snapshots(devices: Devices) -> Wired:
    return Wired(devices)


def shown(devices: Devices, connection_id: str) -> tuple[list[str], str | None]:
    """The contents that the device was shown at revision 9, and why."""
    (replayed,) = devices.told[connection_id]
    assert isinstance(replayed, Replayed)
    assert not replayed.is_recovered
    (frame,) = replayed.frames
    snapshot = msgspec.json.decode(frame, type=WatchlistSnapshot)
    assert (snapshot.revision, snapshot.epoch) == (replayed.revision, replayed.epoch) == (replayed.head, "e")
    return [shown.content_id for shown in snapshot.items], replayed.reason


def test_a_list_is_read_page_by_page_and_told_whole(snapshots: Wired, devices: Devices) -> None:
    snapshots.wait(devices.connection("a"), "history_pruned")
    snapshots.answered(page("x", "y", after=bookmark(1)))
    snapshots.answered(page(after=bookmark(2)))
    assert devices.told["a"] == []
    snapshots.answered(page("z"))
    assert snapshots.reads == [None, bookmark(1), bookmark(2)]
    assert shown(devices, "a") == (["x", "y", "z"], "history_pruned")


def test_an_empty_list_is_a_list(snapshots: Wired, devices: Devices) -> None:
    snapshots.wait(devices.connection("a"), "epoch_changed")
    snapshots.answered(page())
    assert shown(devices, "a") == ([], "epoch_changed")


def test_who_comes_while_a_list_is_read_gets_the_next_one_and_shares_it(snapshots: Wired, devices: Devices) -> None:
    snapshots.wait(devices.connection("a"), "history_pruned")
    snapshots.wait(devices.connection("b"), "epoch_changed")
    snapshots.answered(page("x", after=bookmark(1)))
    snapshots.wait(devices.connection("c"), "history_pruned")
    snapshots.answered(page("y"))
    assert devices.told["b"] == devices.told["c"] == []
    assert snapshots.reads == [None, bookmark(1), None]
    snapshots.answered(page("z"))
    assert shown(devices, "a") == (["x", "y"], "history_pruned")
    assert shown(devices, "b") == (["z"], "epoch_changed")
    assert shown(devices, "c") == (["z"], "history_pruned")
    assert devices.encoded == 2


def test_a_list_that_changed_too_much_between_two_pages_is_read_from_its_beginning(
    snapshots: Wired, devices: Devices
) -> None:
    snapshots.wait(devices.connection("a"), "history_pruned")
    snapshots.answered(page("x", after=bookmark(1), revision=7))
    snapshots.answered(PageExpired("history_pruned"))
    snapshots.answered(page("y", after=bookmark(1)))
    snapshots.answered(page("z"))
    assert snapshots.reads == [None, bookmark(1), None, bookmark(1)]
    assert shown(devices, "a") == (["y", "z"], "history_pruned")


def test_a_list_that_never_holds_still_is_asked_for_again_by_the_devices(snapshots: Wired, devices: Devices) -> None:
    snapshots.wait(devices.connection("a"), "history_pruned")
    for _ in range(MAX_BEGINNINGS):
        snapshots.answered(page("x", after=bookmark(1)))
        snapshots.answered(PageExpired("history_pruned"))
    assert snapshots.reads == [None, bookmark(1)] * MAX_BEGINNINGS
    (disconnect,) = devices.told["a"]
    assert isinstance(disconnect, Disconnect)
    assert disconnect.close is TRY_AGAIN_LATER
    snapshots.wait(devices.connection("b"), "history_pruned")
    snapshots.answered(page("y"))
    assert shown(devices, "b") == (["y"], "history_pruned")


def test_a_list_that_nobody_waits_for_any_more_is_not_read_to_its_end(snapshots: Wired, devices: Devices) -> None:
    for answer in (page("x", after=bookmark(1)), PageExpired("history_pruned")):
        gone, waiting = devices.connection("gone"), devices.connection("waiting")
        snapshots.wait(gone, "history_pruned")
        snapshots.wait(waiting, "history_pruned")
        snapshots.forget(gone)
        snapshots.forget(waiting)
        snapshots.answered(answer)
    assert snapshots.reads == [None, None]
    assert devices.told == {"gone": [], "waiting": []}


def test_when_the_journal_cannot_be_read_those_who_wait_for_this_list_are_asked_to_come_again(
    snapshots: Wired, devices: Devices
) -> None:
    snapshots.wait(devices.connection("a"), "history_pruned")
    snapshots.wait(devices.connection("b"), "history_pruned")
    snapshots.answered(page("x", after=bookmark(1)))
    snapshots.answered(ReadFailed("gone"))
    (disconnect,) = devices.told["a"]
    assert isinstance(disconnect, Disconnect)
    assert disconnect.close is TRY_AGAIN_LATER
    assert snapshots.reads == [None, bookmark(1), None]
    snapshots.answered(page("y"))
    assert shown(devices, "b") == (["y"], "history_pruned")
