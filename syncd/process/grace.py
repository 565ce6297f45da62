"""How long the daemon's stop may still take: one deadline for all its steps."""

import time
from collections.abc import Callable


class Grace:
    """Begins once, at the first of its calls.

    Args:
        timeout_s: how long a stop may take.
        now_s: a monotonic clock.
    """

    def __init__(self, timeout_s: float, now_s: Callable[[], float] = time.monotonic) -> None:
        self._timeout_s = timeout_s
        self._now_s = now_s
        self._ends_s: float | None = None

    def left_s(self) -> float:
        """Return how many seconds of it are left, from now on; 0: none."""
        now_s = self._now_s()
        if self._ends_s is None:
            self._ends_s = now_s + self._timeout_s
        return max(0.0, self._ends_s - now_s)
