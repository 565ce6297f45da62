"""WebSocket frames: made once for all of a user's connections, and read back for those that are no WebSockets.

Source: RFC 6455 sections 5.2 and 5.4.
"""

from collections.abc import Iterator
from typing import Final

FIN: Final = 0x80
TEXT: Final = 0x01
_CONTINUATION: Final = 0x00
OPCODE: Final = 0x0F
"""In a frame's first byte; of a continuation: 0."""

FRAGMENT_BYTES: Final = 16 * 1024
"""How much of a long message is written at once: while that is under way, a pong waits no longer than for this."""


def _header(length: int, first: int = FIN | TEXT) -> bytes:
    """Return what stands before a payload; ``first`` is its first byte."""
    if length < 126:
        return bytes((first, length))
    if length < 1 << 16:
        return bytes((first, 126)) + length.to_bytes(2, "big")
    return bytes((first, 127)) + length.to_bytes(8, "big")


_USUAL_HEADERS: Final = tuple(map(_header, range(1024)))
"""To make one costs three times as much as to frame with it."""


def frame(payload: bytes) -> bytes:
    """Return ``payload`` (UTF-8) as one unmasked text frame, ready for any number of sockets."""
    length = len(payload)
    return (_USUAL_HEADERS[length] if length < len(_USUAL_HEADERS) else _header(length)) + payload


def fragments(payload: bytes, *, opens: bool, closes: bool) -> tuple[bytes, ...]:
    """Return ``payload`` as frames that hold at most ``FRAGMENT_BYTES`` each: a message, or a part of one."""
    frames: list[bytes] = []
    for start in range(0, max(len(payload), opens or closes), FRAGMENT_BYTES):
        cut = payload[start : start + FRAGMENT_BYTES]
        opcode = TEXT if opens and start == 0 else _CONTINUATION
        fin = FIN if closes and start + FRAGMENT_BYTES >= len(payload) else 0
        frames.append(_header(len(cut), fin | opcode) + cut)
    return tuple(frames)


def payloads_in(frames: bytes) -> Iterator[tuple[bool, bytes, bool]]:
    """Yield for each of these whole frames, made here: whether it opens a message, its payload, whether it ends one."""
    at, end = 0, len(frames)
    while at < end:
        first, length = frames[at], frames[at + 1]
        at += 2
        if length >= 126:
            size_at, at = at, at + (2 if length == 126 else 8)
            length = int.from_bytes(frames[size_at:at], "big")
        payload = frames[at : at + length]
        at += length
        yield first & OPCODE == TEXT, payload, first & FIN != 0
