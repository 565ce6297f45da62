"""When a connection is pinged, counts as silent, and its token ends: pure, on one monotonic clock in seconds."""

from enum import Enum


class Due(Enum):
    """What the time has come for."""

    NOTHING = "nothing"
    PING = "ping"
    SILENCE = "silence"
    """The device has given no sign of life for the whole heartbeat time-out."""
    TOKEN_END = "token end"  # noqa: S105 - no secret


class Deadlines:
    """One connection's. Slots, because there is one per device."""

    __slots__ = ("_interval_s", "_last_sign_s", "_next_ping_s", "_timeout_s", "_token_ends_s")

    def __init__(self, now_s: float, interval_s: float, timeout_s: float, token_ends_s: float) -> None:
        self._interval_s = interval_s
        self._timeout_s = timeout_s
        self._last_sign_s = now_s
        self._next_ping_s = now_s + interval_s
        self._token_ends_s = token_ends_s

    @property
    def next_s(self) -> float:
        """When the first of them comes."""
        return min(self._next_ping_s, self._last_sign_s + self._timeout_s, self._token_ends_s)

    def heard(self, now_s: float) -> None:
        """Note a sign of life."""
        self._last_sign_s = now_s

    def renew_token(self, ends_s: float) -> None:
        """Go on until another token ends."""
        self._token_ends_s = ends_s

    def check(self, now_s: float) -> Due:
        """Return what the time has come for; of several, the gravest. After a ping the next is an interval away."""
        if now_s >= self._token_ends_s:
            return Due.TOKEN_END
        if now_s >= self._last_sign_s + self._timeout_s:
            return Due.SILENCE
        if now_s >= self._next_ping_s:
            self._next_ping_s = now_s + self._interval_s
            return Due.PING
        return Due.NOTHING
