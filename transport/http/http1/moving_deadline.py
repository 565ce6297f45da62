"""A deadline that moves on with every request, at the price of an addition: timers are made when they run out."""

import asyncio
import math
from collections.abc import Callable
from typing import Final

TICK_S: Final = 0.001
"""uvloop counts in milliseconds: a timer may fire that much before the time it was set for."""


class MovingDeadline:
    """Calls ``missed`` ``second_look_s`` after the time that was set last, if it was not moved. Thread: the event loop.

    Not at once: if the daemon was paused, what came in time may not be read yet. A timer that was set for an earlier
    time is left alone when the deadline moves, and set again when it fires.
    """

    __slots__ = ("_at_s", "_is_second_look", "_loop", "_missed", "_second_look_s", "_timer", "_timer_at_s")

    def __init__(self, loop: asyncio.AbstractEventLoop, missed: Callable[[], None], second_look_s: float) -> None:
        self._loop = loop
        self._missed = missed
        self._second_look_s = second_look_s
        self._at_s = math.inf
        self._is_second_look = False
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at_s = math.inf

    def move(self, timeout_s: float) -> None:
        """Set it ``timeout_s`` from now, whatever it was before."""
        self._at_s = at_s = self._loop.time() + timeout_s
        self._is_second_look = False
        if at_s < self._timer_at_s:
            self._set_timer(at_s)

    def end(self) -> None:
        """Let go of everything, for good: ``missed`` is of whoever holds this, and would make a reference cycle."""
        self._missed = _nobody
        self._drop_timer()

    def _set_timer(self, at_s: float) -> None:
        self._drop_timer()
        self._timer = self._loop.call_at(at_s, self._look)
        self._timer_at_s = at_s

    def _drop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._timer_at_s = math.inf

    def _look(self) -> None:
        self._timer, self._timer_at_s = None, math.inf
        now_s = self._loop.time()
        if now_s + TICK_S < self._at_s:
            self._set_timer(self._at_s)
        elif not self._is_second_look:
            self._is_second_look = True
            self._set_timer(now_s + self._second_look_s)
        else:
            self._at_s = math.inf
            self._missed()


def _nobody() -> None:
    """Be told in place of an owner that is gone."""
