import asyncio
import logging
from collections import Counter
from collections.abc import AsyncIterator, Callable
from math import ceil
from typing import Any

import msgspec
import pytest
from pykka import ActorRef

from actors.connection.deadlines import SECOND_LOOK_S
from actors.connection.deps import ConnectionDeps, HandshakeResult
from actors.connection.device_writes import MAX_UNANSWERED
from actors.connection.outbox import CHUNK_BYTES
from actors.connection.sync_websocket import SyncWebSocket
from actors.messages.change import Change
from actors.messages.close_codes import INTERNAL_ERROR, TRY_AGAIN_LATER
from actors.messages.collections import DEVICES, PROGRESS, WATCHLIST
from actors.messages.connection import (
    MAX_WAITING_BYTES,
    MAX_WAITING_FRAMES,
    BinaryReceived,
    ConnectionMessage,
    ConsumerResumed,
    Deliver,
    Disconnect,
    Following,
    Join,
    Joined,
    Leave,
    Listed,
    ListPart,
    MeasureWrite,
    ReadOn,
    Received,
    Replayed,
    Shutdown,
    SignOfLife,
    SlowConsumer,
    SocketLost,
    SocketWritable,
    TimerDue,
    TokenRenewed,
    WatchlistRequest,
)
from actors.messages.device import DeviceHeartbeat, Malformed, Ping, WatchlistWrite
from actors.messages.journal import DeviceWrite, Outcome, Status, Update
from actors.messages.journal_reads import Bookmark
from crdt.hlc import HLCTimestamp
from tests.fakes.recording_socket import RecordingSocket
from tests.timeouts import TIMEOUT_S

FILM = "550e8400-e29b-41d4-a716-446655440000"
STAMP = HLCTimestamp(1_700_000_000_000, 3, "node-a")


class Device:
    """A started actor with everything around it."""

    def __init__(
        self,
        *others: Following,
        takes_pieces: bool = False,
        polls: bool = False,
        collection: str = WATCHLIST,
        **asked: Any,
    ) -> None:
        self.socket = RecordingSocket()
        self.told: list[WatchlistRequest] = []
        self.now_s = 1_000.0
        self.closes: Counter[int] = Counter()
        self.illegal_steps: Counter[tuple[str, str]] = Counter()
        self.unread: set[Callable[[], int]] = set()
        self.ref: ActorRef[SyncWebSocket] = SyncWebSocket.start(
            self.socket,
            HandshakeResult(
                user_id="ann",
                device_id="tv",
                ends_at_s=5_000.0,
                takes_pieces=takes_pieces,
                polls=polls,
                follows=(Following(collection, **asked), *others),
            ),
            ConnectionDeps(
                tell_watchlist=self.told.append,
                frame=lambda answer: msgspec.json.encode(answer) + b"\n",
                now_s=lambda: self.now_s,
                closes=self.closes,
                unread=self.unread,
                illegal_steps=self.illegal_steps,
            ),
        )

    async def tell(self, *messages: ConnectionMessage) -> None:
        """Tell all of ``messages`` before the actor's next turn, and wait until that has ended."""
        for message in messages:
            self.ref.tell(message)
        await self.ref.ask(MeasureWrite(lambda _: None), block=False)
        await self.ref.ask(MeasureWrite(lambda _: None), block=False)

    async def time_passes(self, seconds: float) -> None:
        """Let the clock run on in steps of a second at most, as a service that is there sees it."""
        steps = max(1, ceil(seconds))
        for _ in range(steps):
            self.now_s += seconds / steps
            await self.tell(TimerDue())

    def told_of(self, kind: type[Any]) -> list[Any]:
        return [request for request in self.told if isinstance(request, kind)]


async def ended(ref: ActorRef[SyncWebSocket]) -> None:
    """Wait until the actor has ended by itself."""
    async with asyncio.timeout(TIMEOUT_S):
        while ref.is_alive():
            await asyncio.sleep(0)


Connect = Callable[..., Device]


@pytest.fixture
async def connect() -> AsyncIterator[Connect]:
    devices: list[Device] = []

    def start(*others: Following, **kwargs: Any) -> Device:
        devices.append(Device(*others, **kwargs))
        return devices[-1]

    yield start
    for device in devices:
        await device.ref.stop(block=False)


@pytest.fixture
async def live(connect: Connect) -> Device:
    """A device that is shown what comes after revision 10."""
    device = connect()
    await device.tell(Joined(10))
    return device


def deliver(first: int, last: int | None = None) -> Deliver:
    revisions = range(first, (last or first) + 1)
    return Deliver(first, tuple(b"%d\n" % revision for revision in revisions))


def lines(first: int, last: int) -> list[str]:
    return [str(revision) for revision in range(first, last + 1)]


def write(message_id: str | int | None = "w1", **fields: Any) -> WatchlistWrite:
    return WatchlistWrite("add", FILM, id=message_id, **fields)


ADDED = Outcome(
    status=Status.ADDED,
    update=Update(
        line="ann", revision=11, change=Change("add", FILM), tags=("tv:1",), timestamp=STAMP,
        device_id="tv",
    ),
    is_new=True,
)  # fmt: skip


@pytest.mark.parametrize("revision", [0, 10])
async def test_a_device_without_since_joins_and_is_sent_nothing_of_its_own(connect: Connect, revision: int) -> None:
    device = connect()
    await device.tell(Joined(revision))
    (join,) = device.told
    assert isinstance(join, Join)
    assert (join.since, join.connection.user_id, join.connection.device_id) == (None, "ann", "tv")
    assert device.socket.writes == []


@pytest.mark.parametrize("polls", [False, True])
async def test_the_watchlist_is_told_whether_a_device_polls(connect: Connect, polls: bool) -> None:
    device = connect(since=3, polls=polls)
    await device.tell()
    (join,) = device.told_of(Join)
    assert join.connection.polls is polls


async def test_frames_of_one_turn_leave_in_one_write_in_order(live: Device) -> None:
    await live.tell(deliver(11), deliver(12, 14), Deliver(None, (b"progress\n",)), deliver(15))
    assert live.socket.writes == [b"11\n12\n13\n14\nprogress\n15\n"]


async def test_frames_of_different_turns_leave_in_different_writes(live: Device) -> None:
    await live.tell(deliver(11))
    await live.tell(deliver(12))
    assert live.socket.writes == [b"11\n", b"12\n"]


async def test_what_the_device_has_already_is_dropped_and_what_it_has_partly_is_cut(live: Device) -> None:
    await live.tell(deliver(9, 10), deliver(10, 12), deliver(11), deliver(12, 13))
    assert live.socket.lines == lines(11, 13)


async def test_live_frames_that_overtake_the_join_wait_for_it(connect: Connect) -> None:
    device = connect()
    await device.tell(deliver(10, 12), Deliver(None, (b"progress\n",)))
    assert device.socket.writes == []
    await device.tell(Joined(10))
    assert device.socket.lines == ["11", "12", "progress"]


async def test_a_hint_waits_for_the_resumed_of_its_collection_or_is_in_what_comes_behind_that(connect: Connect) -> None:
    device = connect(Following(DEVICES, 3))
    hints = [Deliver(None, (b"hint %d\n" % number,), DEVICES) for number in range(3)]
    await device.tell(hints[0])
    await device.tell(Joined(10))  # and now its devices are asked for
    await device.tell(hints[1])
    await device.tell(Replayed(revision=3, head=3, epoch="e", frames=(), collection=DEVICES))
    await device.tell(hints[2])
    resumed, *rest = device.socket.lines
    assert msgspec.json.decode(resumed)["collection"] == DEVICES
    assert rest == ["hint 1", "hint 2"]


async def test_what_is_missing_of_several_collections_is_asked_for_one_after_the_other(connect: Connect) -> None:
    device = connect(Following(PROGRESS, 5), Following(DEVICES, 3), since=10, epoch="e")
    for number, name in ((10, WATCHLIST), (5, PROGRESS), (3, DEVICES)):
        await device.tell(Replayed(revision=number, head=number, epoch="e", frames=(), collection=name))
    behind = [Deliver(number, (), name) for number, name in ((12, WATCHLIST), (7, PROGRESS), (5, DEVICES))]
    await device.tell(*behind)
    for number, name in ((11, WATCHLIST), (6, PROGRESS), (4, DEVICES)):
        join = device.told_of(Join)[-1]
        assert (join.collection, join.since) == (name, number - 1)
        frames = (b"%d of it\n" % number,)
        await device.tell(Replayed(revision=number, head=number, epoch="e", frames=frames, collection=name))
    assert device.socket.lines[3:] == ["11 of it", "6 of it", "4 of it"]


async def test_a_command_that_has_waited_too_long_is_not_shown_any_more(connect: Connect) -> None:
    device = connect()
    for until_s, name in ((1_010.0, b"late\n"), (1_030.0, b"in time\n")):
        await device.tell(Deliver(None, (name,), until_s=until_s))
    device.now_s = 1_020.0
    await device.tell(Joined(10))
    assert device.socket.lines == ["in time"]


async def test_a_command_reaches_a_device_whatever_it_follows(connect: Connect) -> None:
    device = connect(collection=PROGRESS)
    await device.tell(Joined(10, PROGRESS))
    await device.tell(Deliver(None, (b"command\n",)))
    assert device.socket.lines == ["command"]


async def test_a_resuming_device_is_shown_resumed_then_the_missed_then_the_live(connect: Connect) -> None:
    device = connect(since=3, epoch="e1")
    await device.tell(deliver(6, 8))
    assert (device.told_of(Join)[0].since, device.told_of(Join)[0].epoch) == (3, "e1")
    await device.tell(Replayed(revision=7, head=7, epoch="e1", frames=(b"4\n", b"5\n", b"6\n", b"7\n")), deliver(9))
    resumed, *rest = device.socket.lines
    assert msgspec.json.decode(resumed) == {"type": "resumed", "recovered": True, "revision": 7, "epoch": "e1"}
    assert rest == lines(4, 9)


async def test_a_device_that_missed_nothing_is_shown_resumed_alone(connect: Connect) -> None:
    device = connect(since=7)
    await device.tell(Replayed(revision=7, head=7, epoch="e1", frames=()))
    assert [answer["type"] for answer in device.socket.answers] == ["resumed"]


@pytest.mark.parametrize("is_list", [False, True])
async def test_a_resuming_device_is_not_read_before_its_resumed(connect: Connect, is_list: bool) -> None:
    device = connect(since=3)
    await device.tell(SignOfLife())
    assert not device.socket.is_read
    replayed = Replayed(revision=3, head=3, epoch="e1", frames=())
    await device.tell(Listed(part(b"[]\n"), 20) if is_list else replayed)
    assert device.socket.is_read


async def test_who_is_not_read_for_what_it_has_asked_is_not_read_for_being_shown_more(connect: Connect) -> None:
    device = connect(since=3)
    await device.tell(Replayed(revision=4, head=20, epoch="e1", frames=(b"4\n",)))
    await device.tell(Received((write(),) * 2 * MAX_UNANSWERED))
    assert not device.socket.is_read
    await device.tell(Replayed(revision=5, head=20, epoch="e1", frames=(b"5\n",)))
    await device.tell(Listed(part(b"[a,\n", after=BOOKMARK), 20))
    await device.tell(Listed(part(b"b]\n"), 20))
    assert not device.socket.is_read


async def test_a_gap_is_filled_without_the_device_noticing(live: Device) -> None:
    await live.tell(deliver(11), deliver(14, 15), deliver(16))
    assert live.socket.lines == ["11"]
    assert [join.since for join in live.told_of(Join)] == [None, 11]
    await live.tell(Replayed(revision=14, head=14, epoch="e1", frames=(b"12\n", b"13\n", b"14\n")), deliver(17))
    assert live.socket.lines == lines(11, 17)


async def test_frames_let_go_during_a_long_replay_are_asked_for_again(live: Device) -> None:
    await live.tell(deliver(12), *(deliver(revision) for revision in range(13, 13 + MAX_WAITING_FRAMES)))
    await live.tell(Replayed(revision=12, head=12, epoch="e1", frames=(b"11\n", b"12\n")))
    assert live.socket.lines == ["11", "12"]
    assert [join.since for join in live.told_of(Join)] == [None, 10, 12]


async def test_a_long_replay_is_asked_for_slice_by_slice_behind_one_resumed(connect: Connect) -> None:
    device = connect(since=3, epoch="e1")
    await device.tell(deliver(9), Replayed(revision=5, head=8, epoch="e1", frames=(b"4\n", b"5\n")))
    resumed, *rest = device.socket.lines
    assert msgspec.json.decode(resumed) == {"type": "resumed", "recovered": True, "revision": 8, "epoch": "e1"}
    assert rest == lines(4, 5)
    assert [(join.since, join.epoch) for join in device.told_of(Join)] == [(3, "e1"), (5, "e1")]
    await device.tell(Replayed(revision=7, head=8, epoch="e1", frames=(b"6\n", b"7\n")))
    await device.tell(Replayed(revision=8, head=8, epoch="e1", frames=(b"8\n",)))
    assert device.socket.lines[1:] == lines(4, 9)
    assert [join.since for join in device.told_of(Join)] == [3, 5, 7]


async def test_a_slice_that_lacks_the_last_revision_alone_is_not_the_last_one(connect: Connect) -> None:
    device = connect(since=3)
    await device.tell(Replayed(revision=5, head=6, epoch="e1", frames=(b"4\n", b"5\n")))
    assert [join.since for join in device.told_of(Join)] == [3, 5]


async def test_the_next_slice_is_asked_for_when_the_device_has_taken_the_last(connect: Connect) -> None:
    device = connect(since=0)
    device.socket.becomes_congested = True
    await device.tell(Replayed(revision=2, head=4, epoch="e1", frames=(b"1\n", b"2\n")))
    await device.tell(deliver(5))
    assert [join.since for join in device.told_of(Join)] == [0]
    device.socket.becomes_congested = device.socket.congested = False
    await device.tell(SocketWritable())
    assert [join.since for join in device.told_of(Join)] == [0, 2]
    await device.tell(SocketWritable())
    assert [join.since for join in device.told_of(Join)] == [0, 2]
    await device.tell(Replayed(revision=4, head=4, epoch="e1", frames=(b"3\n", b"4\n")))
    assert device.socket.lines[1:] == lines(1, 5)


async def test_a_slice_is_written_as_the_device_takes_it_and_what_comes_meanwhile_behind_it(live: Device) -> None:
    await live.tell(deliver(12))
    live.socket.congested = True
    await live.tell(Replayed(revision=12, head=12, epoch="e1", frames=(b"11\n", b"12\n")), deliver(13))
    assert live.socket.lines == []
    live.socket.congested = False
    await live.tell(SocketWritable())
    assert live.socket.lines == lines(11, 13)
    assert [join.since for join in live.told_of(Join)] == [None, 10]


async def test_of_a_slice_that_the_device_does_not_take_no_more_is_kept_than_may_wait(live: Device) -> None:
    await live.tell(deliver(12))
    live.socket.congested = True
    last = 11 + 2 * MAX_WAITING_FRAMES
    await live.tell(Replayed(revision=last, head=last, epoch="e1", frames=deliver(11, last).frames))
    live.socket.congested = False
    await live.tell(SocketWritable())
    taken = 10 + MAX_WAITING_FRAMES
    assert live.socket.lines == lines(11, taken)
    assert [join.since for join in live.told_of(Join)] == [None, 10, taken]


async def test_a_slice_that_the_device_takes_is_written_whole_however_many_they_are(live: Device) -> None:
    last = 11 + 2 * MAX_WAITING_FRAMES
    await live.tell(deliver(12), Replayed(revision=last, head=last, epoch="e1", frames=deliver(11, last).frames))
    assert live.socket.lines == lines(11, last)
    assert [join.since for join in live.told_of(Join)] == [None, 10]


async def test_a_gap_is_asked_for_when_the_device_has_taken_what_came_before_it(live: Device) -> None:
    live.socket.becomes_congested = True
    await live.tell(deliver(11), deliver(14))
    assert [join.since for join in live.told_of(Join)] == [None]
    assert len(live.unread) == 1  # from now on its time to read runs
    live.socket.becomes_congested = live.socket.congested = False
    await live.tell(SocketWritable())
    assert [join.since for join in live.told_of(Join)] == [None, 11]


async def test_a_device_that_lacks_nothing_asks_for_nothing_when_it_reads_again(live: Device) -> None:
    live.socket.congested = True
    await live.tell(deliver(11))
    live.socket.congested = False
    await live.tell(SocketWritable())
    assert [join.since for join in live.told_of(Join)] == [None]


async def test_what_is_held_for_a_device_that_does_not_take_what_it_is_sent_counts_at_once(connect: Connect) -> None:
    device = connect(since=3)
    device.socket.congested = True
    await device.tell(Listed(part(b"[a]\n"), 20, "history_pruned"))
    (held_bytes,) = device.unread
    assert held_bytes() > len(b"[a]\n")


BOOKMARK = Bookmark(epoch="e2", revision=20, timestamp=1, added_revision=1)


def part(*frames: bytes, after: Bookmark | None = None, ends_message: bool | None = None) -> ListPart:
    """A part of one message; of a list in pieces with ``ends_message``."""
    ends = after is None if ends_message is None else ends_message
    return ListPart(revision=20, epoch="e2", frames=frames, ends_message=ends, after=after)


async def test_the_list_is_shown_with_the_reason_part_by_part_and_goes_on_from_its_revision(connect: Connect) -> None:
    device = connect(since=3, epoch="e1", takes_pieces=True)
    first = part(b"[a\n", b"a]\n", after=BOOKMARK, ends_message=True)
    await device.tell(Listed(first, 20, "epoch_changed"), deliver(21))
    (join,) = device.told_of(Join)
    assert join.connection.takes_pieces
    resumed, *shown = device.socket.lines
    assert msgspec.json.decode(resumed) == {
        "type": "resumed", "recovered": False, "revision": 20, "epoch": "e2", "reason": "epoch_changed",
    }  # fmt: skip
    assert shown == ["[a", "a]"]
    assert [request.after for request in device.told_of(ReadOn)] == [BOOKMARK]
    await device.tell(Listed(part(b"[b]\n"), 20))
    assert device.socket.lines[1:] == ["[a", "a]", "[b]", "21"]
    assert len(device.told_of(Join)) == 1


async def test_a_list_that_begins_again_is_told_without_another_resumed(connect: Connect) -> None:
    device = connect(since=3)
    await device.tell(Listed(part(b"[a]\n", after=BOOKMARK, ends_message=True), 20, "history_pruned"))
    await device.tell(Listed(part(b"[c]\n"), 20))
    assert device.socket.lines[1:] == ["[a]", "[c]"]


async def test_who_comes_back_in_the_midst_of_a_list_says_where(connect: Connect) -> None:
    device = connect(since=3, takes_pieces=True, after=BOOKMARK)
    await device.tell(deliver(4))
    (join,) = device.told_of(Join)
    assert (join.since, join.after) == (3, BOOKMARK)


async def test_what_came_after_the_list_and_before_the_device_is_asked_for_behind_it(connect: Connect) -> None:
    device = connect(since=3)
    await device.tell(Listed(part(b"[a]\n"), 22, "history_pruned"))
    assert [(join.since, join.epoch) for join in device.told_of(Join)] == [(3, None), (20, "e2")]


async def test_a_part_is_written_in_chunks_and_the_next_asked_for_when_it_is_taken(connect: Connect) -> None:
    device = connect(since=3)
    device.socket.becomes_congested = True
    chunks = [b"x" * CHUNK_BYTES, b"y" * CHUNK_BYTES]
    await device.tell(Listed(part(*chunks, after=BOOKMARK), 20))
    assert device.socket.writes == chunks[:1]
    device.socket.congested = False
    await device.tell(SocketWritable())
    assert device.socket.writes == chunks
    assert device.told_of(ReadOn) == []
    device.socket.congested = False
    await device.tell(SocketWritable(), SocketWritable())
    assert len(device.told_of(ReadOn)) == 1


async def test_between_the_parts_of_one_message_nothing_is_written_but_pings(connect: Connect) -> None:
    device = connect(since=3)
    await device.tell(Listed(part(b"[a,\n", after=BOOKMARK), 20))
    await device.tell(Received((Ping(), write())), deliver(21), Deliver(None, (b"progress\n",)))
    device.told_of(DeviceWrite)[0].answer(ADDED)
    device.now_s += 30
    await device.tell(TimerDue(), renewed())
    assert (device.socket.lines, device.socket.pings) == (["[a,"], 1)
    await device.tell(Listed(part(b"b]\n"), 20))
    assert device.socket.lines[:2] == ["[a,", "b]"]
    kinds = [answer if isinstance(answer, int) else answer["type"] for answer in map(decoded, device.socket.lines[2:])]
    assert kinds == ["pong", "ack", "authenticated", 21, "progress"]


def decoded(line: str) -> Any:
    return {"type": line} if line == "progress" else msgspec.json.decode(line)


async def test_between_two_pieces_answers_are_written(connect: Connect) -> None:
    device = connect(since=3, takes_pieces=True)
    await device.tell(Listed(part(b"[a]\n", after=BOOKMARK, ends_message=True), 20))
    await device.tell(Received((Ping(),)))
    assert device.socket.lines == ["[a]", '{"type":"pong"}']


async def test_a_device_that_writes_while_it_is_sent_the_list_is_not_read_from_the_bound_until_it_is_answered(
    connect: Connect,
) -> None:
    device = connect(since=3)
    await device.tell(Listed(part(b"[a,\n", after=BOOKMARK), 20))
    await device.tell(Received((write(),) * 2 * MAX_UNANSWERED))
    for request in device.told_of(DeviceWrite):
        request.answer(ADDED)
    await device.tell()
    assert (device.socket.is_read, device.socket.closes, device.socket.lines) == (False, [], ["[a,"])
    assert device.told_of(SlowConsumer) == []  # its answers wait for the message that is open, not for the device
    await device.tell(Listed(part(b"b]\n"), 20))
    assert device.socket.is_read
    assert len(device.socket.lines) == 2 + 2 * MAX_UNANSWERED


async def test_whoever_asks_too_much_while_it_is_sent_the_list_is_let_go(connect: Connect) -> None:
    device = connect(since=3)
    await device.tell(Listed(part(b"[a,\n", after=BOOKMARK), 20))
    await device.tell(Received((Ping(),) * MAX_WAITING_FRAMES))
    assert device.socket.closes == []
    await device.tell(Received((Ping(),)))
    assert device.socket.closes == [4002]


async def test_a_shutdown_in_the_midst_of_a_message_says_nothing_but_goodbyes_close_code(connect: Connect) -> None:
    device = connect(since=3)
    await device.tell(Listed(part(b"[a,\n", after=BOOKMARK), 20), Shutdown(1))
    assert (device.socket.lines, device.socket.closes) == (["[a,"], [1001])


async def test_a_device_that_takes_nothing_of_what_it_is_sent_is_let_go(connect: Connect) -> None:
    device = connect(since=3)
    device.socket.becomes_congested = True
    device.socket.unsent = 100
    await device.tell(Listed(part(b"[a]\n"), 20))
    await device.time_passes(29)
    device.socket.unsent = 99
    await device.time_passes(30)
    assert device.socket.closes == []
    await device.time_passes(1)
    assert (device.socket.closes, device.socket.pings) == ([4002], 0)


async def test_a_device_that_takes_what_it_is_sent_is_not_silent(connect: Connect) -> None:
    device = connect(since=3)
    device.socket.becomes_congested = True
    await device.tell(Listed(part(*[b"x" * CHUNK_BYTES] * 10), 20))
    for _ in range(10):
        await device.time_passes(20)
        device.socket.congested = False
        await device.tell(SocketWritable())
    assert device.socket.closes == []
    await device.time_passes(60 + 2 * SECOND_LOOK_S)
    assert device.socket.closes == [4001]


async def test_a_device_that_lives_and_takes_nothing_is_let_go_though_little_waits(live: Device) -> None:
    live.socket.congested = True
    await live.tell(deliver(11))
    await live.time_passes(20)
    await live.tell(SignOfLife())
    await live.time_passes(9)
    assert live.socket.closes == []
    await live.time_passes(1)
    assert live.socket.closes == [4002]


async def test_a_device_that_should_have_been_shown_more_asks_for_it(live: Device) -> None:
    await live.tell(Deliver(11, ()))
    assert len(live.told_of(Join)) == 1
    await live.tell(Deliver(14, ()), Deliver(13, ()))
    assert [join.since for join in live.told_of(Join)] == [None, 10]
    await live.tell(Replayed(revision=12, head=12, epoch="e1", frames=(b"11\n", b"12\n")))
    assert [join.since for join in live.told_of(Join)] == [None, 10, 12]


@pytest.mark.actors_may_fail
async def test_a_message_that_cannot_come_in_a_state_ends_the_connection_and_is_counted(live: Device) -> None:
    live.ref.tell(Replayed(revision=12, head=12, epoch="e1", frames=()))
    await ended(live.ref)
    assert live.socket.closes == [INTERNAL_ERROR.code]
    assert live.illegal_steps == {("LIVE", "Replayed"): 1}
    assert live.closes == {INTERNAL_ERROR.code: 1}


async def test_a_burst_to_a_device_that_reads_is_no_offence(live: Device) -> None:
    await live.tell(*(deliver(revision) for revision in range(11, 11 + 5 * MAX_WAITING_FRAMES)))
    assert live.socket.lines == lines(11, 10 + 5 * MAX_WAITING_FRAMES)
    assert (live.socket.closes, live.told_of(SlowConsumer)) == ([], [])
    assert max(len(written.splitlines()) for written in live.socket.writes) == MAX_WAITING_FRAMES + 1  # no more is kept


async def test_a_flush_writes_what_was_delivered_before_and_says_so(live: Device) -> None:
    written: list[tuple[bool, list[str]]] = []
    flush = MeasureWrite(lambda is_written: written.append((is_written, live.socket.lines)))
    await live.tell(deliver(11), flush, deliver(12))
    assert written == [(True, ["11"])]
    assert live.socket.lines == ["11", "12"]


async def test_a_flush_to_a_device_that_does_not_read_writes_nothing_and_says_so(live: Device) -> None:
    live.socket.congested = True
    written: list[bool] = []
    await live.tell(deliver(11), MeasureWrite(written.append))
    assert (live.socket.writes, written) == ([], [False])


async def test_a_flush_to_a_device_that_is_being_brought_up_to_date_writes_nothing_and_says_so(
    connect: Connect,
) -> None:
    device = connect(since=9)
    written: list[bool] = []
    await device.tell(deliver(11), MeasureWrite(written.append))
    assert (device.socket.writes, written) == ([], [False])


async def test_closes_are_counted_by_code(connect: Connect) -> None:
    device = connect()
    await device.tell(Joined(10), Disconnect(TRY_AGAIN_LATER), Disconnect(TRY_AGAIN_LATER))
    assert device.closes == {1013: 1}


async def test_frames_wait_while_the_device_is_congested(live: Device) -> None:
    live.socket.congested = True
    await live.tell(deliver(11), deliver(12))
    assert live.socket.writes == []
    live.socket.congested = False
    await live.tell(SocketWritable())
    assert live.socket.writes == [b"11\n12\n"]


async def test_whoever_sends_is_told_once_that_the_device_does_not_read_and_once_that_it_goes_on(live: Device) -> None:
    live.socket.congested = True
    await live.tell(deliver(11), deliver(12))
    await live.tell(deliver(13))
    assert [(slow.frames, slow.size_bytes) for slow in live.told_of(SlowConsumer)] == [(2, 6)]
    await live.tell(SocketWritable())  # it has been filled again meanwhile
    assert live.told_of(ConsumerResumed) == []
    live.socket.congested = False
    await live.tell(SocketWritable())
    assert live.socket.lines == lines(11, 13)
    await live.tell(SocketWritable())
    assert len(live.told_of(ConsumerResumed)) == 1
    live.socket.congested = True
    await live.tell(deliver(14))
    assert len(live.told_of(SlowConsumer)) == 2


async def test_what_is_kept_elsewhere_is_asked_for_though_what_waited_here_fills_the_socket_again(live: Device) -> None:
    live.socket.congested = True
    await live.tell(deliver(11))
    live.socket.congested = False

    def write_and_fill(frames: bytes) -> None:
        live.socket.writes.append(frames)
        live.socket.congested = True

    live.socket.write = write_and_fill  # type: ignore[method-assign]
    await live.tell(SocketWritable())
    assert len(live.told_of(ConsumerResumed)) == 1
    await live.tell(deliver(12))
    assert [slow.frames for slow in live.told_of(SlowConsumer)] == [1, 1]


async def test_a_device_that_is_full_and_for_which_nothing_waits_is_not_stalled(live: Device) -> None:
    live.socket.congested = True
    await live.tell(SignOfLife())
    assert live.told_of(SlowConsumer) == []


@pytest.mark.parametrize(
    "waiting",
    [
        [deliver(11, 11 + MAX_WAITING_FRAMES)],
        [Deliver(11, (b"x" * MAX_WAITING_BYTES, b"x"))],
    ],
    ids=["too many", "too large"],
)
async def test_a_device_that_does_not_read_is_let_go_at_the_bound(live: Device, waiting: list[Deliver]) -> None:
    live.socket.congested = True
    await live.tell(deliver(11, 10 + MAX_WAITING_FRAMES))
    assert live.socket.closes == []
    live.socket.congested = False
    await live.tell(SocketWritable())
    live.socket.congested = True
    last = waiting[0].frames
    await live.tell(Deliver(11 + MAX_WAITING_FRAMES, last))
    assert live.socket.closes == [4002]
    assert len(live.told_of(Leave)) == 1


async def test_nothing_is_sent_after_the_close_frame(live: Device) -> None:
    await live.tell(deliver(11), BinaryReceived(), deliver(12), Received((Ping(),)))
    assert live.socket.lines == ["11"]
    assert live.socket.closes == [4502]


async def test_ping_heartbeat_and_nonsense_are_answered_each_in_its_way(live: Device) -> None:
    await live.tell(Received((Ping(), DeviceHeartbeat(), Malformed("invalid_field", "Invalid UUID.", "content_id", 7))))
    assert live.socket.answers == [
        {"type": "pong"},
        {"type": "error", "id": 7, "code": "invalid_field", "field": "content_id", "message": "Invalid UUID."},
    ]
    await live.tell(Received((Malformed("try_again_later", "The issuer is away.", "token", retry_after_ms=2000),)))
    assert live.socket.answers[2:] == [
        {
            "type": "error",
            "code": "try_again_later",
            "field": "token",
            "message": "The issuer is away.",
            "retry_after_ms": 2000,
        }
    ]
    assert live.socket.closes == []


async def test_a_write_goes_to_the_watchlist_and_its_outcome_back_as_ack(live: Device) -> None:
    await live.tell(Received((write(operation_id="op", tag="t", observed=9, timestamp=STAMP),)))
    (request,) = live.told_of(DeviceWrite)
    assert isinstance(request, DeviceWrite)
    assert isinstance(request.change, Change)
    assert (request.user_id, request.device_id, request.change.action) == ("ann", "tv", "add")
    assert request.change.content_id == "550e8400-e29b-41d4-a716-446655440000"
    assert (request.change.operation_id, request.change.tag, request.change.observed) == ("op", "t", 9)
    assert request.change.timestamp == STAMP
    assert request.answer is not None
    request.answer(ADDED)
    await live.tell()
    assert live.socket.answers == [
        {
            "type": "ack",
            "id": "w1",
            "status": "added",
            "revision": 11,
            "unique_tag": "tv:1",
            "timestamp": {"physical": 1_700_000_000_000, "logical": 3, "node": "node-a"},
        }
    ]


@pytest.mark.parametrize(
    ("outcome", "answer"),
    [
        (Outcome(status=Status.EXISTING), {"type": "ack", "status": "existing"}),
        (
            Outcome(status=Status.NOT_FOUND),
            {
                "type": "error",
                "code": "not_found",
                "field": "content_id",
                "message": "it is not in the watchlist",
            },
        ),
        (
            Outcome(status=Status.REFUSED, reason="clock"),
            {"type": "error", "code": "refused", "message": "clock"},
        ),
        (
            Outcome(status=Status.REFUSED, reason="busy", retry_after_s=1.5),
            {"type": "error", "code": "try_again_later", "message": "busy", "retry_after_ms": 1500},
        ),
    ],
)
async def test_every_outcome_has_its_answer(live: Device, outcome: Outcome, answer: dict[str, object]) -> None:
    await live.tell(Received((write(None, timestamp=12345),)))
    (request,) = live.told_of(DeviceWrite)
    request.answer(outcome)
    await live.tell()
    assert live.socket.answers == [answer]


async def test_a_device_that_writes_faster_than_the_journal_is_not_read_until_half_is_answered(
    live: Device,
) -> None:
    await live.tell(Received((write(),) * MAX_UNANSWERED))
    assert not live.socket.is_read
    requests = live.told_of(DeviceWrite)
    for request in requests[: MAX_UNANSWERED // 2 - 1]:
        request.answer(ADDED)
    await live.tell()
    assert not live.socket.is_read
    requests[-1].answer(ADDED)
    await live.tell()
    assert live.socket.is_read


async def test_a_silent_device_is_pinged_then_given_up(live: Device) -> None:
    await live.time_passes(29)
    assert live.socket.pings == 0
    await live.time_passes(1)
    assert live.socket.pings == 1
    await live.time_passes(29.9)
    assert live.socket.closes == []
    await live.time_passes(0.1 + 2 * SECOND_LOOK_S)
    assert live.socket.closes == [4001]
    assert len(live.told_of(Leave)) == 1


async def test_the_services_own_absence_closes_nobody(live: Device) -> None:
    live.now_s += 70
    await live.tell(TimerDue())
    assert (live.socket.closes, live.socket.pings) == ([], 1)
    await live.time_passes(59)
    assert live.socket.closes == []
    await live.time_passes(1 + 2 * SECOND_LOOK_S)
    assert live.socket.closes == [4001]


@pytest.mark.parametrize("sign", [SignOfLife(), Received((DeviceHeartbeat(),))])
async def test_a_sign_of_life_renews_patience(live: Device, sign: ConnectionMessage) -> None:
    await live.time_passes(45)
    await live.tell(sign)
    await live.time_passes(59)
    assert live.socket.closes == []
    await live.time_passes(1 + 2 * SECOND_LOOK_S)
    assert live.socket.closes == [4001]


async def test_a_device_that_waits_for_the_journal_is_not_called_silent(live: Device) -> None:
    await live.tell(Received((write(),)))
    await live.time_passes(100)
    assert live.socket.closes == []


async def test_a_device_that_waits_for_its_watchlist_is_not_called_silent(connect: Connect) -> None:
    device = connect(since=3)
    await device.time_passes(100)
    assert device.socket.closes == []
    await device.tell(Replayed(revision=3, head=3, epoch="e1", frames=()))
    await device.time_passes(60 + 2 * SECOND_LOOK_S)
    assert device.socket.closes == [4001]


async def test_the_connection_ends_with_its_token(live: Device) -> None:
    for _ in range(99):
        live.ref.tell(SignOfLife())
        await live.time_passes(40)
    assert live.socket.closes == []
    live.ref.tell(SignOfLife())
    await live.time_passes(40)
    assert live.socket.closes == [4500]
    await live.tell(deliver(11), Received((Ping(),)))
    await live.time_passes(40)
    assert (live.socket.closes, live.socket.lines) == ([4500], [])


def renewed(**changes: Any) -> TokenRenewed:
    fields = {"user_id": "ann", "device_id": "tv", "expires_at": 1_800_000_000, "ends_at_s": 9_000.0}
    return TokenRenewed(**{**fields, "message_id": "a1", **changes})


async def test_a_renewed_token_lengthens_the_connection(live: Device) -> None:
    await live.tell(renewed())
    assert live.socket.answers == [{"type": "authenticated", "id": "a1", "expires_at": 1_800_000_000}]
    live.now_s = 8_990.0
    await live.tell(SignOfLife(), TimerDue())
    assert live.socket.closes == []
    await live.time_passes(10)
    assert live.socket.closes == [4500]


async def test_a_renewed_token_that_ends_before_the_next_ping_ends_the_connection_on_time(live: Device) -> None:
    await live.tell(renewed(ends_at_s=live.now_s))
    async with asyncio.timeout(TIMEOUT_S):
        while not live.socket.closes:  # nothing is told: the actor's own timer must be due
            await asyncio.sleep(0)
    assert live.socket.closes == [4500]


@pytest.mark.parametrize("other", [{"user_id": "bob"}, {"device_id": "phone"}])
async def test_a_token_of_somebody_else_ends_the_connection(live: Device, other: dict[str, str]) -> None:
    await live.tell(renewed(**other))
    assert (live.socket.closes, live.socket.lines) == ([4503], [])


async def test_a_drained_connection_says_goodbye_after_what_was_due(live: Device) -> None:
    await live.tell(deliver(11), Shutdown(1234))
    assert live.socket.lines[0] == "11"
    assert live.socket.answers[1] == {"type": "goodbye", "reconnect_in_ms": 1234}
    assert live.socket.closes == [1001]
    assert len(live.told_of(Leave)) == 1


async def test_a_resume_that_fails_asks_the_device_to_try_again(connect: Connect) -> None:
    device = connect(since=3)
    await device.tell(Disconnect(TRY_AGAIN_LATER), Replayed(revision=3, head=3, epoch="e1", frames=()))
    assert device.socket.closes == [1013]
    assert device.socket.writes == []


async def test_a_lost_socket_ends_the_actor_which_leaves_once(live: Device) -> None:
    connection = live.told_of(Join)[0].connection
    live.ref.tell(SocketLost())
    await ended(live.ref)
    assert [leave.connection for leave in live.told_of(Leave)] == [connection]
    connection.tell(deliver(11))  # dropped, not raised


async def test_a_closing_connection_that_loses_its_socket_ends_too_and_does_not_leave_twice(live: Device) -> None:
    await live.tell(Shutdown(0))
    live.ref.tell(SocketLost())
    await ended(live.ref)
    assert len(live.told_of(Leave)) == 1


async def test_a_stopped_actor_closes_its_socket(live: Device) -> None:
    await live.ref.stop(block=False)
    assert live.socket.closes == [1001]
    assert len(live.told_of(Leave)) == 1


async def test_a_failing_actor_leaves_and_closes(live: Device, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.CRITICAL, "pykka"):
        live.ref.tell("no message of ours")
        await live.ref.stop(block=False)
    assert live.socket.closes == [1011]
    assert len(live.told_of(Leave)) == 1


async def test_a_launched_connection_is_told_as_long_as_it_lives_and_then_in_vain() -> None:
    socket, requests = RecordingSocket(), list[WatchlistRequest]()
    deps = ConnectionDeps(
        tell_watchlist=requests.append,
        frame=msgspec.json.encode,
        now_s=lambda: 0.0,
        closes=Counter(),
        illegal_steps=Counter(),
    )
    tell = SyncWebSocket.launch(deps, socket, HandshakeResult(user_id="ann", device_id="tv", ends_at_s=1.0))
    tell(SocketLost())
    async with asyncio.timeout(TIMEOUT_S):
        while len(requests) < 2:
            await asyncio.sleep(0)
    assert [type(request) for request in requests] == [Join, Leave]
    tell(deliver(1))
    assert socket.writes == []
