import weakref
from uuid import UUID

import pytest

from actors.connection.deps import ConnectionDeps
from actors.connection.device_writes import DeviceWrites
from actors.connection.outbox import CHUNK_BYTES, Outbox
from actors.messages.connection import MAX_PART_BYTES, MAX_WAITING_BYTES, MAX_WAITING_FRAMES, ConnectionInfo, ListPart
from actors.messages.device import WatchlistWrite
from tests.fakes.recording_socket import RecordingSocket


@pytest.fixture
def socket() -> RecordingSocket:
    return RecordingSocket()


@pytest.fixture
def writes(socket: RecordingSocket) -> DeviceWrites:
    """Of which two are under way."""
    deps = ConnectionDeps(tell_watchlist=lambda _: None, frame=lambda _: b"", now_s=lambda: 0.0)
    writes = DeviceWrites(ConnectionInfo("c", "ann", "tv", lambda _: None), socket, deps)
    for _ in range(2):
        writes.submit(WatchlistWrite("add", str(UUID(int=1))))
    return writes


@pytest.fixture
def outbox(socket: RecordingSocket, writes: DeviceWrites) -> Outbox:
    return Outbox(socket, writes)


def test_what_was_collected_leaves_in_one_write(outbox: Outbox, socket: RecordingSocket) -> None:
    outbox.frames += [b"1", b"2"]
    outbox.flush()
    outbox.frames.append(b"3")
    outbox.flush()
    outbox.flush()
    assert socket.writes == [b"12", b"3"]


def test_it_waits_while_the_device_does_not_read(outbox: Outbox, socket: RecordingSocket) -> None:
    socket.congested = True
    outbox.frames += [b"1", b"23"]
    outbox.flush()
    assert (socket.writes, outbox.size_bytes) == ([], 3)
    socket.congested = False
    outbox.flush()
    assert socket.writes == [b"123"]


@pytest.mark.parametrize("fitting", [[b"x"] * MAX_WAITING_FRAMES, [b"x" * MAX_WAITING_BYTES]], ids=["frames", "bytes"])
def test_so_many_frames_and_bytes_wait_for_a_device_and_no_more(outbox: Outbox, fitting: list[bytes]) -> None:
    outbox.frames += fitting
    assert not outbox.is_over_bound
    outbox.frames.append(b"x")
    assert outbox.is_over_bound


def test_answers_of_writes_are_not_among_the_frames_that_have_a_bound(outbox: Outbox) -> None:
    outbox.frames += [b"x"] * (MAX_WAITING_FRAMES + 9)
    outbox.answers = 9
    assert not outbox.is_over_bound


def test_writes_are_answered_when_their_answers_are_written(
    outbox: Outbox, socket: RecordingSocket, writes: DeviceWrites
) -> None:
    socket.congested = True
    outbox.frames += [b"a", b"b", b"c"]
    outbox.answers = 2
    outbox.flush()
    assert writes.unanswered == 2
    socket.congested = False
    outbox.flush()
    outbox.frames.append(b"d")
    outbox.flush()
    assert writes.unanswered == 0


def part(*frames: bytes, ends_message: bool) -> ListPart:
    return ListPart(revision=1, epoch="e", frames=frames, ends_message=ends_message, after=None)


CHUNKS = [letter * CHUNK_BYTES for letter in (b"a", b"b", b"c")]


def test_what_is_sent_is_written_chunk_by_chunk_as_the_socket_takes_it(outbox: Outbox, socket: RecordingSocket) -> None:
    socket.becomes_congested = True
    outbox.frames.append(b"before")
    outbox.send((b"1", b"2" * (CHUNK_BYTES - 1), b"3", b"4"))
    outbox.flush()
    written = [b"before", b"1" + b"2" * (CHUNK_BYTES - 1), b"34"]
    for number in range(1, 4):
        outbox.flush()
        assert socket.writes == written[:number]
        assert outbox.is_sending == (number < 3)
        socket.congested = False
    outbox.flush()
    assert socket.writes == written


def test_messages_that_are_sent_may_have_others_between_them(outbox: Outbox, socket: RecordingSocket) -> None:
    socket.becomes_congested = True
    outbox.send(tuple(CHUNKS[:2]))
    outbox.flush()
    outbox.frames.append(b"answer")
    for _ in range(2):
        socket.congested = False
        outbox.flush()
    assert socket.writes == [CHUNKS[0], b"answer", CHUNKS[1]]


def test_between_the_fragments_of_a_message_nothing_is_written(outbox: Outbox, socket: RecordingSocket) -> None:
    socket.becomes_congested = True
    outbox.send_part(part(*CHUNKS[:2], ends_message=False))
    outbox.flush()
    outbox.frames.append(b"answer")
    for _ in range(2):
        socket.congested = False
        outbox.flush()
    assert (socket.writes, outbox.is_message_open, outbox.is_sending) == (CHUNKS[:2], True, False)
    outbox.send_part(part(ends_message=False))
    outbox.flush()
    assert outbox.is_message_open
    outbox.send_part(part(CHUNKS[2], ends_message=True))
    for _ in range(2):
        outbox.flush()
        socket.congested = False
    outbox.flush()
    assert (socket.writes, outbox.is_message_open) == ([*CHUNKS, b"answer"], False)


def test_between_the_fragments_of_the_last_part_nothing_is_written_but_behind_it_at_once(
    outbox: Outbox, socket: RecordingSocket
) -> None:
    socket.becomes_congested = True
    outbox.send_part(part(*CHUNKS[:2], ends_message=True))
    outbox.flush()
    outbox.frames.append(b"answer")
    socket.congested = socket.becomes_congested = False
    outbox.flush()
    assert socket.writes == [*CHUNKS[:2], b"answer"]


def test_a_part_lives_until_it_is_written(outbox: Outbox, socket: RecordingSocket) -> None:
    socket.congested = True
    sent = part(b"a", b"b", ends_message=True)
    alive = weakref.ref(sent)
    outbox.send_part(sent)
    del sent
    outbox.flush()
    assert alive() is not None
    socket.congested = False
    outbox.flush()
    assert alive() is None


@pytest.mark.parametrize(
    ("messages", "kept"),
    [
        ([b"x"] * (MAX_WAITING_FRAMES + 5), MAX_WAITING_FRAMES),
        ([b"x" * (MAX_PART_BYTES // 4)] * 6, 4),
        ([b"x"], 1),
        ([], 0),
    ],
)
def test_of_what_is_sent_no_more_is_kept_than_may_be(
    outbox: Outbox, socket: RecordingSocket, messages: list[bytes], kept: int
) -> None:
    socket.congested = True
    outbox.send(tuple(messages))
    outbox.flush()
    assert outbox.forget_excess() == len(messages) - kept
    assert outbox.held_bytes() == sum(map(len, messages[:kept]))
    socket.congested = False
    outbox.flush()
    assert b"".join(socket.writes) == b"".join(messages[:kept])
    assert not outbox.is_sending


def test_what_is_held_for_a_device_is_what_waits_and_what_its_socket_has_not_taken(
    outbox: Outbox, socket: RecordingSocket
) -> None:
    socket.congested, socket.unsent = True, 100
    outbox.frames.append(b"x" * 20)
    outbox.send((b"x" * 3,))
    assert outbox.held_bytes() == 123


def test_what_is_cleared_is_not_written(outbox: Outbox, socket: RecordingSocket) -> None:
    socket.congested = True
    outbox.frames.append(b"1")
    outbox.send((b"2",))
    outbox.clear()
    socket.congested = False
    outbox.flush()
    assert (socket.writes, outbox.held_bytes()) == ([], 0)
