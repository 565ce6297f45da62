"""Each signed message is acted on once, and only while it is fresh: a recorded one that is sent again does nothing."""

from collections import deque

from actors.errors import BusMessageRefused
from actors.messages.change import AuthorStamp
from crdt.hlc import HLCTimestamp

FRESH_MS = 10_000
"""How far the sender's clock may be from ours, travel time included. NTP keeps clocks within a fraction of a second."""


class Freshness:
    """Remembers the messages that would still pass for fresh. Only signed messages get here, so only nodes can fill it.

    Args:
        fresh_ms: a message is stale if its sender's clock was further than this from ours, either way.
    """

    def __init__(self, fresh_ms: int = FRESH_MS) -> None:
        self._fresh_ms = fresh_ms
        self._seen: set[str] = set()
        self._in_order: deque[tuple[int, str]] = deque()

    def admit(self, message_id: str, sent_ms: int, now_ms: int) -> None:
        """Note the message.

        Raises:
            BusMessageRefused: ``stale`` or ``replayed``.
        """
        if abs(now_ms - sent_ms) > self._fresh_ms:
            raise BusMessageRefused("stale", f"sent {(now_ms - sent_ms) / 1000:.1f} s ago, by its sender's clock")
        if message_id in self._seen:
            raise BusMessageRefused("replayed", "it came before")
        while self._in_order and now_ms - self._in_order[0][0] > self._fresh_ms:
            self._seen.discard(self._in_order.popleft()[1])
        self._seen.add(message_id)
        self._in_order.append((sent_ms, message_id))

    def __len__(self) -> int:
        return len(self._seen)


def check_age(timestamp: AuthorStamp | None, now_ms: int, max_age_ms: int) -> None:
    """Check when a foreign publisher has sent a message, if it says so. Raises: BusMessageRefused, ``stale``."""
    if isinstance(timestamp, HLCTimestamp) and now_ms - timestamp.physical > max_age_ms:
        raise BusMessageRefused("stale", f"sent {(now_ms - timestamp.physical) / 1000:.1f} s ago")
