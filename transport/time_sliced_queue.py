"""Work that comes in storms, done in slices: between two slices the event loop serves everybody else."""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from typing import Final
from weakref import WeakKeyDictionary

SLICE_S: Final = 0.001
SLICE_WORKS: Final = 32
"""At most so long, and so many, at once. Work makes more work, actors' turns above all, which is done before the next
slice: a storm of devices that come or go may delay a live update by a few slices, not by all of it."""


class TimeSlicedQueue:
    """Runs what it is given in order, a slice per turn of the loop. Thread: the event loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop, now_s: Callable[[], float] = time.perf_counter) -> None:
        self._loop = loop
        self._now_s = now_s
        self._waiting: deque[Callable[[], None]] = deque()

    def run(self, work: Callable[[], None]) -> None:
        """Run ``work`` in this turn or a later one; what it raises goes to the loop's exception handler."""
        self._waiting.append(work)
        if len(self._waiting) == 1:
            self._loop.call_soon(self._run_slice)

    def _run_slice(self) -> None:
        ends_s = self._now_s() + SLICE_S
        try:
            for _ in range(min(SLICE_WORKS, len(self._waiting))):
                self._waiting[0]()
                self._waiting.popleft()
                if self._now_s() >= ends_s:
                    break
        except BaseException:
            self._waiting.popleft()
            raise
        finally:
            if self._waiting:
                self._loop.call_soon(self._run_slice)


_queues: WeakKeyDictionary[asyncio.AbstractEventLoop, TimeSlicedQueue] = WeakKeyDictionary()


def time_sliced_queue() -> TimeSlicedQueue:
    """Return the running loop's queue, shared by everything on it."""
    loop = asyncio.get_running_loop()
    found = _queues.get(loop)
    if found is None:
        found = _queues[loop] = TimeSlicedQueue(loop)
    return found
