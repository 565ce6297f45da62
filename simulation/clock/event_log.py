"""What happened in one simulated world, event by event: the same seed must give the same events."""

import hashlib
from collections.abc import Callable

Event = tuple[float, str, str]
"""When (virtual seconds), who, what."""


class EventLog:
    """Keeps every event."""

    def __init__(self, now_s: Callable[[], float]) -> None:
        self._now_s = now_s
        self.events: list[Event] = []

    def note(self, who: str, what: str) -> None:
        """Add an event of now."""
        self.events.append((self._now_s(), who, what))

    def hash(self) -> str:
        """Return the hash of all events so far."""
        return hashlib.blake2b(repr(self.events).encode(), digest_size=16).hexdigest()


def text_of(event: Event) -> str:
    """Return an event as it is shown."""
    at_s, who, what = event
    return f"{at_s:10.4f} {who:<12} {what}"
