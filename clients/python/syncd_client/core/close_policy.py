"""What may follow the end of a connection or an attempt: only the service's own word ends a client.

Any other status, code or silence may be the network's, and that passes like weather: it only delays.
"""

from enum import Enum, auto
from typing import Final

from syncd_client.core.outputs import Transport

TOKEN_ENDED: Final = 4500
LAST_CODE: Final = 4999
RETRY_AFTER_S: Final = 60
"""The longest wait that anybody on the way may ask for."""
OWN_RETRY_AFTER_S: Final = 300
"""The longest that the service itself may ask for."""


class Then(Enum):
    """What may follow."""

    RECONNECT = auto()
    RECONNECT_WITHOUT_UPGRADE = auto()  # something on the way has removed the upgrade from the request
    RECONNECT_TO_SERVICE = auto()  # the service was reached, and says: not now
    RECONNECT_WITH_NEW_TOKEN = auto()
    STOP = auto()  # the same attempt would end the same way: the app has to act


def after_close(code: int) -> Then:
    """Return what follows a close with ``code``; its range decides."""
    if code == TOKEN_ENDED:
        return Then.RECONNECT_WITH_NEW_TOKEN
    return Then.STOP if TOKEN_ENDED < code <= LAST_CODE else Then.RECONNECT


def after_refusal(transport: Transport, status: int | None, *, is_own: bool) -> Then:
    """Return what follows an attempt that was refused with ``status``; ``is_own``: by the service, in its own form."""
    if not is_own:
        return Then.RECONNECT
    match status:
        case 401:
            return Then.RECONNECT_WITH_NEW_TOKEN
        case 404 if transport is not Transport.WEBSOCKET:  # a service that does not have this transport
            return Then.RECONNECT
        case 400 | 403 | 404:
            return Then.STOP
        case 426:
            return Then.RECONNECT_WITHOUT_UPGRADE
        case _:
            return Then.RECONNECT_TO_SERVICE


def delay_ms(retry_after_s: float, *, is_own: bool) -> int:
    """Return how long to wait at least: what an answer's Retry-After says, within bounds."""
    return int(min(retry_after_s, OWN_RETRY_AFTER_S if is_own else RETRY_AFTER_S) * 1000)
