"""The client: the core of ``session.py`` with a socket, timers, a store and the app around it."""

import asyncio
import logging
import random
import secrets
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Self, assert_never
from weakref import WeakSet

from websockets.uri import parse_uri

from syncd_client.event_stream import EventStream
from syncd_client.events import Event, SignedOut
from syncd_client.link import GetToken, Input, Link, wall_ms
from syncd_client.memory_store import MemoryStore
from syncd_client.messages import Action
from syncd_client.outputs import AskToken, Close, Emit, Erase, Open, Output, Save, Send, StartTimer, StopTimer, Timer
from syncd_client.session import Session, State
from syncd_client.stored import Store
from syncd_client.watchlist import Item

logger = logging.getLogger(__name__)

Listener = Callable[[Event], None]


class Client:
    """A user's watchlist on this device, the same as on all the others as soon as there is a network.

    ``async with Client("wss://sync.example.com") as client: client.sign_in("alice", get_token)``. Every change is
    shown, stored and queued before the call returns; the service learns of it when that is possible. If the store
    fails, its error is raised and the client is as after a restart: signed out, with what was stored.

    Thread: the event loop that it was made on.

    Args:
        url: the service, ``ws://`` or ``wss://``, without a path.
        store: where list and queue are kept; by default in memory. Closed with the client.

    Raises:
        websockets.exceptions.InvalidURI: ``url`` is none.
    """

    def __init__(self, url: str, store: Store | None = None) -> None:
        self._url = url.rstrip("/")
        parse_uri(self._url)
        self._store = store or MemoryStore()
        self._session = _new_session()
        self._get_token: GetToken | None = None
        self._link: Link | None = None
        self._dropped: list[Link] = []
        self._timers: dict[Timer, asyncio.TimerHandle] = {}
        self._outputs: deque[Output] = deque()
        self._is_performing = False
        self._listeners: list[Listener] = []
        self._streams: WeakSet[EventStream] = WeakSet()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Disconnect and release everything; the list stays stored. Idempotent."""
        self.disconnect()
        while self._dropped:
            await self._dropped.pop().wait_closed()
        for stream in list(self._streams):
            stream.close()
        self._store.close()

    # What the app sees

    @property
    def state(self) -> State:
        """Where the client stands."""
        return self._session.state

    @property
    def user_id(self) -> str | None:
        """Whose list is open."""
        return self._session.user_id

    @property
    def items(self) -> tuple[Item, ...]:
        """The list, newest first, the user's unconfirmed changes included."""
        return self._session.items

    @property
    def queued(self) -> int:
        """How many of the user's changes are not settled with the service."""
        return self._session.queued

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
        """Open the user's list and connect; another user's is closed and kept."""
        self._get_token = get_token
        stored = None if user_id == self.user_id else self._store.load(user_id)
        self._put(lambda session: session.sign_in(user_id, stored))

    def sign_out(self, *, erase: bool) -> None:
        """Close the user's list; ``erase``: nothing of it stays on the device, unsent changes included."""
        self._put(lambda session: session.sign_out(erase=erase))

    def connect(self) -> None:
        """Connect now instead of later: the network is back, or what stopped the client was mended."""
        self._put(Session.connect)

    def disconnect(self) -> None:
        """Stay offline until ``connect``."""
        self._put(Session.disconnect)

    def add(self, content_id: str) -> str:
        """Put a content into the list; returns the id that ``confirmed`` or ``refused`` will name.

        Raises:
            NotSignedInError: nobody's list is open.
            ValueError: ``content_id`` is no UUID.
        """
        return self._want("add", content_id)

    def remove(self, content_id: str) -> str:
        """Take a content out of the list; like ``add``."""
        return self._want("remove", content_id)

    def _want(self, action: Action, content_id: str) -> str:
        operation, outputs = self._session.want(action, content_id, wall_ms())
        self._perform(outputs)
        return operation.operation_id

    # The shell

    def _put(self, happened: Input) -> None:
        self._perform(happened(self._session))

    def _perform(self, outputs: list[Output]) -> None:
        """Store what is to be stored, then do the rest, behind what is being done: a listener may call the client."""
        for output in outputs:
            match output:
                case Save() | Erase():
                    self._write(output)
                case _:
                    self._outputs.append(output)
        if self._is_performing:
            return
        self._is_performing = True
        try:
            while self._outputs:
                self._do(self._outputs.popleft())
        finally:
            self._is_performing = False

    def _write(self, output: Save | Erase) -> None:
        try:
            match output:
                case Save(user_id=user_id, changes=changes):
                    self._store.save(user_id, changes)
                case Erase(user_id=user_id):
                    self._store.erase(user_id)
        except Exception:
            self._start_anew(output.user_id)
            raise

    def _start_anew(self, user_id: str) -> None:
        """Be as after a restart: what was not stored must neither be shown nor sent."""
        self._session = _new_session()
        self._outputs.clear()
        self._perform([Close(), *map(StopTimer, Timer), Emit(SignedOut(user_id=user_id, erased=False))])

    def _do(self, output: Output) -> None:
        match output:
            case AskToken():
                assert self._get_token is not None
                if self._link and self._link.is_over:
                    self._drop_link()
                self._link = self._link or Link(self._url, self._put)
                self._link.ask_token(self._get_token)
            case Open(target=target, token=token):
                assert self._link is not None
                self._link.open(target, token)
            case Send(message=message):
                assert self._link is not None
                self._link.send(message)
            case Close():
                self._drop_link()
            case StartTimer(timer=timer, after_ms=after_ms):
                self._stop_timer(timer)
                due = asyncio.get_running_loop().call_later(after_ms / 1000, self._timer_due, timer)
                self._timers[timer] = due
            case StopTimer(timer=timer):
                self._stop_timer(timer)
            case Emit(event=event):
                self._emit(event)
            case Save() | Erase():
                raise AssertionError("written before")
            case _:
                assert_never(output)

    def _drop_link(self) -> None:
        if self._link is not None:
            self._link.drop()
            self._dropped = [link for link in (*self._dropped, self._link) if link.is_busy]
            self._link = None

    def _timer_due(self, timer: Timer) -> None:
        del self._timers[timer]
        self._put(lambda session: session.due(timer))

    def _stop_timer(self, timer: Timer) -> None:
        if handle := self._timers.pop(timer, None):
            handle.cancel()

    def _emit(self, event: Event) -> None:
        for stream in list(self._streams):
            stream.put(event)
        for listener in list(self._listeners):
            try:
                listener(event)
            except Exception:
                logger.exception("a listener failed")  # the app's own code; the others are told all the same


def _new_session() -> Session:
    return Session(random=random.random, new_replica=lambda: secrets.token_hex(8))
