"""Where a WebSocket stands, which decides what may happen next on it.

Source: RFC 6455 sections 4.1 and 7.1.3; the names are those of the ``websockets`` library.
"""

import enum


class State(enum.Enum):
    """OPENING -> OPEN -> CLOSING -> CLOSED; any of them may be followed by CLOSED at once."""

    OPENING = "opening"
    """The request has no answer yet."""
    OPEN = "open"
    CLOSING = "closing"
    """One side has sent a close frame, as far as has been read; nothing is a message any more."""
    CLOSED = "closed"
    """Refused, or the connection is lost."""


OPENING, OPEN, CLOSING, CLOSED = State
"""Names for the hot path: before Python 3.12 ``State.OPEN`` costs a call."""
