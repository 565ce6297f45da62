"""Reads of thousands of sockets, a slice in each turn of the event loop.

A loop reads everything that is ready before it does anything else: where thousands of devices vanish or speak at once,
nobody else is served until all of them were. So sockets are polled here, a few at a time, and the loop polls the poll.
"""

import asyncio
import select
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final, Protocol

from transport.loop.per_loop import PerLoop

SLICE_READS: Final = 32
SLICE_S: Final = 0.001
"""How many sockets are read in a turn at most, and for how long."""

CAN_POLL: Final = hasattr(select, "epoll")
"""Elsewhere than on Linux the loop reads."""


class Reader(Protocol):
    """Whose socket it is."""

    def read_ready(self) -> None:
        """Read once: there are bytes, or the end. Must not raise."""


class SlicedReads:
    """Tells readers when their sockets can be read, those of one event loop. Thread: that of the loop.

    A socket is known by its descriptor. One that was closed tells nothing more, but its ``end`` is still due.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, now_s: Callable[[], float] = time.perf_counter) -> None:
        self._loop = loop
        self._now_s = now_s
        self._readers: dict[int, Reader] = {}
        self._poll: Any = None
        """``select.epoll``, while there are readers."""

    def begin(self, descriptor: int, reader: Reader) -> None:
        """Tell ``reader`` from now on; idempotent."""
        if self._readers.get(descriptor) is reader:
            return
        if self._poll is None:
            self._poll = select.epoll()
            self._loop.add_reader(self._poll.fileno(), self._run_slice)
        self._poll.register(descriptor, select.EPOLLIN)
        self._readers[descriptor] = reader

    def end(self, descriptor: int, reader: Reader) -> None:
        """Tell ``reader`` no more; idempotent, and right also when another socket has the descriptor by now."""
        if self._readers.get(descriptor) is not reader:
            return
        del self._readers[descriptor]
        with suppress(OSError):  # it was closed
            self._poll.unregister(descriptor)
        if not self._readers:
            self._loop.remove_reader(self._poll.fileno())
            self._poll.close()
            self._poll = None

    def _run_slice(self) -> None:
        ends_s = self._now_s() + SLICE_S
        for descriptor, _ in self._poll.poll(0, SLICE_READS):
            if reader := self._readers.get(descriptor):  # else it was ended by one before it
                reader.read_ready()
                if self._now_s() >= ends_s:
                    break  # the rest is told again


_reads = PerLoop(SlicedReads)


def sliced_reads() -> SlicedReads:
    """Return the running loop's, shared by everything on it."""
    return _reads.of_running_loop()
