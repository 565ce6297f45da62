"""What to do when a connection or an attempt ended: the close-code table of the protocol, and how long to wait."""

from collections.abc import Callable
from enum import Enum, auto
from typing import Final

BACKOFF_BASE_MS: Final = 500
BACKOFF_CAP_MS: Final = 30_000

TOKEN_ENDED: Final = 4500
_LASTING_CODES: Final = frozenset({1000, 1002, 1003, 1007, 1008, 1009, 1010})
_LASTING_STATUSES: Final = frozenset({400, 403, 404, 426})


class Then(Enum):
    """What may follow."""

    RECONNECT = auto()
    RECONNECT_WITH_NEW_TOKEN = auto()
    STOP = auto()  # the same attempt would end the same way: the app has to act


def after_close(code: int) -> Then:
    """Return what follows a close with ``code``; the range tells."""
    if code == TOKEN_ENDED:
        return Then.RECONNECT_WITH_NEW_TOKEN
    return Then.STOP if code > TOKEN_ENDED or code in _LASTING_CODES else Then.RECONNECT


def after_refusal(status: int | None) -> Then:
    """Return what follows an attempt that the service refused with this HTTP status; ``None``: it did not answer."""
    if status == 401:
        return Then.RECONNECT_WITH_NEW_TOKEN
    return Then.STOP if status in _LASTING_STATUSES else Then.RECONNECT


def backoff_ms(failures: int, random: Callable[[], float]) -> int:
    """Return how long to wait after ``failures`` earlier ones in a row: full jitter below a doubling, capped bound.

    Source: Brooker 2015, "Exponential Backoff And Jitter".
    """
    bound = min(BACKOFF_CAP_MS, BACKOFF_BASE_MS << min(failures, 16))
    return int(random() * bound)
