"""Server-sent events of a device's messages: what ``Content-Type: text/event-stream`` holds.

Source: the HTML standard, section 9.2 "Server-sent events".
"""

from typing import Final

import msgspec
from msgspec import Struct

from transport.wire.frames import payloads_in

MEDIA_TYPE: Final = "text/event-stream"
COMMENT: Final = b":\n\n"
"""Says nothing: a sign of life."""


class Closing(Struct, frozen=True):
    """The data of the event ``close``: what a WebSocket's close frame says."""

    code: int
    reason: str


class Events:
    """Makes one connection's events of its frames, as they come: a message may be cut anywhere."""

    __slots__ = ("is_message_open", "messages")

    def __init__(self) -> None:
        self.messages = 0
        """Whole ones so far, without hints at who is online or which lists there are."""
        self.is_message_open = False

    def of(self, frames: bytes) -> bytes:
        """Return the events of whole ``frames`` of ``transport.wire.frames``; the last may go on in later ones.

        JSON has no line breaks: a message is one line of data.
        """
        parts: list[bytes] = []
        for opens, payload, closes in payloads_in(frames):
            if opens:
                parts.append(b"data: ")
            parts.append(payload)
            if closes:
                parts.append(b"\n\n")
                self.messages += not _is_hint(payload)
            self.is_message_open = not closes
        return b"".join(parts)

    def closing(self, code: int, reason: str) -> bytes:
        """Return the last event. A message that is open becomes an event of another name, which nobody waits for."""
        broken_off = b"\nevent: incomplete\n\n" if self.is_message_open else b""
        return b"%bevent: close\ndata: %b\n\n" % (broken_off, msgspec.json.encode(Closing(code, reason)))


def _is_hint(payload: bytes) -> bool:
    """Return whether it says who is online, or which lists there are: with that every poll begins, so it ends none."""
    if payload.startswith(b'{"type":"lists"'):
        return True
    return payload.startswith(b'{"type":"device_update"') and b'"revision":' not in payload
