"""The timers that are running, and whether the device has slept through the end of one."""

from collections.abc import Callable
from typing import Final

from syncd_client.core.outputs import Output, StartTimer, StopTimer, Timer

SLEPT_MS: Final = 10_000


class Timers:
    """Starts and stops the shell's timers; its outputs go to ``put``."""

    def __init__(self, put: Callable[[Output], None], now_ms: Callable[[], int]) -> None:
        self._put = put
        self._now_ms = now_ms
        self._due_ms: dict[Timer, int] = {}
        """When each running timer is due, by the wall clock."""

    def is_running(self, timer: Timer) -> bool:
        """Return whether it was started, and neither stopped nor due."""
        return timer in self._due_ms

    def start(self, timer: Timer, after_ms: int) -> None:
        """Have it run out in ``after_ms``, whatever it was set to before."""
        self._due_ms[timer] = self._now_ms() + after_ms
        self._put(StartTimer(timer, after_ms))

    def stop(self, timer: Timer) -> None:
        """Stop it, if it runs."""
        if self._due_ms.pop(timer, None) is not None:
            self._put(StopTimer(timer))

    def stop_all(self) -> None:
        """Stop those that belong to a connection or an attempt."""
        for timer in Timer:
            if timer is not Timer.REPORT:
                self.stop(timer)

    def ran_out(self, timer: Timer) -> bool:
        """Note that it ran out; return whether that came so late that the device must have slept."""
        now_ms = self._now_ms()
        return now_ms - self._due_ms.pop(timer, now_ms) > SLEPT_MS
