"""Work that comes in storms, done in slices: between two slices the event loop serves everybody else."""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from enum import Enum
from typing import Final

from transport.loop.per_loop import PerLoop

SLICE_S: Final = 0.001
SLICE_WORKS: Final = 32
"""How long, and how many, at once at most. Work makes more work, actors' turns above all, which is done before the next
slice: a storm of devices that come or go may delay a live update by a few slices, not by all of it."""


class Storm(Enum):
    """Whose work it is: each storm has a line of its own, and its turn after the other's."""

    ARRIVALS = "arrivals"
    DEPARTURES = "departures"


class TimeSlicedQueue:
    """Runs each storm's work in order, a slice per turn of the loop.

    While there is work of both, it alternates: a newcomer never waits for all who leave. Thread: the event loop.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, now_s: Callable[[], float] = time.perf_counter) -> None:
        self._loop = loop
        self._now_s = now_s
        self._waiting: dict[Storm, deque[Callable[[], None]]] = {storm: deque() for storm in Storm}
        self._next, self._after = self._waiting.values()
        self._is_slice_due = False

    def run(self, work: Callable[[], None], storm: Storm) -> None:
        """Run ``work`` in this turn or a later one; what it raises goes to the loop's exception handler."""
        self._waiting[storm].append(work)
        self._schedule()

    def _schedule(self) -> None:
        if not self._is_slice_due:
            self._is_slice_due = True
            self._loop.call_soon(self._run_slice)

    def _run_slice(self) -> None:
        self._is_slice_due = False
        ends_s = self._now_s() + SLICE_S
        try:
            for _ in range(SLICE_WORKS):
                waiting = self._next or self._after
                if not waiting:
                    break
                self._next, self._after = self._after, self._next
                waiting.popleft()()
                if self._now_s() >= ends_s:
                    break
        finally:
            if self._next or self._after:
                self._schedule()


_queues = PerLoop(TimeSlicedQueue)


def time_sliced_queue() -> TimeSlicedQueue:
    """Return the running loop's queue, shared by everything on it."""
    return _queues.of_running_loop()


def use_time_sliced_queue(queue: TimeSlicedQueue, loop: asyncio.AbstractEventLoop) -> None:
    """Let ``queue`` be that of ``loop``: it may measure its slices by another clock."""
    _queues.use(queue, loop)
