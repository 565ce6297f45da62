"""Events as an asynchronous iterator."""

import asyncio
from collections import deque
from typing import Self

from syncd_client.core.events import Event, Updated


class EventStream:
    """What happened since it was made, in order; ends when the client is closed.

    An ``updated`` right behind an unread ``updated`` says nothing new and is left out. Thread: the event loop.
    """

    def __init__(self) -> None:
        self._unread: deque[Event] = deque()
        self._has_news = asyncio.Event()
        self._is_closed = False

    def put(self, event: Event) -> None:
        """Append an event."""
        if self._unread and isinstance(event, Updated) and isinstance(self._unread[-1], Updated):
            return
        self._unread.append(event)
        self._has_news.set()

    def close(self) -> None:
        """End the iteration once everything was read."""
        self._is_closed = True
        self._has_news.set()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Event:
        while not self._unread:
            if self._is_closed:
                raise StopAsyncIteration
            self._has_news.clear()
            await self._has_news.wait()
        return self._unread.popleft()
