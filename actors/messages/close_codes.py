"""Why the service closes a WebSocket: the one table of close codes.

The range tells a device what to do: reconnect at once for 1001-1013 except the protocol errors, reconnect (with
``?since``) for 4000-4499, and do not until something changes for 4500-4999. ``websockets`` itself closes with 1002,
1007 and 1009 when the device breaks RFC 6455 or sends more than a message may hold.

Source: RFC 6455 section 7.4; ranges of the private codes as in docs/protocol.md.
"""

from typing import Final

from msgspec import Struct

_LASTING: Final = frozenset({1000, 1002, 1003, 1007, 1008, 1009, 1010})
"""Standard codes after which the same attempt would end the same way."""


class Close(Struct, frozen=True):
    """One row: ``code`` for programs, ``reason`` (at most 123 bytes) for people."""

    code: int
    reason: str

    @property
    def may_reconnect(self) -> bool:
        """Whether a device should come back without anything having changed."""
        return self.code < 4500 and self.code not in _LASTING


GOING_AWAY: Final = Close(1001, "the service is restarting")
INTERNAL_ERROR: Final = Close(1011, "internal error")
TRY_AGAIN_LATER: Final = Close(1013, "the service cannot answer now")
HEARTBEAT_MISSED: Final = Close(4001, "no sign of life")
SLOW_CONSUMER: Final = Close(4002, "reads too slowly")
TOO_FAST: Final = Close(4003, "sends too fast")
DISCONNECTED: Final = Close(4004, "disconnected by an operator")
TOKEN_ENDED: Final = Close(4500, "the token has ended")
TOKEN_REVOKED: Final = Close(4501, "the token was revoked")
PROTOCOL_VIOLATION: Final = Close(4502, "only text messages are understood")
OTHER_IDENTITY: Final = Close(4503, "the token names another user or device")

FOLLOWS_TOO_MANY: Final = Close(
    TRY_AGAIN_LATER.code, "the user's connections follow too many collections (followed_per_user)"
)

POLL_ANSWERED: Final = Close(1000, "poll")
"""Ends the answer to a poll, which is a connection, too. No WebSocket is closed with it."""

CLOSES: Final = (
    GOING_AWAY, INTERNAL_ERROR, TRY_AGAIN_LATER, HEARTBEAT_MISSED, SLOW_CONSUMER, TOO_FAST,
    DISCONNECTED, TOKEN_ENDED, TOKEN_REVOKED, PROTOCOL_VIOLATION, OTHER_IDENTITY,
)  # fmt: skip
