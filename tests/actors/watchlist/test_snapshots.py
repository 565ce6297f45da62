"""Who is shown which part of which list, and how often it is read and encoded for that."""

import gc
from typing import Any

import msgspec
import pytest

from actors.messages.close_codes import TRY_AGAIN_LATER
from actors.messages.connection import MAX_PART_BYTES, ConnectionInfo, Disconnect, Listed
from actors.messages.device import SnapshotItem, WatchlistSnapshot, WatchlistSnapshotPiece
from actors.messages.failures import ReadFailed
from actors.messages.journal_reads import Bookmark, PageExpired, SnapshotPage
from actors.watchlist.snapshots import MAX_BEGINNINGS, SnapshotDeps, Snapshots
from crdt.hlc import HLCTimestamp
from tests.fakes.devices import Devices
from tests.remembered import strings_kept_by

ROWS = 8


def bookmark(number: int) -> Bookmark:
    return Bookmark(epoch="e", revision=9, timestamp=number, added_revision=number)


def item(name: str) -> SnapshotItem:
    return SnapshotItem(content_id=name, unique_tag="t:1", timestamp=HLCTimestamp(1, 0, "n"), device_id="tv")


def page(*names: str, after: Bookmark | None = None, revision: int = 9) -> SnapshotPage:
    items = b",".join(msgspec.json.encode(item(name)) for name in names)
    return SnapshotPage(epoch="e", revision=revision, items=items, after=after)


class Wired(Snapshots):
    """Snapshots that keep what they ask for; the node is at revision 9."""

    def __init__(self, devices: Devices) -> None:
        self.reads: list[Bookmark | None] = []
        self.rows: list[int] = []
        self.head = 9
        deps = SnapshotDeps(
            read=self._note, head=lambda: self.head, fragments=devices.fragments, cursor_of=devices.cursor_of
        )
        super().__init__(deps, ROWS)

    def _note(self, after: Bookmark | None, rows: int) -> None:
        self.reads.append(after)
        self.rows.append(rows)


@pytest.fixture
def snapshots(devices: Devices) -> Wired:
    return Wired(devices)


@pytest.fixture(params=[False, True], ids=["one message", "pieces"])
def device(request: pytest.FixtureRequest, devices: Devices) -> ConnectionInfo:
    """``a``, of either kind."""
    return devices.connection("a", takes_pieces=request.param)


def told(devices: Devices, connection_id: str) -> list[Listed]:
    assert all(isinstance(listed, Listed) for listed in devices.told[connection_id])
    return devices.told[connection_id]


def contents(devices: Devices, connection_id: str) -> list[list[str]]:
    """The contents of each piece that the device was told."""
    frames = [b"".join(listed.part.frames) for listed in told(devices, connection_id)]
    pieces = [msgspec.json.decode(frame, type=WatchlistSnapshotPiece) for frame in frames]
    return [[item.content_id for item in piece.items] for piece in pieces]


def is_let_go(told: list[Any]) -> bool:
    return isinstance(told[-1], Disconnect) and told[-1].close is TRY_AGAIN_LATER


def test_a_list_in_one_message_is_read_part_by_part_as_the_device_asks(snapshots: Wired, devices: Devices) -> None:
    a = devices.connection("a")
    snapshots.begin(a, "history_pruned")
    snapshots.answered(page("x", "y", after=bookmark(1)))
    assert snapshots.reads == [None]
    snapshots.read_on(a, bookmark(1))
    snapshots.answered(page(after=bookmark(2)))
    snapshots.read_on(a, bookmark(2))
    snapshots.answered(page("z"))
    assert (snapshots.reads, snapshots.rows) == ([None, bookmark(1), bookmark(2)], [ROWS] * 3)
    listed = told(devices, "a")
    assert [(one.reason, one.part.after, one.part.ends_message) for one in listed] == [
        ("history_pruned", bookmark(1), False),
        (None, bookmark(2), False),
        (None, None, True),
    ]
    whole = msgspec.json.decode(b"".join(b"".join(one.part.frames) for one in listed), type=WatchlistSnapshot)
    assert (whole.revision, whole.epoch) == (9, "e")
    assert [shown.content_id for shown in whole.items] == ["x", "y", "z"]


def test_nothing_is_kept_of_a_connection_that_has_left(snapshots: Wired, devices: Devices) -> None:
    a = devices.connection("a", "somebody", takes_pieces=True)
    snapshots.begin(a, "history_pruned")
    snapshots.answered(page("x", after=bookmark(1)))
    snapshots.read_on(a, bookmark(1))
    snapshots.answered(PageExpired("history_pruned"))  # it begins again
    snapshots.head += 1  # the first part is out of date
    snapshots.begin(a, "epoch_changed")
    assert "somebody" in strings_kept_by(snapshots)
    snapshots.forget(a)
    assert "somebody" not in strings_kept_by(snapshots)


def test_a_list_in_pieces_is_a_message_each_with_the_cursor_of_the_next(snapshots: Wired, devices: Devices) -> None:
    a = devices.connection("a", takes_pieces=True)
    snapshots.begin(a, "history_pruned")
    snapshots.answered(page("x", after=bookmark(1)))
    snapshots.read_on(a, bookmark(1))
    snapshots.answered(page("y"))
    first, last = [b"".join(one.part.frames) for one in told(devices, "a")]
    assert msgspec.json.decode(first, type=WatchlistSnapshotPiece) == WatchlistSnapshotPiece(
        revision=9, epoch="e", start=True, items=(item("x"),), next="behind 1"
    )
    assert msgspec.json.decode(last, type=WatchlistSnapshotPiece) == WatchlistSnapshotPiece(
        revision=9, epoch="e", items=(item("y"),)
    )
    assert all(one.part.ends_message for one in told(devices, "a"))


def test_an_empty_list_is_a_list(snapshots: Wired, devices: Devices, device: ConnectionInfo) -> None:
    snapshots.begin(device, "epoch_changed")
    snapshots.answered(page())
    (listed,) = told(devices, "a")
    assert (listed.part.after, listed.part.ends_message, listed.reason) == (None, True, "epoch_changed")
    assert msgspec.json.decode(b"".join(listed.part.frames))["items"] == []


def test_who_comes_back_in_the_midst_of_a_list_is_shown_what_follows(snapshots: Wired, devices: Devices) -> None:
    snapshots.begin(devices.connection("a", takes_pieces=True), "history_pruned", bookmark(1))
    snapshots.answered(page("y"))
    assert snapshots.reads == [bookmark(1)]
    (listed,) = told(devices, "a")
    assert (listed.reason, listed.part.revision) == ("history_pruned", 9)
    assert "start" not in msgspec.json.decode(b"".join(listed.part.frames))


def test_those_who_wait_for_the_same_part_share_one_read_and_one_copy(snapshots: Wired, devices: Devices) -> None:
    for name in "abc":
        snapshots.begin(devices.connection(name, takes_pieces=name == "c"), "history_pruned")
    snapshots.answered(page("x"))
    a, b, c = (told(devices, name)[0].part for name in "abc")
    assert a is b
    assert a is not c
    assert (snapshots.reads, devices.encoded) == ([None], 2)


def test_a_part_that_is_being_sent_is_shared_by_those_who_come_later(snapshots: Wired, devices: Devices) -> None:
    a, b = (devices.connection(name, takes_pieces=True) for name in "ab")
    snapshots.begin(a, "history_pruned")
    snapshots.answered(page("x", after=bookmark(1)))
    snapshots.begin(b, "epoch_changed")
    snapshots.read_on(a, bookmark(1))
    snapshots.answered(page("y"))
    snapshots.head = 10
    snapshots.read_on(b, bookmark(1))
    assert contents(devices, "a") == contents(devices, "b") == [["x"], ["y"]]
    assert [one.reason for one in told(devices, "b")] == ["epoch_changed", None]
    assert (snapshots.reads, devices.encoded) == ([None, bookmark(1)], 2)


def test_a_part_that_nobody_is_being_sent_any_more_is_not_kept(snapshots: Wired, devices: Devices) -> None:
    snapshots.begin(devices.connection("a"), "history_pruned")
    snapshots.answered(page("x"))
    devices.told["a"].clear()
    gc.collect()
    snapshots.begin(devices.connection("b"), "history_pruned")
    assert snapshots.reads == [None, None]


def test_a_first_part_that_others_changes_have_made_old_is_not_shared(snapshots: Wired, devices: Devices) -> None:
    snapshots.begin(devices.connection("a"), "history_pruned")
    snapshots.answered(page("x"))
    snapshots.head = 10
    snapshots.begin(devices.connection("b"), "history_pruned")
    assert snapshots.reads == [None, None]
    snapshots.answered(page("y", revision=10))
    assert told(devices, "b")[0].part.revision == 10


def test_a_device_is_told_where_the_revisions_stand_if_that_is_behind_the_list(
    snapshots: Wired, devices: Devices
) -> None:
    snapshots.begin(devices.connection("a"), "history_pruned")
    snapshots.head = 11
    snapshots.answered(page("x"))
    snapshots.begin(devices.connection("b"), "history_pruned")
    snapshots.answered(page("x", revision=12))
    assert [told(devices, name)[0].head for name in "ab"] == [11, 12]


def test_devices_at_different_parts_are_served_in_the_order_in_which_they_asked(
    snapshots: Wired, devices: Devices
) -> None:
    for name, after in (("a", 1), ("b", 2), ("c", 1), ("d", 3)):
        snapshots.read_on(devices.connection(name, takes_pieces=True), bookmark(after))
    for shown in ("x", "y", "z"):
        snapshots.answered(page(shown))
    assert snapshots.reads == [bookmark(1), bookmark(2), bookmark(3)]
    assert [contents(devices, name) for name in "abcd"] == [[["x"]], [["y"]], [["x"]], [["z"]]]


def test_items_too_large_for_a_part_are_read_fewer_at_once(snapshots: Wired, devices: Devices) -> None:
    large = "x" * (MAX_PART_BYTES // 3)
    snapshots.begin(devices.connection("a", takes_pieces=True), "history_pruned")
    snapshots.answered(page(*[large] * ROWS))
    snapshots.answered(page(*[large] * (ROWS // 2)))
    snapshots.answered(page(*[large] * (ROWS // 4), after=bookmark(1)))
    assert contents(devices, "a") == [[large, large]]
    snapshots.read_on(devices.connection("b", takes_pieces=True), bookmark(1))
    assert snapshots.reads == [None, None, None, bookmark(1)]
    assert snapshots.rows == [ROWS, ROWS // 2, ROWS // 4, ROWS // 4]


def test_an_item_that_is_too_large_for_a_part_is_one(snapshots: Wired, devices: Devices) -> None:
    large = "x" * MAX_PART_BYTES
    snapshots.begin(devices.connection("a", takes_pieces=True), "history_pruned")
    for rows in (ROWS, ROWS // 2, ROWS // 4, 1):
        snapshots.answered(page(*[large] * rows))
    assert contents(devices, "a") == [[large]]
    assert snapshots.rows == [ROWS, ROWS // 2, ROWS // 4, 1]


def test_a_list_in_pieces_that_cannot_be_gone_on_with_begins_again(snapshots: Wired, devices: Devices) -> None:
    a = devices.connection("a", takes_pieces=True)
    snapshots.begin(a, "history_pruned", bookmark(1))
    snapshots.answered(PageExpired("history_pruned"))
    snapshots.answered(page("x", after=bookmark(2)))
    snapshots.read_on(a, bookmark(2))
    snapshots.answered(page("y"))
    assert snapshots.reads == [bookmark(1), None, bookmark(2)]
    assert contents(devices, "a") == [["x"], ["y"]]
    assert [one.reason for one in told(devices, "a")] == ["history_pruned", None]


def test_a_list_that_never_holds_still_is_asked_for_again_by_the_device(snapshots: Wired, devices: Devices) -> None:
    a = devices.connection("a", takes_pieces=True)
    snapshots.begin(a, "history_pruned")
    for _ in range(MAX_BEGINNINGS):
        snapshots.answered(page("x", after=bookmark(1)))
        snapshots.read_on(a, bookmark(1))
        snapshots.answered(PageExpired("history_pruned"))
    assert snapshots.reads == [None, bookmark(1)] * MAX_BEGINNINGS
    assert is_let_go(devices.told["a"])


def test_beginnings_of_another_list_do_not_count(snapshots: Wired, devices: Devices) -> None:
    a = devices.connection("a", takes_pieces=True)
    for _ in range(2 * MAX_BEGINNINGS):
        snapshots.begin(a, "history_pruned", bookmark(1))
        snapshots.answered(PageExpired("history_pruned"))
        snapshots.answered(page("x"))
    assert len(told(devices, "a")) == 2 * MAX_BEGINNINGS


def test_in_the_midst_of_a_message_no_list_can_begin_again(snapshots: Wired, devices: Devices) -> None:
    a = devices.connection("a")
    snapshots.begin(a, "history_pruned")
    snapshots.answered(page("x", after=bookmark(1)))
    snapshots.read_on(a, bookmark(1))
    snapshots.answered(PageExpired("history_pruned"))
    assert is_let_go(devices.told["a"])
    assert snapshots.reads == [None, bookmark(1)]


def test_who_has_left_is_told_nothing_and_read_for_no_more(
    snapshots: Wired, devices: Devices, device: ConnectionInfo
) -> None:
    snapshots.begin(device, "history_pruned")
    for name in "bc":
        snapshots.read_on(devices.connection(name), bookmark(1))
    snapshots.forget(device)
    snapshots.answered(page("x"))
    assert devices.told["a"] == []
    assert snapshots.reads == [None, bookmark(1)]


def test_when_the_journal_cannot_be_read_those_who_wait_for_this_part_are_asked_to_come_again(
    snapshots: Wired, devices: Devices, device: ConnectionInfo
) -> None:
    snapshots.begin(device, "history_pruned")
    snapshots.read_on(devices.connection("b", takes_pieces=True), bookmark(1))
    snapshots.answered(ReadFailed("gone"))
    assert is_let_go(devices.told["a"])
    snapshots.answered(page("y"))
    assert contents(devices, "b") == [["y"]]
