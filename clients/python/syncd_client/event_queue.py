"""Events for threads: a queue."""

import threading
from collections import deque
from typing import Self

from syncd_client.core.events import Event, Updated


class EventQueue:
    """What happened since it was made, in order; ends when the client is closed. Each event is taken once.

    An ``updated`` right behind an unread ``updated`` says nothing new and is left out. Thread: any.
    """

    def __init__(self) -> None:
        self._unread: deque[Event] = deque()
        self._changed = threading.Condition()
        self._is_closed = False

    @property
    def is_closed(self) -> bool:
        """Whether everything was taken and nothing more will come."""
        return self._is_closed and not self._unread

    def get(self, timeout_s: float | None = None) -> Event | None:
        """Return the next event; ``None`` if none came within ``timeout_s``, or none will come."""
        with self._changed:
            self._changed.wait_for(lambda: self._unread or self._is_closed, timeout_s)
            return self._unread.popleft() if self._unread else None

    def put(self, event: Event) -> None:
        """Append an event."""
        with self._changed:
            if self._unread and isinstance(event, Updated) and isinstance(self._unread[-1], Updated):
                return
            self._unread.append(event)
            self._changed.notify()

    def close(self) -> None:
        """End the iteration once everything was taken."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Event:
        event = self.get()
        if event is None:
            raise StopIteration
        return event
