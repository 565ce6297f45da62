"""The client as an app sees it."""

import asyncio
import logging
from collections.abc import Callable
from functools import partial
from typing import Self
from uuid import UUID
from weakref import WeakSet

from syncd_client.call_guard import CallGuard
from syncd_client.callbacks import GetToken, Listener, asking, check_condition, check_listener
from syncd_client.core.core import Core, State
from syncd_client.core.events import Event
from syncd_client.core.outputs import Transport
from syncd_client.data.collection_names import DEVICES, LISTS, PROGRESS
from syncd_client.data.ids import ContentIds, canonical_of, check_list_id, check_user_id
from syncd_client.data.user_state import StorageKind
from syncd_client.engine import Engine
from syncd_client.event_stream import EventStream
from syncd_client.stores.memory_store import MemoryStore
from syncd_client.stores.store import Store, check_store
from syncd_client.transport import catalogue, commands
from syncd_client.transport.address import address_of
from syncd_client.transport.catalogue import NamedList
from syncd_client.user_catalogue import UserCatalogue
from syncd_client.user_devices import UserDevices
from syncd_client.user_list import ListCalls, UserList
from syncd_client.user_progress import UserProgress

logger = logging.getLogger(__name__)


class Client(ListCalls):
    """A user's watchlist on this device, the same as on all the others as soon as there is a network.

    ``list`` gives the user's other lists, ``progress`` how far the user has come, ``devices`` the user's devices.

    ``async with Client("wss://sync.example.com") as client: client.sign_in("alice", get_token)``. Every change is shown
    and queued before the call returns, and stored when the turn of the event loop ends, with all others of that turn;
    the service learns of it as soon as it can be reached. If the store fails, the client goes on in memory: see
    ``storage``.

    Thread: the event loop that it is used on first. Calls from elsewhere raise ``RuntimeError``, and so does every call
    but ``sign_in`` and ``close`` once the client is closed; ``syncd_client.sync.Client`` is for all threads.

    Args:
        url: the service, ``https://`` or ``wss://`` (``http://``, ``ws://``), up to ``/ws`` and without it.
        store: where list and queue are kept; by default in memory. Closed with the client.
        content_ids: which content ids the service accepts, ``uuid`` or any ``text``: its own ``--content-ids``.

    Raises:
        ValueError: ``url`` is no such address, or ``content_ids`` is neither.
        TypeError: ``store`` is no store.
    """

    def __init__(self, url: str, store: Store | None = None, *, content_ids: ContentIds = "uuid") -> None:
        super().__init__(None)
        self._url = address_of(url)
        self._store = MemoryStore() if store is None else check_store(store)
        self._engine = Engine(self._url, self._store, self._emit, canonical_of(content_ids))
        self._guard = CallGuard()
        self._closing: asyncio.Task[None] | None = None
        self._listeners: list[Listener] = []
        self._streams: WeakSet[EventStream] = WeakSet()
        self._waiting: set[asyncio.Event] = set()
        self._lists: dict[str, UserList] = {}
        self._progress = UserProgress(self)
        self._devices = UserDevices(self)
        self._catalogue = UserCatalogue(self)

    async def __aenter__(self) -> Self:
        self._guard.check("async with")
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Disconnect and release everything; the list stays stored, and ``sign_in`` opens it again. Idempotent.

        Raises:
            RuntimeError: called from another event loop, and the client's has not ended.
        """
        self._guard.check_close()
        self._guard.is_closed = True
        if self._closing is None or _was_cut_off(self._closing):
            self._closing = asyncio.get_running_loop().create_task(self._close())
        await asyncio.shield(self._closing)

    async def _close(self) -> None:
        await self._engine.close()
        for stream in list(self._streams):
            stream.close()
        for has_news in self._waiting:
            has_news.set()

    # What the app sees

    @property
    def state(self) -> State:
        """Where the client stands."""
        return self._engine.core.state

    @property
    def transport(self) -> Transport | None:
        """The transport of the attempt or connection under way; ``None`` while there is none."""
        return self._engine.core.transport

    @property
    def storage(self) -> StorageKind:
        """Where list and queue are kept: ``persistent``, or ``memory`` if the store is in memory or fails now."""
        return self._engine.storage

    @property
    def user_id(self) -> str | None:
        """Whose list is open."""
        return self._engine.core.user_id

    @property
    def queued(self) -> int:
        """How many of the user's changes are not settled with the service."""
        return self._engine.core.queued

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Have ``listener`` called with every event, and return a function that ends that. It may call the client.

        Raises:
            TypeError: ``listener`` is no plain function.
        """
        self._guard.check("subscribe")
        check_listener(listener)
        each = partial(listener)  # a new object for each call: a listener that is subscribed twice is called twice
        self._listeners.append(each)

        def unsubscribe() -> None:
            self._listeners = [other for other in self._listeners if other is not each]

        return unsubscribe

    def events(self) -> EventStream:
        """Return the events from here on, to be read with ``async for``."""
        self._guard.check("events")
        stream = EventStream()
        self._streams.add(stream)
        return stream

    async def wait_until(self, condition: Callable[[], bool]) -> None:
        """Return when ``condition``, looked at now and after each event, holds.

        Raises:
            RuntimeError: the client was closed before.
            TypeError: ``condition`` is no plain function.
        """
        self._guard.check("wait_until")
        check_condition(condition)
        has_news = asyncio.Event()
        self._waiting.add(has_news)
        try:
            while not condition():
                self._guard.check("wait_until")
                has_news.clear()
                await has_news.wait()
        finally:
            self._waiting.discard(has_news)

    # What the app does

    def sign_in(self, user_id: str, get_token: GetToken) -> None:
        """Open the user's list and connect; another user's is closed and kept. A closed client is opened again.

        Args:
            user_id: whose tokens ``get_token`` returns: their ``sub``.
            get_token: returns a token, or is a coroutine function that does; see ``GetToken``.

        Raises:
            ValueError: ``user_id`` is none that the service can know.
            TypeError: ``get_token`` is no function.
            RuntimeError: ``close`` has not returned yet.
        """
        check_user_id(user_id)
        ask = asking(get_token)
        if self._closing is not None:
            if not self._closing.done():
                raise RuntimeError("sign_in: the client is being closed: await close() before")
            self._guard = CallGuard()
            wanted = self._engine.core.wanted
            self._engine = Engine(self._url, self._store, self._emit, self._engine.canonical)
            self._engine.put(partial(Core.want, collections=wanted))
            self._closing = None
        self._guard.check("sign_in")
        self._engine.sign_in(user_id, ask)

    def sign_out(self, *, erase: bool) -> None:
        """Close the user's list; ``erase``: nothing of it stays on the device, unsent changes included."""
        self._guard.check("sign_out")
        self._engine.put(partial(Core.sign_out, erase=erase))

    def connect(self) -> None:
        """Connect now instead of later: the network is back, or what stopped the client was fixed."""
        self._guard.check("connect")
        self._engine.put(Core.connect)

    def disconnect(self) -> None:
        """Stay offline until ``connect``."""
        self._guard.check("disconnect")
        self._engine.put(Core.disconnect)

    def wake(self) -> None:
        """Make sure of the connection within seconds: the network is back, the device woke or the user returned."""
        self._guard.check("wake")
        self._engine.put(Core.wake)

    def list(self, list_id: str) -> UserList:
        """Return a list beside the watchlist, which is followed from here on: the same one for the same ``list_id``.

        Raises:
            ValueError: no list can be called so.
        """
        self._guard.check("list")
        if (list_id := check_list_id(list_id)) not in self._lists:
            self._lists[list_id] = UserList(list_id, self)
            self._engine.put(partial(Core.open_list, list_id=list_id))
        return self._lists[list_id]

    @property
    def progress(self) -> UserProgress:
        """How far the user has come in each content; followed from here on."""
        self._follow(PROGRESS)
        return self._progress

    @property
    def devices(self) -> UserDevices:
        """The user's devices; followed from here on."""
        self._follow(DEVICES)
        return self._devices

    @property
    def catalogue(self) -> UserCatalogue:
        """Which lists the user has, kept up to date; followed from here on."""
        self._follow(LISTS)
        return self._catalogue

    def _follow(self, collection: str) -> None:
        self._guard.check(collection)
        if collection not in self._engine.core.wanted:
            self._engine.put(partial(Core.open, collection=collection))

    async def lists(self) -> tuple[NamedList, ...]:
        """Return which lists the user has now beside the watchlist; ``catalogue`` stays up to date. Needs a connection.

        Raises:
            NotSignedInError: nobody's list is open.
            RequestFailedError: the service does not say now.
        """
        self._guard.check("lists")
        return await catalogue.lists(self._engine.ask)

    async def send(self, target_device_id: str, command_type: str, payload: object = None) -> None:
        """Have another device of the user do something: ``play``, ``pause``, ``seek``, ``cast``, or what the app likes.

        It gets a ``Command``, or nothing: a command is not kept, and that it was sent promises nothing. Needs a
        connection.

        Raises:
            NotSignedInError: nobody's list is open.
            RequestFailedError: it was not sent; with the ``code`` ``device_offline``: the device is connected nowhere.
            TypeError: ``payload`` is not what JSON can hold.
        """
        self._guard.check("send")
        await commands.send(self._engine.ask, target_device_id, command_type, payload)

    async def handoff(self, target_device_id: str, content_id: str | UUID) -> int | float | None:
        """Have another device go on with a content, and return from which second; ``None``: that is not known.

        Raises:
            NotSignedInError: nobody's list is open.
            ValueError: ``content_id`` is not valid.
            RequestFailedError: as for ``send``.
        """
        self._guard.check("handoff")
        content_id = self._engine.canonical(content_id)
        return await commands.handoff(self._engine.ask, target_device_id, content_id)

    def _engine_now(self) -> Engine:
        return self._engine

    def _check(self, call: str) -> None:
        self._guard.check(call)

    def _emit(self, event: Event) -> None:
        for stream in list(self._streams):
            stream.put(event)
        for has_news in self._waiting:
            has_news.set()
        for listener in list(self._listeners):
            try:
                listener(event)
            except (Exception, asyncio.CancelledError):  # the latter from the app's own tasks: nobody cancels us
                logger.exception("a listener failed")  # the others are told all the same


def _was_cut_off(task: asyncio.Task[None]) -> bool:
    """Return whether ``task`` will never finish its work: it was cancelled, or its event loop has ended."""
    return task.cancelled() or (not task.done() and task.get_loop().is_closed())
