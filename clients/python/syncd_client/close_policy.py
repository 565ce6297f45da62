"""What may follow the end of a connection or an attempt: the close codes and HTTP statuses of the protocol."""

from enum import Enum, auto
from typing import Final

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
