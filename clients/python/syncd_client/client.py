"""The client as an app sees it."""

import asyncio
import logging
from collections.abc import Callable
from functools import partial
from typing import Self
from uuid import UUID
from weakref import WeakSet

from syncd_client.address import address_of
from syncd_client.core import Core, State
from syncd_client.engine import Engine
from syncd_client.event_stream import EventStream
from syncd_client.events import Event
from syncd_client.link import GetToken
from syncd_client.list_view import Item
from syncd_client.memory_store import MemoryStore
from syncd_client.outputs import Transport
from syncd_client.store import Store

logger = logging.getLogger(__name__)

Listener = Callable[[Event], None]


class Client:
    """A user's watchlist on this device, the same as on all the others as soon as there is a network.

    ``async with Client("wss://sync.example.com") as client: client.sign_in("alice", get_token)``. Every change is
    shown, stored and queued before the call returns; the service learns of it when that is possible. If the store
    fails, its error is raised and the client is as after a restart: signed out, with what was stored.

    Thread: the event loop that it was made on.

    Args:
        url: the service, ``https://`` or ``wss://`` (``http://``, ``ws://``), up to and without ``/ws``.
        store: where list and queue are kept; by default in memory. Closed with the client.

    Raises:
        ValueError: ``url`` is no such address.
    """

    def __init__(self, url: str, store: Store | None = None) -> None:
        self._engine = Engine(address_of(url), store or MemoryStore(), self._emit)
        self._listeners: list[Listener] = []
        self._streams: WeakSet[EventStream] = WeakSet()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Disconnect and release everything; the list stays stored. Idempotent."""
        await self._engine.close()
        for stream in list(self._streams):
            stream.close()

    # What the app sees

    @property
    def state(self) -> State:
        """Where the client stands."""
        return self._engine.core.state

    @property
    def transport(self) -> Transport | None:
        """Which way the attempt or connection under way takes; ``None`` while there is none."""
        return self._engine.core.transport

    @property
    def user_id(self) -> str | None:
        """Whose list is open."""
        return self._engine.core.user_id

    @property
    def items(self) -> tuple[Item, ...]:
        """The list, newest first, the user's unconfirmed changes included."""
        return self._engine.core.items

    @property
    def queued(self) -> int:
        """How many of the user's changes are not settled with the service."""
        return self._engine.core.queued

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Have ``listener`` called with every event; returns what ends that. It may call the client."""
        self._listeners.append(listener)
        return partial(self._listeners.remove, listener)

    def events(self) -> EventStream:
        """Return the events from here on, to be read by ``async for``."""
        stream = EventStream()
        self._streams.add(stream)
        return stream

    async def wait_until(self, condition: Callable[[], bool]) -> None:
        """Return when ``condition``, looked at now and after each event, holds."""
        has_news = asyncio.Event()
        unsubscribe = self.subscribe(lambda _: has_news.set())
        try:
            while not condition():
                has_news.clear()
                await has_news.wait()
        finally:
            unsubscribe()

    # What the app does

    def sign_in(self, user_id: str, get_token: GetToken) -> None:
        """Open the user's list and connect; another user's is closed and kept.

        Raises:
            ValueError: the service can know nobody by ``user_id``.
        """
        self._engine.sign_in(user_id, get_token)

    def sign_out(self, *, erase: bool) -> None:
        """Close the user's list; ``erase``: nothing of it stays on the device, unsent changes included."""
        self._engine.put(partial(Core.sign_out, erase=erase))

    def connect(self) -> None:
        """Connect now instead of later: the network is back, or what stopped the client was fixed."""
        self._engine.put(Core.connect)

    def disconnect(self) -> None:
        """Stay offline until ``connect``."""
        self._engine.put(Core.disconnect)

    def wake(self) -> None:
        """Be sure of the connection within seconds: the network is back, the device woke or the user returned."""
        self._engine.put(Core.wake)

    def add(self, content_id: str | UUID) -> str:
        """Put a content into the list; returns the id that ``confirmed`` or ``refused`` will name.

        Raises:
            NotSignedInError: nobody's list is open.
            ValueError: ``content_id`` is no UUID.
        """
        return self._engine.enqueue("add", content_id)

    def remove(self, content_id: str | UUID) -> str:
        """Take a content out of the list; like ``add``."""
        return self._engine.enqueue("remove", content_id)

    def _emit(self, event: Event) -> None:
        for stream in list(self._streams):
            stream.put(event)
        for listener in list(self._listeners):
            try:
                listener(event)
            except Exception:
                logger.exception("a listener failed")  # the app's own code; the others are told all the same
