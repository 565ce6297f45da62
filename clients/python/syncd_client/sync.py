"""The client for code without asyncio: scripts, Kodi add-ons, Qt applications.

The names are those of ``syncd_client.Client``, which runs on a thread of its own here; any thread may call.
"""

import atexit
import os
import threading
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, Final, Self, TypeVar
from uuid import UUID
from weakref import WeakSet

from syncd_client import client as asyncio_client
from syncd_client.callbacks import GetToken, Listener, asking, check_listener
from syncd_client.core.core import State
from syncd_client.core.events import Event
from syncd_client.core.outputs import Transport
from syncd_client.data.ids import ContentIds, check_user_id
from syncd_client.data.user_state import StorageKind
from syncd_client.event_queue import EventQueue
from syncd_client.loop_thread import LoopThread
from syncd_client.stores.store import Store
from syncd_client.sync_list import ListCalls, Operation, UserList, as_coroutine, check_thread
from syncd_client.sync_registers import UserCatalogue, UserDevices, UserProgress
from syncd_client.token_threads import on_a_thread
from syncd_client.transport.catalogue import NamedList

__all__ = ["Client", "EventQueue", "Operation", "UserCatalogue", "UserDevices", "UserList", "UserProgress"]

T = TypeVar("T")

EXIT_TIMEOUT_S: Final = 5.0
"""How long the end of the process waits for a client that nobody closed."""
REOPEN_TIMEOUT_S: Final = 10.0
"""How long ``sign_in`` waits for a thread to end that ``close`` has not waited for to the end."""


class Client(ListCalls):
    """A user's watchlist on this device, the same as on all the others as soon as there is a network.

    ``list`` gives the user's other lists, ``progress`` how far the user has come, ``devices`` the user's devices.

    ``with Client("wss://sync.example.com") as client: client.sign_in("alice", get_token)``. Works like
    ``syncd_client.Client``, whose methods say what is raised. Listeners, and the conditions of ``wait_until``, run on
    the client's thread, and hold it up while they run; they may call the client. A client that nobody has closed is
    closed when the interpreter exits.

    Thread: any, and several at a time.
    """

    def __init__(self, url: str, store: Store | None = None, *, content_ids: ContentIds = "uuid") -> None:
        super().__init__(client := asyncio_client.Client(url, store, content_ids=content_ids))
        self._client = client
        self._thread: LoopThread | None = None
        """The client's thread while the client is open."""
        self._last_thread: LoopThread
        """The latest one, open or not."""
        self._life = threading.RLock()
        """Held while the client is opened or closed."""
        self._queues: WeakSet[EventQueue] = WeakSet()
        self._progress: UserProgress | None = None
        self._devices: UserDevices | None = None
        self._catalogue: UserCatalogue | None = None
        self._open()
        self.subscribe(self._put)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self, timeout_s: float | None = None) -> None:
        """Disconnect and release everything; the list stays stored, and ``sign_in`` opens it again. Idempotent.

        Raises:
            TimeoutError: after ``timeout_s``; the client is closed all the same.
            RuntimeError: called by a listener, on the thread that is to end.
        """
        if self._last_thread.is_of_parent:
            return  # nothing of it runs in this process
        check_thread("close", self._last_thread)
        with self._life:
            thread, self._thread = self._last_thread, None
            thread.stop()
        if not thread.has_ended_after(timeout_s):
            raise TimeoutError

    def _open(self) -> None:
        self._thread = self._last_thread = LoopThread(self._end)
        _open_clients.add(self)

    def _open_again(self) -> None:
        if not self._last_thread.has_ended_after(REOPEN_TIMEOUT_S):
            raise RuntimeError("sign_in: the client is still being closed: something holds up its thread")
        self._open()

    async def _end(self) -> None:
        """Close the client at the end of its thread. Takes no lock: whoever has it may be waiting for this thread."""
        if self._thread is self._last_thread:  # nobody has called close
            self._thread = None
        _open_clients.discard(self)
        try:
            await self._client.close()
        finally:
            for queue in list(self._queues):
                queue.close()

    # What the app sees

    @property
    def state(self) -> State:
        """Where the client stands."""
        return self._read(lambda: self._client.state)

    @property
    def transport(self) -> Transport | None:
        """The transport of the attempt or connection under way; ``None`` while there is none."""
        return self._read(lambda: self._client.transport)

    @property
    def storage(self) -> StorageKind:
        """Where list and queue are kept: ``persistent``, or ``memory`` if the store is in memory or fails now."""
        return self._read(lambda: self._client.storage)

    @property
    def user_id(self) -> str | None:
        """Whose list is open."""
        return self._read(lambda: self._client.user_id)

    @property
    def queued(self) -> int:
        """How many of the user's changes are not settled with the service."""
        return self._read(lambda: self._client.queued)

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Have ``listener`` called with every event, on the client's thread, and return a function that ends that."""
        check_listener(listener)

        def tell(event: Event) -> None:
            try:
                listener(event)
            except SystemExit as error:  # would end the client's thread
                raise RuntimeError("a listener wants to exit: it can end neither the thread nor the process") from error

        unsubscribe = self._call("subscribe", lambda: self._client.subscribe(tell))
        return lambda: self._read(unsubscribe)

    def events(self) -> EventQueue:
        """Return the events from here on, to be taken by any thread."""
        queue = EventQueue()
        self._call("events", lambda: self._queues.add(queue))
        return queue

    def wait_until(self, condition: Callable[[], bool], timeout_s: float | None = None) -> None:
        """Return when ``condition``, looked at now and after each event, holds.

        Raises:
            TimeoutError: it does not after ``timeout_s``.
            RuntimeError: the client was closed before, or a listener calls.
        """
        self._wait("wait_until", lambda: self._client.wait_until(condition), timeout_s)

    # What the app does

    def sign_in(self, user_id: str, get_token: GetToken) -> None:
        """Open the user's list and connect; another user's is closed and kept. A closed client is opened again.

        Args:
            user_id: whose tokens ``get_token`` returns: their ``sub``.
            get_token: a plain function that returns a token; it runs on a thread of its own and may wait. A coroutine
                function runs on the client's.
        """
        check_user_id(user_id)
        asking(get_token)  # raises for what is no function
        if self._last_thread.is_current:  # no lock here: a thread that closes the client holds it, and waits for us
            self._client.sign_in(user_id, on_a_thread(get_token))
            return
        if self._thread is None or not self._thread.is_of_parent:  # after a fork the lock may be held for ever
            with self._life:
                if self._thread is None:
                    self._open_again()
        self._call("sign_in", lambda: self._client.sign_in(user_id, on_a_thread(get_token)))

    def sign_out(self, *, erase: bool) -> None:
        """Close the user's list; ``erase``: nothing of it stays on the device, unsent changes included."""
        self._call("sign_out", lambda: self._client.sign_out(erase=erase))

    def connect(self) -> None:
        """Connect now instead of later: the network is back, or what stopped the client was fixed."""
        self._call("connect", self._client.connect)

    def disconnect(self) -> None:
        """Stay offline until ``connect``."""
        self._call("disconnect", self._client.disconnect)

    def wake(self) -> None:
        """Make sure of the connection within seconds: the network is back, the device woke or the user returned."""
        self._call("wake", self._client.wake)

    def list(self, list_id: str) -> UserList:
        """Return a list beside the watchlist, which is followed from here on."""
        return UserList(self._call("list", lambda: self._client.list(list_id)), self)

    @property
    def progress(self) -> UserProgress:
        """How far the user has come in each content; followed from here on."""
        progress = self._call("progress", lambda: self._client.progress)
        self._progress = self._progress or UserProgress(progress, self)
        return self._progress

    @property
    def devices(self) -> UserDevices:
        """The user's devices; followed from here on."""
        devices = self._call("devices", lambda: self._client.devices)
        self._devices = self._devices or UserDevices(devices, self)
        return self._devices

    @property
    def catalogue(self) -> UserCatalogue:
        """Which lists the user has, kept up to date; followed from here on."""
        catalogue = self._call("catalogue", lambda: self._client.catalogue)
        self._catalogue = self._catalogue or UserCatalogue(catalogue, self)
        return self._catalogue

    def lists(self, timeout_s: float | None = None) -> tuple[NamedList, ...]:
        """Return which lists the user has beside the watchlist. Needs a connection.

        Raises:
            TimeoutError: there is no answer after ``timeout_s``.
        """
        return self._wait("lists", self._client.lists, timeout_s)

    def send(
        self, target_device_id: str, command_type: str, payload: object = None, timeout_s: float | None = None
    ) -> None:
        """Have another device of the user do something. Needs a connection.

        Raises:
            TimeoutError: there is no answer after ``timeout_s``.
        """
        self._wait("send", lambda: self._client.send(target_device_id, command_type, payload), timeout_s)

    def handoff(
        self, target_device_id: str, content_id: str | UUID, timeout_s: float | None = None
    ) -> int | float | None:
        """Have another device go on with a content, and return from which second; ``None``: that is not known.

        Raises:
            TimeoutError: there is no answer after ``timeout_s``.
        """
        return self._wait("handoff", lambda: self._client.handoff(target_device_id, content_id), timeout_s)

    # From thread to thread

    def _opened(self, call: str) -> LoopThread:
        thread = self._thread
        if thread is None:
            raise RuntimeError(f"{call}: the client is closed; sign_in opens it again")
        return thread

    def _call(self, call: str, function: Callable[[], T]) -> T:
        thread = self._opened(call)
        return function() if thread.is_current else thread.run(as_coroutine(function))

    def _read(self, function: Callable[[], T]) -> T:
        """Return what ``function`` reads, on any thread once the client is closed: then nothing changes any more."""
        thread = self._thread
        return function() if thread is None or thread.is_current else thread.run(as_coroutine(function))

    def _wait(self, call: str, function: Callable[[], Coroutine[Any, Any, T]], timeout_s: float | None) -> T:
        check_thread(call, self._thread)
        return self._opened(call).run(function(), timeout_s)

    def _put(self, event: Event) -> None:
        for queue in list(self._queues):
            queue.put(event)


_open_clients: set[Client] = set()


if hasattr(os, "register_at_fork"):  # a forked process has none to close
    os.register_at_fork(after_in_child=_open_clients.clear)


@atexit.register
def _close_all() -> None:
    for client in list(_open_clients):
        with suppress(TimeoutError):  # nothing is lost: what was shown is stored
            client.close(EXIT_TIMEOUT_S)
