import pytest
from websockets.client import ClientProtocol
from websockets.frames import Frame, Opcode
from websockets.protocol import OPEN
from websockets.uri import parse_uri

from transport.wire.frames import FRAGMENT_BYTES, fragments, frame, payloads_in


def read_by_websockets(frames: bytes) -> list[Frame]:
    client = ClientProtocol(parse_uri("ws://localhost/"), state=OPEN)
    client.receive_data(frames)
    return [event for event in client.events_received() if isinstance(event, Frame)]


@pytest.mark.parametrize("size", [0, 1, 125, 126, 1_023, 1_024, 65_535, 65_536, 200_000])
def test_a_frame_of_any_size_is_read_by_another_implementation(size: int) -> None:
    (read,) = read_by_websockets(frame(b"x" * size))
    assert (read.opcode, read.fin, read.data) == (Opcode.TEXT, True, b"x" * size)


def test_frames_can_be_joined() -> None:
    assert [read.data for read in read_by_websockets(frame(b"one") + frame(b"") + frame(b"two" * 50))] == [
        b"one", b"", b"two" * 50,
    ]  # fmt: skip


SIZES = (0, 1, FRAGMENT_BYTES - 1, FRAGMENT_BYTES, FRAGMENT_BYTES + 1, 3 * FRAGMENT_BYTES + 5)


@pytest.mark.parametrize("size", SIZES)
def test_a_message_in_fragments_is_read_by_another_implementation(size: int) -> None:
    payload = bytes(number % 251 for number in range(size))
    read = read_by_websockets(b"".join(fragments(payload, opens=True, closes=True)))
    assert b"".join(one.data for one in read) == payload
    assert [one.opcode for one in read] == [Opcode.TEXT] + [Opcode.CONT] * (len(read) - 1)
    assert [one.fin for one in read] == [False] * (len(read) - 1) + [True]
    assert all(len(one.data) <= FRAGMENT_BYTES for one in read)
    assert len(read) == max(1, -(-size // FRAGMENT_BYTES))


@pytest.mark.parametrize("middle", [b"", b"x" * (FRAGMENT_BYTES + 1)])
def test_a_message_may_be_fragmented_part_by_part(middle: bytes) -> None:
    parts = (
        *fragments(b"one", opens=True, closes=False),
        *fragments(middle, opens=False, closes=False),
        *fragments(b"", opens=False, closes=True),
    )
    read = read_by_websockets(b"".join(parts))
    assert b"".join(one.data for one in read) == b"one" + middle
    assert [one.fin for one in read] == [False] * (len(read) - 1) + [True]
    assert [one.opcode for one in read] == [Opcode.TEXT] + [Opcode.CONT] * (len(read) - 1)


def test_a_short_message_is_one_frame() -> None:
    assert fragments(b"short", opens=True, closes=True) == (frame(b"short"),)


@pytest.mark.parametrize("size", [0, 125, 126, 65_535, 65_536])
def test_what_was_framed_is_read_back(size: int) -> None:
    payload = bytes(number % 251 for number in range(size))
    assert list(payloads_in(frame(b"{}") + frame(payload))) == [(True, b"{}", True), (True, payload, True)]


@pytest.mark.parametrize("size", SIZES)
def test_fragments_are_read_back_with_their_places_in_the_message(size: int) -> None:
    payload = bytes(number % 251 for number in range(size))
    read = list(payloads_in(b"".join(fragments(payload, opens=True, closes=True))))
    assert b"".join(cut for _, cut, _ in read) == payload
    assert [opens for opens, _, _ in read] == [True, *[False] * (len(read) - 1)]
    assert [closes for _, _, closes in read] == [*[False] * (len(read) - 1), True]
