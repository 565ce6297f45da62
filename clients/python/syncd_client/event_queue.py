"""Events for threads: a queue."""

import time
from collections import deque
from queue import Empty, SimpleQueue
from typing import Self

from syncd_client.core.events import Event, Updated


class EventQueue:
    """What happened since it was made, in order; ends when the client is closed. Each event is taken once.

    An ``updated`` right behind an unread ``updated`` says nothing new and is left out. Thread: any.

    A signal handler may call the client in the middle of ``get``, and the client's thread, which has to answer, may
    have an event to put. So there is no lock that the interrupted call could hold: a deque is changed in single steps.
    """

    def __init__(self) -> None:
        self._unread: deque[Event] = deque()
        self._news = SimpleQueue[None]()
        """Holds something if a waiting thread is to look again; the one that takes it puts it back if there is more."""
        self._is_closed = False

    @property
    def is_closed(self) -> bool:
        """Whether everything was taken and nothing more will come."""
        return self._is_closed and not self._unread

    def get(self, timeout_s: float | None = None) -> Event | None:
        """Return the next event; ``None`` if none came within ``timeout_s``, or none will come."""
        end_s = None if timeout_s is None else time.monotonic() + timeout_s
        while True:
            is_closed = self._is_closed  # read first: what was put before the end is seen below
            event = self._take()
            if event is not None or is_closed:
                if self._unread or is_closed:
                    self._wake()
                return event
            try:
                self._news.get(timeout=None if end_s is None else max(end_s - time.monotonic(), 0))
            except Empty:
                return None

    def put(self, event: Event) -> None:
        """Append an event. Thread: the client's."""
        if self._is_closed or (isinstance(event, Updated) and self._ends_with_updated()):
            return
        self._unread.append(event)
        self._wake()

    def close(self) -> None:
        """End the iteration once everything was taken."""
        self._is_closed = True
        self._wake()

    def _take(self) -> Event | None:
        try:
            return self._unread.popleft()
        except IndexError:
            return None

    def _ends_with_updated(self) -> bool:
        try:
            return isinstance(self._unread[-1], Updated)  # whoever takes it sees what has changed by now
        except IndexError:
            return False

    def _wake(self) -> None:
        if self._news.empty():
            self._news.put(None)

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Event:
        event = self.get()
        if event is None:
            raise StopIteration
        return event
