"""Whether a connection still lives: networks lose them without a word."""

from enum import Enum, auto


class Verdict(Enum):
    """What an interval has shown."""

    FINE = auto()
    ASK = auto()  # ask the other side for a sign of life
    LOST = auto()  # it was asked, and gave none


class Silence:
    """Watches one connection."""

    def __init__(self) -> None:
        self._has_heard = False
        self._has_asked = False

    def heard(self) -> None:
        """Note that something came."""
        self._has_heard = True

    def check(self) -> Verdict:
        """Return what the interval that ends now has shown, and begin the next one."""
        if self._has_asked and not self._has_heard:
            return Verdict.LOST
        self._has_asked = not self._has_heard
        self._has_heard = False
        return Verdict.ASK if self._has_asked else Verdict.FINE
