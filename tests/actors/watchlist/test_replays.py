"""Who is served by which read of what was missed."""

from typing import Any

import msgspec
import pytest

from actors.messages.close_codes import TRY_AGAIN_LATER
from actors.messages.connection import ConnectionInfo, Disconnect, Join, Replayed
from actors.messages.failures import ReadFailed
from actors.messages.journal_reads import Bookmark, Changes, ChangesExpired
from actors.watchlist.replays import Replays, ResumePoint
from tests.fakes.devices import Devices


def changes(since: int, revision: int, head: int | None = None) -> Changes:
    updates = tuple(b'{"revision":%d}' % number for number in range(since + 1, revision + 1))
    return Changes(line="ann", epoch="e", revision=revision, head=head or revision, updates=updates)


class Wired(Replays):
    """Replays that keep what they ask of others."""

    def __init__(self, devices: Devices) -> None:
        self.reads: list[tuple[int, str | None]] = []
        self.may_be_lists: list[bool] = []
        self.listed: list[tuple[str, str, Bookmark | None]] = []
        super().__init__(
            self._note,
            devices.frame,
            lambda connection, reason, after: self.listed.append((connection.connection_id, reason, after)),
        )

    def _note(self, resume: ResumePoint) -> None:
        self.reads.append((resume.since, resume.epoch))
        self.may_be_lists.append(resume.takes_pieces)


@pytest.fixture
def replays(devices: Devices) -> Wired:
    return Wired(devices)


def told(devices: Devices, connection_id: str) -> Replayed:
    (replayed,) = devices.told[connection_id]
    assert isinstance(replayed, Replayed)
    return replayed


def revisions(devices: Devices, connection_id: str) -> list[Any]:
    return [msgspec.json.decode(frame)["revision"] for frame in told(devices, connection_id).frames]


def all_at_once(
    replays: Wired, devices: Devices, *resume_points: tuple[str, int, str | None], in_pieces: str = ""
) -> None:
    """Let devices wait together: the read that one before them asked for serves none of them.

    ``in_pieces``: who of them takes the list so.
    """
    first = devices.connection("first")
    replays.wait(Join(first, 0))
    for connection_id, since, epoch in resume_points:
        connection = devices.connection(connection_id, takes_pieces=connection_id in in_pieces)
        replays.wait(Join(connection, since, epoch))
    replays.forget(first)
    replays.answered(changes(0, 0))
    replays.reads.pop(0)
    replays.may_be_lists.pop(0)
    devices.encoded = 0


def test_devices_that_come_together_share_one_read_and_one_framing(replays: Wired, devices: Devices) -> None:
    all_at_once(replays, devices, ("a", 5, None), ("b", 3, None), ("c", 8, "e"))
    replays.answered(changes(3, 8))
    assert replays.reads == [(3, None)]
    assert devices.encoded == 5
    assert [revisions(devices, connection_id) for connection_id in "abc"] == [[6, 7, 8], [4, 5, 6, 7, 8], []]


def test_who_comes_while_a_read_is_under_way_gets_the_next_one(replays: Wired, devices: Devices) -> None:
    for connection_id, since in (("a", 5), ("b", 2), ("c", 6)):
        replays.wait(Join(devices.connection(connection_id), since))
    replays.answered(changes(5, 6))
    assert revisions(devices, "a") == [6]
    assert devices.told["b"] == devices.told["c"] == []  # revision 7 may have been relayed before c came
    assert replays.reads == [(5, None), (2, None)]
    replays.answered(changes(2, 7))
    assert [revisions(devices, connection_id) for connection_id in "bc"] == [[3, 4, 5, 6, 7], [7]]


def test_a_slice_serves_those_whom_it_takes_further_and_says_that_there_is_more(
    replays: Wired, devices: Devices
) -> None:
    all_at_once(replays, devices, ("a", 3, None), ("b", 4, None), ("c", 5, None), ("d", 7, None))
    replays.answered(changes(3, 5, head=9))
    assert [revisions(devices, connection_id) for connection_id in "ab"] == [[4, 5], [5]]
    assert (told(devices, "a").revision, told(devices, "a").head) == (5, 9)
    assert devices.told["c"] == devices.told["d"] == []
    assert replays.reads == [(3, None), (5, None)]
    replays.answered(changes(5, 7, head=9))
    assert revisions(devices, "c") == [6, 7]
    replays.answered(changes(7, 9))
    assert revisions(devices, "d") == [8, 9]
    assert len(replays.reads) == 3


@pytest.mark.parametrize(("since", "epoch"), [(9, None), (5, "other")])
def test_a_device_from_another_epoch_or_the_future_is_asked_for_alone_and_shown_the_list(
    replays: Wired, devices: Devices, since: int, epoch: str | None
) -> None:
    all_at_once(replays, devices, ("a", 4, "e"), ("b", since, epoch))
    replays.answered(changes(4, 6))
    assert revisions(devices, "a") == [5, 6]
    assert replays.reads == [(4, "e"), (since, epoch)]
    replays.answered(ChangesExpired("epoch_changed", 6))
    assert replays.listed == [("b", "epoch_changed", None)]
    assert devices.told["b"] == []
    assert len(replays.reads) == 2


def test_a_device_for_which_the_history_is_too_short_does_not_take_others_with_it(
    replays: Wired, devices: Devices
) -> None:
    all_at_once(replays, devices, ("a", 1, None), ("b", 1, None), ("c", 8, None))
    replays.answered(ChangesExpired("history_pruned", 9))
    assert replays.listed == [("a", "history_pruned", None), ("b", "history_pruned", None)]
    assert replays.reads == [(1, None), (8, None)]
    replays.answered(changes(8, 9))
    assert revisions(devices, "c") == [9]


def test_a_device_that_comes_and_goes_costs_no_more_reads(replays: Wired, devices: Devices) -> None:
    connections: list[ConnectionInfo] = []
    for number in range(100):
        connections.append(devices.connection(str(number)))
        replays.wait(Join(connections[-1], 4))
        replays.forget(connections[-1])
    replays.answered(changes(4, 6))
    assert len(replays.reads) == 1
    assert devices.told["0"] == devices.told["99"] == []


def test_when_the_journal_cannot_be_read_everybody_whom_it_was_for_is_asked_to_come_again(
    replays: Wired, devices: Devices
) -> None:
    all_at_once(replays, devices, ("a", 4, None), ("b", 5, None))
    replays.answered(ReadFailed("gone"))
    for connection_id in "ab":
        (disconnect,) = devices.told[connection_id]
        assert isinstance(disconnect, Disconnect)
        assert disconnect.close is TRY_AGAIN_LATER
    replays.wait(Join(devices.connection("c"), 4))
    assert len(replays.reads) == 2


def test_a_device_that_has_a_part_of_the_list_is_shown_what_follows_if_it_must_be_shown_the_list(
    replays: Wired, devices: Devices
) -> None:
    after = Bookmark(epoch="e", revision=9, timestamp=1, added_revision=1)
    replays.wait(Join(devices.connection("a"), 1, "e", after))
    replays.answered(ChangesExpired("history_pruned", 9))
    assert replays.listed == [("a", "history_pruned", after)]
    replays.wait(Join(devices.connection("b"), 8, "e", after))
    replays.answered(changes(8, 9))
    assert revisions(devices, "b") == [9]


def test_a_shorter_list_is_shown_to_who_takes_it_in_pieces_and_to_nobody_else(replays: Wired, devices: Devices) -> None:
    all_at_once(replays, devices, ("a", 1, None), ("b", 1, None), ("c", 1, None), in_pieces="a")
    replays.answered(ChangesExpired("list_is_shorter", 9))
    assert replays.listed == [("a", "list_is_shorter", None)]
    replays.answered(changes(1, 3, head=9))
    assert [revisions(devices, connection_id) for connection_id in "bc"] == [[2, 3], [2, 3]]
    assert replays.may_be_lists == [True, False]


@pytest.mark.parametrize(("head", "is_shared"), [(4, True), (9, False)])
def test_who_takes_pieces_shares_the_read_of_who_does_not_if_that_is_all_there_is(
    replays: Wired, devices: Devices, head: int, is_shared: bool
) -> None:
    all_at_once(replays, devices, ("a", 1, None), ("b", 2, None), in_pieces="b")
    replays.answered(changes(1, 4, head))
    assert revisions(devices, "a") == [2, 3, 4]
    assert bool(devices.told["b"]) is is_shared  # if there is more, the list may be shorter
    assert replays.may_be_lists == ([False] if is_shared else [False, True])


def test_of_a_history_with_holes_each_is_told_what_it_has_not_seen(replays: Wired, devices: Devices) -> None:
    all_at_once(replays, devices, ("a", 5, None), ("b", 3, None), ("c", 7, None))
    updates = tuple(b'{"revision":%d}' % number for number in (4, 7, 9))
    found = Changes(line="ann", epoch="e", revision=10, head=12, updates=updates, revisions=(4, 7, 9))
    replays.answered(found)
    assert [revisions(devices, connection_id) for connection_id in "abc"] == [[7, 9], [4, 7, 9], [9]]
    assert [told(devices, connection_id).revisions for connection_id in "abc"] == [(7, 9), (4, 7, 9), (9,)]
    assert {told(devices, connection_id).revision for connection_id in "abc"} == {10}
