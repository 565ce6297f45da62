"""Messages on their way to subscribers: the log that cursors point into, and the polls that wait for it to grow."""

import asyncio
from collections import deque
from collections.abc import Collection
from collections.abc import Set as AbstractSet
from itertools import islice
from typing import NamedTuple

from msgspec import Raw, Struct

from pubnub_broker.names import Name

SIGNAL = 1
"""``Message.kind`` of a signal; a published message is ``None``, as on the wire."""


class Message(Struct, frozen=True, kw_only=True, gc=False):  # in no cycle, and there may be 100,000 of them
    """One published message or presence event."""

    channel: str
    payload: Raw
    """JSON as it came."""
    timetoken: int
    reached: tuple[Name, ...]
    """Every name whose subscribers receive it, as groups stood when it was published."""
    publisher: str | None = None
    kind: int | None = None
    meta: Raw | None = None
    custom_type: str | None = None


class Delivery(NamedTuple):
    """A message with the name that brought it to this poll."""

    message: Message
    name: Name


class Channels:
    """The newest messages of one keyset, in timetoken order, for any number of cursors.

    Thread: the event loop.
    """

    def __init__(self, kept: int) -> None:
        self._kept = kept
        self._oldest_first: deque[Message] = deque()
        self._by_name: dict[Name, deque[Message]] = {}  # the same messages; none of the deques is empty
        self._waiting: dict[Name, set[asyncio.Future[None]]] = {}

    def append(self, message: Message) -> None:
        """Deliver ``message``, whose timetoken is above all before it, and wake who waits for it."""
        self._oldest_first.append(message)
        for name in message.reached:
            self._by_name.setdefault(name, deque()).append(message)
            for waiter in self._waiting.get(name, ()):
                _wake(waiter)
        if len(self._oldest_first) > self._kept:
            self._forget(self._oldest_first.popleft())

    def _forget(self, oldest: Message) -> None:
        for name in oldest.reached:
            messages = self._by_name[name]
            messages.popleft()
            if not messages:
                del self._by_name[name]

    def after(self, cursor: int, names: AbstractSet[Name], limit: int) -> list[Delivery]:
        """Return the newest ``limit`` messages that reach ``names`` and are newer than ``cursor``, in order.

        A message that reaches several of ``names`` comes once.
        Cost: a look at each name, and at up to ``limit`` newer messages of each; what else is published costs nothing.
        """
        found: dict[int, Message] = {}
        for name in names:
            for message in islice(reversed(self._by_name.get(name, ())), limit):
                if message.timetoken <= cursor:
                    break
                found[message.timetoken] = message
        newest = (found[timetoken] for timetoken in sorted(found)[-limit:])
        return [Delivery(message, next(filter(names.__contains__, message.reached))) for message in newest]

    async def arrival(self, names: Collection[Name]) -> None:
        """Return when a message that reaches one of ``names`` arrives, or at ``release``."""
        waiter = asyncio.get_running_loop().create_future()
        for name in names:
            self._waiting.setdefault(name, set()).add(waiter)
        try:
            await waiter
        finally:
            for name in names:
                waiting = self._waiting[name]
                waiting.discard(waiter)
                if not waiting:
                    del self._waiting[name]

    def release(self) -> None:
        """Wake every waiting poll without a message."""
        for waiting in self._waiting.values():
            for waiter in waiting:
                _wake(waiter)


def _wake(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)
