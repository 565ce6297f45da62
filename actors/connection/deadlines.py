"""When a connection is pinged, counts as silent or as not reading, and its token ends.

Pure, on one monotonic clock in seconds.
"""

from enum import Enum
from typing import Final

ABSENCE_S: Final = 1.0
"""A check this much too late shows that we were away (a paused machine): the device's silence proves nothing."""
SECOND_LOOK_S: Final = 1.0
"""Between finding a device silent and giving it up: what it has said may still lie unread in the socket."""


class Due(Enum):
    """What the time has come for."""

    NOTHING = "nothing"
    PING = "ping"
    UNREAD = "unread"
    """The device has taken nothing of what was written to it for the whole unread time-out."""
    SILENCE = "silence"
    """The device has given no sign of life for the whole heartbeat time-out."""
    TOKEN_END = "token end"  # noqa: S105 - no secret


class Deadlines:
    """One connection's. Slots, because there is one per device."""

    __slots__ = (
        *("_interval_s", "_last_sign_s", "_next_ping_s", "_second_look_s", "_timeout_s", "_token_ends_s"),
        *("_unconfirmed_bytes", "_unread_ends_s", "_unread_timeout_s"),
    )

    def __init__(
        self, now_s: float, interval_s: float, timeout_s: float, unread_timeout_s: float, token_ends_s: float
    ) -> None:
        self._interval_s = interval_s
        self._timeout_s = timeout_s
        self._unread_timeout_s = unread_timeout_s
        self._unread_ends_s: float | None = None  # while it is congested
        self._unconfirmed_bytes = 0
        self._last_sign_s = now_s
        self._next_ping_s = now_s + interval_s
        self._token_ends_s = token_ends_s
        self._second_look_s: float | None = None

    @property
    def next_s(self) -> float:
        """When the first of these deadlines comes."""
        silent_s = self._last_sign_s + self._timeout_s if self._second_look_s is None else self._second_look_s
        unread_s = silent_s if self._unread_ends_s is None else self._unread_ends_s
        return min(self._next_ping_s, silent_s, unread_s, self._token_ends_s)

    def heard(self, now_s: float) -> None:
        """Note a sign of life."""
        self._last_sign_s = now_s
        self._second_look_s = None

    def watch_reading(self, now_s: float, unconfirmed_bytes: int) -> bool:
        """Note that the socket is congested, and what the other end has not confirmed; return whether that is news.

        What it has confirmed since the last look is a sign of life.
        """
        is_news = self._unread_ends_s is None
        if is_news or unconfirmed_bytes < self._unconfirmed_bytes:
            self._unread_ends_s = now_s + self._unread_timeout_s
            self._unconfirmed_bytes = unconfirmed_bytes
            if not is_news:
                self.heard(now_s)
        return is_news

    def caught_up(self, now_s: float) -> None:
        """Note that the socket is not congested; if it was, that is a sign of life."""
        if self._unread_ends_s is not None:
            self._unread_ends_s = None
            self.heard(now_s)

    def renew_token(self, ends_s: float) -> None:
        """Go on until another token ends."""
        self._token_ends_s = ends_s

    def check(self, now_s: float) -> Due:
        """Return what the time has come for; of several, the gravest. After a ping the next is an interval away."""
        if now_s >= self._token_ends_s:
            return Due.TOKEN_END
        if now_s >= self.next_s + ABSENCE_S:
            self.heard(now_s)
            self._next_ping_s = now_s
            if self._unread_ends_s is not None:
                self._unread_ends_s = now_s + self._unread_timeout_s
        if self._unread_ends_s is not None and now_s >= self._unread_ends_s:
            return Due.UNREAD
        if now_s >= self._last_sign_s + self._timeout_s:
            if self._second_look_s is None:
                self._second_look_s = now_s + SECOND_LOOK_S
            elif now_s >= self._second_look_s:
                return Due.SILENCE
        if now_s >= self._next_ping_s:
            self._next_ping_s = now_s + self._interval_s
            return Due.PING
        return Due.NOTHING
