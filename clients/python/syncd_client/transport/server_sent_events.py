"""Reads server-sent events out of bytes as they come.

Source: https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation, without what the
service does not send: ids, and times to reconnect after.
"""

import re
from collections.abc import Iterator
from typing import Final

from msgspec import Struct

MAX_EVENT_BYTES: Final = 64 << 20

_LINE_END: Final = re.compile(rb"\r\n|\n|\r(?!\Z)")
"""A carriage return that came last may be half of a line end, and waits for the next chunk."""


class Event(Struct, frozen=True):
    """One event: ``message``, unless it names another type."""

    type: str
    data: bytes


class EventTooLongError(Exception):
    """An event has more than ``MAX_EVENT_BYTES``: the service never sends one."""


class EventReader:
    """Reads one answer. ``feed`` is called with its bytes in order."""

    def __init__(self) -> None:
        self._rest = b""
        self._searched = 0
        self._type = ""
        self._data: list[bytes] = []
        self._size = 0
        """Bytes of ``_data``."""

    def feed(self, chunk: bytes) -> Iterator[Event]:
        """Yield the events that ``chunk`` completes. Raises: EventTooLongError."""
        text = self._rest + chunk
        begin = 0
        for end in _LINE_END.finditer(text, self._searched):
            yield from self._line(text[begin : end.start()])
            begin = end.end()
        self._rest = text[begin:]
        self._searched = max(len(self._rest) - 1, 0)
        if self._size + len(self._rest) > MAX_EVENT_BYTES:
            raise EventTooLongError

    def _line(self, line: bytes) -> Iterator[Event]:
        if not line:
            if self._data:
                yield Event(self._type or "message", b"\n".join(self._data))
            self._type, self._data, self._size = "", [], 0
            return
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if name == b"data":
            self._data.append(value)
            self._size += len(value)
        elif name == b"event":
            self._type = value.decode(errors="replace")
