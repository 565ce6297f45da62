import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.messages.close_codes import TOO_FAST
from transport.websocket.frame_reader import FrameReader

MAX_SIZE = 1024
TEXT, BINARY, CONT, CLOSE, PING, PONG = 1, 2, 0, 8, 9, 10


def masked(opcode: int, payload: bytes, *, fin: bool = True, reserved: int = 0) -> bytes:
    """Return a client's frame, made without the code under test."""
    head = bytes((fin << 7 | reserved << 4 | opcode,))
    if len(payload) < 126:
        head += bytes((0x80 | len(payload),))
    elif len(payload) < 1 << 16:
        head += b"\xfe" + struct.pack("!H", len(payload))
    else:
        head += b"\xff" + struct.pack("!Q", len(payload))
    mask = b"\x9a\x01\xf0\x5c"
    return head + mask + bytes(byte ^ mask[index % 4] for index, byte in enumerate(payload))


def text(content: str) -> bytes:
    return masked(TEXT, content.encode())


def close_code(output: list[bytes]) -> int:
    """Return the code of the close frame that must end ``output``, before the end of the stream."""
    *_, frame, end = output
    assert frame[0] == 0x88
    assert end == b""
    code: int = struct.unpack("!H", frame[2:4])[0]
    return code


def test_many_frames_of_one_read_are_messages_in_order() -> None:
    reader = FrameReader(MAX_SIZE)
    assert reader.feed(b"".join(text(f"message {n}") for n in range(200))) == [f"message {n}" for n in range(200)]
    assert reader.output() == []


messages = st.lists(
    st.one_of(
        st.tuples(st.just("whole"), st.text(max_size=200)),
        st.tuples(st.just("fragmented"), st.text(min_size=2, max_size=200)),
        st.tuples(st.just("ping"), st.text(max_size=30)),
        st.tuples(st.just("pong"), st.text(max_size=30)),
    ),
    max_size=12,
)


@given(messages=messages, chunk=st.integers(1, 60))
def test_the_cuts_of_the_network_do_not_matter(messages: list[tuple[str, str]], chunk: int) -> None:
    stream, expected, pongs = b"", [], []
    for kind, content in messages:
        payload = content.encode()
        match kind:
            case "whole":
                stream += masked(TEXT, payload)
                expected.append(content)
            case "fragmented":
                stream += masked(TEXT, payload[:1], fin=False) + masked(PING, b"between")
                stream += masked(CONT, payload[1:-1], fin=False) + masked(CONT, payload[-1:])
                expected.append(content)
                pongs.append(b"between")
            case "ping":
                stream += masked(PING, payload[:125])
                pongs.append(payload[:125])
            case "pong":
                stream += masked(PONG, payload[:125])
    reader = FrameReader(MAX_SIZE)
    got, output = [], b""
    for at in range(0, len(stream), chunk):
        got += reader.feed(stream[at : at + chunk])
        output += b"".join(reader.output())
    assert got == expected
    assert output == b"".join(bytes((0x8A, len(pong))) + pong for pong in pongs)


@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, MAX_SIZE])
def test_every_length_up_to_the_limit_is_read(size: int) -> None:
    assert FrameReader(MAX_SIZE).feed(text("x" * size)) == ["x" * size]


def test_a_length_of_64_bits_is_read() -> None:
    assert FrameReader(1 << 20).feed(text("x" * 70_000)) == ["x" * 70_000]


def test_binary_is_told_from_text_whole_or_in_fragments() -> None:
    reader = FrameReader(MAX_SIZE)
    stream = masked(BINARY, b"\x00") + masked(BINARY, b"\x01", fin=False) + masked(CONT, b"\x02") + text("t")
    assert reader.feed(stream) == [b"\x00", b"\x01\x02", "t"]


@pytest.mark.parametrize(
    ("stream", "code"),
    [
        (b"\x81\x02hi", 1002),
        (masked(TEXT, b"x", reserved=4), 1002),
        (masked(TEXT, b"x", reserved=1), 1002),
        (masked(3, b"x"), 1002),
        (masked(11, b"x"), 1002),
        (masked(PING, b"x" * 126), 1002),
        (masked(PING, b"x", fin=False), 1002),
        (masked(CONT, b"x"), 1002),
        (masked(TEXT, b"x", fin=False) + text("y"), 1002),
        (masked(CLOSE, b"\x03"), 1002),
        (masked(CLOSE, struct.pack("!H", 1005)), 1002),
        (masked(CLOSE, struct.pack("!H", 1000) + b"\xff"), 1007),
        (masked(TEXT, b"\xc3\x28"), 1007),
        (masked(TEXT, b"\xed\xa0\x80"), 1007),
        (masked(TEXT, b"\xc3", fin=False) + masked(CONT, b"\x28"), 1007),
        (masked(TEXT, b"x" * (MAX_SIZE + 1)), 1009),
        (masked(TEXT, b"x" * MAX_SIZE, fin=False) + masked(CONT, b"x"), 1009),
        (b"\x81\xff" + b"\xff" * 8 + b"mask", 1009),
    ],
)
def test_a_broken_rule_ends_the_stream_with_its_code(stream: bytes, code: int) -> None:
    reader = FrameReader(MAX_SIZE)
    assert reader.feed(text("before") + stream + text("after")) == ["before"]
    assert close_code(reader.output()) == code
    assert reader.feed(text("later")) == []
    assert reader.output() == []


def test_an_oversized_frame_is_refused_by_its_header() -> None:
    reader = FrameReader(MAX_SIZE)
    reader.feed(masked(TEXT, b"x" * (MAX_SIZE + 1))[:8])
    assert close_code(reader.output()) == 1009


def test_a_character_cut_between_fragments_is_whole_again() -> None:
    reader = FrameReader(MAX_SIZE)
    assert reader.feed(masked(TEXT, b"\xc3", fin=False) + masked(CONT, b"\xa9")) == ["é"]


@pytest.mark.parametrize("payload", [b"", struct.pack("!H", 1000), struct.pack("!H", 4999) + b"bye"])
def test_a_close_frame_is_echoed_and_ends_the_stream(payload: bytes) -> None:
    reader = FrameReader(MAX_SIZE)
    assert reader.feed(masked(CLOSE, payload) + text("after")) == []
    assert reader.output() == [bytes((0x88, len(payload))) + payload, b""]


def test_a_close_frame_between_fragments_is_echoed_and_what_follows_is_discarded() -> None:
    close = masked(CLOSE, struct.pack("!H", 1000))
    reader = FrameReader(MAX_SIZE)
    assert reader.feed(masked(TEXT, b"half", fin=False) + close + masked(CONT, b"half")) == []
    assert reader.output() == [b"\x88\x02\x03\xe8", b""]


def test_a_ping_between_fragments_is_answered_however_little_room_the_message_has_left() -> None:
    reader = FrameReader(MAX_SIZE)
    reader.feed(masked(TEXT, b"x" * MAX_SIZE, fin=False) + masked(PING, b"between"))
    assert reader.output() == [b"\x8a\x07between"]
    assert reader.feed(masked(CONT, b"")) == ["x" * MAX_SIZE]


def test_a_fragment_too_many_is_refused_by_its_header() -> None:
    reader = FrameReader(MAX_SIZE)
    reader.feed(masked(TEXT, b"x" * MAX_SIZE, fin=False) + masked(CONT, b"x" * 200)[:8])
    assert close_code(reader.output()) == 1009


def test_after_our_close_frame_nothing_is_a_message_until_the_peer_closes_too() -> None:
    reader = FrameReader(MAX_SIZE)
    reader.close(4002, "slow")
    reader.close(1001, "twice")
    assert reader.output() == [b"\x88\x06" + struct.pack("!H", 4002) + b"slow"]
    assert reader.feed(text("late") + masked(BINARY, b"late")) == []
    assert reader.output() == []
    reader.feed(masked(CLOSE, struct.pack("!H", 4002)))
    assert reader.output() == [b""]


@pytest.mark.parametrize(
    ("frame", "at_once"),
    [(text("x"), MAX_SIZE // 4), (masked(PING, b""), MAX_SIZE // 32), (masked(PONG, b""), MAX_SIZE // 32)],
)
def test_one_read_may_hold_so_many_frames_and_no_more(frame: bytes, at_once: int) -> None:
    reader = FrameReader(MAX_SIZE)
    for _ in range(2):
        reader.feed(frame * at_once)
        assert reader.frames == at_once
        assert len(reader.output()) == (at_once if frame[0] & 0x0F == PING else 0)
    reader.feed(frame * (at_once + 9))
    assert close_code(reader.output()) == 4003
    assert reader.frames == at_once + 1


def test_fragments_count_as_frames_and_so_does_a_close_frame() -> None:
    reader = FrameReader(MAX_SIZE)
    reader.feed(masked(TEXT, b"x", fin=False) + masked(CONT, b"x") + text("x") + masked(CLOSE, b"")[:3])
    assert reader.frames == 3
    reader.feed(masked(CLOSE, b"")[3:])
    assert reader.frames == 1
    reader.feed(b"")
    assert reader.frames == 0


@pytest.mark.parametrize("size", [0, 125])
def test_a_ping_of_every_size_that_is_allowed_is_answered_in_kind_and_messages_go_on(size: int) -> None:
    reader = FrameReader(MAX_SIZE)
    assert reader.feed(masked(PING, b"p" * size) + text("behind it")) == ["behind it"]
    assert reader.output() == [bytes((0x8A, size)) + b"p" * size]


def test_a_peer_that_sends_too_fast_is_not_heard_any_more_and_the_stream_ends() -> None:
    reader = FrameReader(MAX_SIZE)
    reader.close(TOO_FAST.code, TOO_FAST.reason)
    assert close_code(reader.output()) == 4003
    assert reader.feed(text("more") + masked(PING, b"") + masked(CLOSE, b"")) == []
    assert reader.frames == 0
    assert reader.output() == []


def test_a_peer_that_begins_to_send_too_fast_after_our_close_frame_is_not_heard_any_more() -> None:
    reader = FrameReader(MAX_SIZE)
    reader.close(4002, "slow")
    reader.output()
    reader.close(TOO_FAST.code, TOO_FAST.reason)
    assert reader.output() == [b""]
    assert reader.feed(text("more") * 2) == []
    assert reader.frames == 0
    reader.close(TOO_FAST.code, TOO_FAST.reason)
    assert reader.output() == []
