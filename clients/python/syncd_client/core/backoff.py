"""How long to wait before the next attempt: full jitter, so that a million devices do not come back at once.

Source: Brooker 2015, "Exponential Backoff And Jitter".
"""

from typing import Final

BASE_MS: Final = 500
CAP_MS: Final = 30_000


class Backoff:
    """Counts the attempts in a row that failed."""

    def __init__(self) -> None:
        self._failures = 0

    def next_ms(self, random: float) -> int:
        """Count one more failure and return how long to wait; ``random``: in [0, 1)."""
        bound_ms = min(CAP_MS, BASE_MS << min(self._failures, 16))
        self._failures += 1
        return int(random * bound_ms)

    def reset(self) -> None:
        """Start again from the shortest wait."""
        self._failures = 0
