"""What can go wrong between the actors and the outside, by whose fault.

PeerError                what somebody else sent: the same again ends the same way
├── BusMessageRefused    a payload of the bus is no message of ours
├── MessageRefused       the bus will never take this message
└── ValueRefused         the database will never hold this value
TemporaryError           the moment: the same may succeed later
├── BusUnavailable
└── StoreUnavailable
    └── StatementRefused the database works, and refuses what we ask of it
DefectError              ours
├── IllegalStepError     a connection was told what cannot happen in its state
└── StoreDefect          the store raised what it must not raise
"""


class PeerError(Exception):
    """Somebody else's fault: the same again ends the same way."""


class TemporaryError(Exception):
    """The moment's fault: the same call may succeed later."""


class DefectError(Exception):
    """Our own fault."""


class BusMessageRefused(PeerError):
    """A payload is no message of ours; ``reason`` is a counter's label, the text is for the log."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


class MessageRefused(PeerError):
    """The bus will never take this message (too large, malformed, forbidden): trying it again is useless."""


class ValueRefused(PeerError):
    """The database can never hold this value (no text, too long, out of range); nothing of the call took effect."""


class BusUnavailable(TemporaryError):
    """The bus did not take the message now."""


class StoreUnavailable(TemporaryError):
    """The database cannot answer now (locked, full, gone).

    Nothing of the call took effect, unless whoever was asked was lost meanwhile: then nobody knows.
    """


class StatementRefused(StoreUnavailable):
    """The database works and refuses our SQL: its schema was changed under us, or we are wrong. Worth a stack trace."""


class IllegalStepError(DefectError):
    """A connection was told something that cannot happen in its state; the text names both."""


class StoreDefect(DefectError):
    """The store raised what it must not raise."""
