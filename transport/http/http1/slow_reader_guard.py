"""Clients that ask and do not read the answers: what is unsent must get less, or the connection ends."""

import asyncio
from typing import Final

from transport.http.http1.head_coalescer import HeadCoalescer

MIN_READ_BYTES: Final = 16 * 1024
PAUSED_S: Final = 1.0
"""A look this late shows that the daemon was paused and wrote nothing meanwhile: it says nothing of the peer."""


class SlowReaderGuard:
    """Gives up on a transport whose peer reads less than ``MIN_READ_BYTES`` of what is unsent within ``timeout_s``.

    A peer that reads slowly is served as long as it does. Thread: the event loop.
    """

    def __init__(self, writer: HeadCoalescer, timeout_s: float) -> None:
        self._writer = writer
        self._transport = writer.transport
        self._timeout_s = timeout_s
        self._timer: asyncio.TimerHandle | None = None

    def begin(self) -> None:
        """Watch, if something is unsent and it is not watched yet."""
        if self._timer is None and self._transport.get_write_buffer_size():
            self._look_later()

    def end(self) -> None:
        """Watch no more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look_later(self) -> None:
        loop = asyncio.get_running_loop()
        due_s = loop.time() + self._timeout_s
        self._timer = loop.call_at(due_s, self._look, self._writer.read_bytes(), due_s)

    def _look(self, read_before_bytes: int, due_s: float) -> None:
        self._timer = None
        if not self._transport.get_write_buffer_size():
            return
        was_paused = asyncio.get_running_loop().time() - due_s > PAUSED_S
        if self._writer.read_bytes() - read_before_bytes < MIN_READ_BYTES and not was_paused:
            self._transport.abort()
        else:
            self._look_later()
