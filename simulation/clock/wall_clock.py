"""A wall clock of a world, which may be wrong."""

from collections.abc import Callable
from typing import Final

START_S: Final = 4_102_444_800.0
"""What the true wall clock shows when a world begins: the year 2100. PyJWT looks at the machine's own clock, and finds
every token valid; that one has ended, the ``Authenticator`` sees by the world's clock."""


class WallClock:
    """Shows seconds since 1970.

    Args:
        passed_s: the true time since the world's beginning.
        skew_s: how far the clock is ahead at first.
        drift: how much further it gets in each second.
    """

    def __init__(self, passed_s: Callable[[], float], skew_s: float, drift: float) -> None:
        self._passed_s = passed_s
        self.skew_s = skew_s
        self._drift = drift

    def now_s(self) -> float:
        """Return what it shows."""
        passed_s = self._passed_s()
        return START_S + passed_s + self.skew_s + passed_s * self._drift
