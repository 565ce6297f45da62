import pytest

from actors.connection.outbox import Outbox
from actors.messages.connection import MAX_WAITING_BYTES, MAX_WAITING_FRAMES
from tests.fakes.recording_socket import RecordingSocket


@pytest.fixture
def socket() -> RecordingSocket:
    return RecordingSocket()


@pytest.fixture
def outbox(socket: RecordingSocket) -> Outbox:
    return Outbox(socket)


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
def test_it_has_a_bound(outbox: Outbox, fitting: list[bytes]) -> None:
    outbox.frames += fitting
    assert not outbox.is_over_bound
    outbox.frames.append(b"x")
    assert outbox.is_over_bound
