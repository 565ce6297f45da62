"""The shell around a core: the link to the service, the timers, the store, and the app's callback."""

import asyncio
import random
import secrets
import time
from collections import deque
from collections.abc import Callable, Iterable
from functools import partial
from typing import Final, assert_never
from uuid import UUID

from msgspec import structs

from syncd_client.core.core import Core, CoreDeps, NotSignedInError
from syncd_client.core.events import Confirmed, Disconnected, Event, Refused, SignedOut, StateChanged, Storage, Updated
from syncd_client.core.outputs import (
    AskToken,
    Close,
    Emit,
    Erase,
    Open,
    Output,
    Probe,
    Save,
    Send,
    StartTimer,
    StopTimer,
    Timer,
)
from syncd_client.core.state import State
from syncd_client.data.ids import check_user_id
from syncd_client.data.user_state import PendingWrite, StorageKind, UserState
from syncd_client.operation import Operation
from syncd_client.stores.fallback_store import FallbackStore
from syncd_client.stores.store import Store
from syncd_client.transport.carrying import Input
from syncd_client.transport.link import GetToken, Link
from syncd_client.transport.proxy import proxy_mistake
from syncd_client.transport.requests import Answer, RequestFailedError

MAX_TIMER_MS: Final = 2**31 - 1
"""Event loops on Qt's timers take no more."""

WriteCall = Callable[[Core], tuple[PendingWrite | None, list[Output]]]
"""A call of the core that queues a write."""


class Engine:
    """Serves one client: puts what happens into the core, and does what the core wants done, in order.

    All that changes within one turn of the event loop is stored together when the turn ends, and only then are the app
    and the service told; an input that wants more than that done has it done at once, with all that waits. If the store
    fails, the core goes on with what is in memory, which is stored when the store works again. Thread: the event loop.
    """

    def __init__(
        self, url: str, store: Store, on_event: Callable[[Event], None], canonical: Callable[[str | UUID], str]
    ) -> None:
        self._url = url
        self.canonical = canonical
        """Returns the canonical spelling of a content's id. Raises: ValueError, it is not valid."""
        self._store = FallbackStore(store, _new_replica)
        self._on_event = on_event
        self._get_token: GetToken | None = None
        self._link: Link | None = None
        self._dropped: list[Link] = []
        self._timers: dict[Timer, asyncio.TimerHandle] = {}
        self._outputs: deque[Output] = deque()
        self._is_performing = False
        self._end_of_turn: asyncio.Handle | None = None
        self._store_retry: asyncio.TimerHandle | None = None
        self._last_update: Emit | None = None
        self._kept: asyncio.Future[StorageKind] | None = None
        """Set for the operations that wait to be stored, once they are."""
        self._told_state = State.SIGNED_OUT
        self.core = _new_core()
        """For others to read only."""

    @property
    def storage(self) -> StorageKind:
        """Where the state is kept."""
        return self._store.kind

    def sign_in(self, user_id: str, get_token: GetToken) -> None:
        """Open the user's list, as it is stored, and connect.

        Raises:
            ValueError: ``user_id`` is none that the service can know.
        """
        check_user_id(user_id)  # before the store is asked
        self._get_token = get_token
        stored = None if user_id == self.core.user_id else self._load(user_id)
        self.put(partial(Core.sign_in, user_id=user_id, stored=stored))

    def enqueue(self, writes: Iterable[WriteCall]) -> list[Operation]:
        """Queue writes, all of which are stored together; a call that has nothing to write gives no operation.

        Raises:
            NotSignedInError: nobody's list is open.
            ValueError, TypeError: what the core raises for the first bad one.
        """
        outputs: list[Output] = []
        operations: list[Operation] = []
        for call in writes:
            write, wanted = call(self.core)
            outputs += wanted
            if write is not None:
                self._kept = self._kept or asyncio.get_running_loop().create_future()
                operations.append(Operation(write, self._kept))
        self._perform(outputs)
        return operations

    async def ask(self, method: str, path: str, body: bytes | None) -> Answer:
        """Send a request beside the connection.

        Raises:
            NotSignedInError: nobody's list is open.
            RequestFailedError: there was no answer, or no token to ask with, or the app wants to be offline.
        """
        user_id = self.core.user_id
        if user_id is None or self._get_token is None:
            raise NotSignedInError("sign in before asking the service")
        if self.core.state is State.STOPPED:
            raise RequestFailedError("this device is offline, until the app connects")
        from syncd_client.transport.http_request import send  # noqa: PLC0415 - as in link.py

        return await send(self._url.replace("ws", "http", 1) + path, user_id, self._get_token, method, body)

    def put(self, happened: Input) -> None:
        """Tell the core what happened, and do what it wants done."""
        self._perform(happened(self.core))

    async def close(self) -> None:
        """Disconnect and release everything. Idempotent."""
        try:
            self.put(Core.disconnect)
            self._flush()
            self._drop_link()
            self._stop_timer(Timer.REPORT)  # which goes on while the client is offline
            while self._dropped:
                await self._dropped.pop().wait_closed()
        finally:  # also if the caller does not wait to the end
            self._close_store()

    def _close_store(self) -> None:
        if self._store_retry is not None:
            self._store_retry.cancel()
        error = self._store.error
        self._store.close()
        if self._store.error not in (error, None):
            self._emit_storage(self._store.error)
            self._flush()

    # What the core wants done

    def _perform(self, outputs: Iterable[Output]) -> None:
        """Do it now, or when the turn ends if there is only to store, send and tell; always after what waits."""
        can_wait = True
        if self.core.state is not self._told_state:
            self._told_state = self.core.state
            outputs = [Emit(StateChanged(state=self._told_state)), *outputs]
        for output in outputs:
            match output:
                case Save(user_id=user_id, changes=changes):
                    self._store.save(user_id, changes)
                case Emit(event=Updated()):
                    self._last_update = output
                    self._outputs.append(output)
                case Emit() | Send():
                    self._outputs.append(output)
                case _:
                    self._outputs.append(output)
                    can_wait = False
        if not can_wait:
            self._flush()
        elif self._end_of_turn is None and (self._outputs or self._store.is_dirty):
            self._end_of_turn = asyncio.get_running_loop().call_soon(self._flush)

    def _flush(self) -> None:
        """Store what is to be stored, then do the rest; a listener may call the client meanwhile."""
        if self._is_performing:
            return
        try:
            self._is_performing = True
            while self._store.is_dirty or self._kept or self._outputs:
                self._commit()
                if self._outputs:
                    self._execute(self._outputs.popleft())
        finally:
            self._is_performing = False
            if self._end_of_turn is not None:
                self._end_of_turn.cancel()
                self._end_of_turn = None

    def _commit(self) -> None:
        if self._store.is_dirty:
            self._store.commit()
            if self._store.error is not None:
                self._store_failed(self._store.error)
        if self._kept is not None:
            if not self._kept.done():  # else this was interrupted between these two lines
                self._kept.set_result(self.storage)
            self._kept = None

    # The store

    def _load(self, user_id: str) -> UserState | None:
        self._commit()
        if self._store.error is not None:
            self._retry_store()
        was_right = self._store.error is None
        stored = self._store.load(user_id)
        if was_right and self._store.error is not None:
            self._begin_retrying(self._store.error)
        return stored

    def _store_failed(self, reason: str) -> None:
        """Try once more, as a deleted file, say, can be made again at once; else go on in memory."""
        user_id = self.core.user_id
        grown = self._store.retry()
        if self._store.error is None:
            self._emit_storage(f"stored again after: {reason}")
        else:
            self._begin_retrying(reason)
            if user_id is not None and user_id not in grown and (state := self._store.renumber(user_id)):
                grown[user_id] = state
        self._go_on_with(grown, reason)

    def _begin_retrying(self, reason: str) -> None:
        self._emit_storage(reason)
        self._retry_later()

    def _retry_later(self) -> None:
        if self._store_retry is not None:
            self._store_retry.cancel()
        self._store_retry = asyncio.get_running_loop().call_later(self._store.retry_after_s, self._retry_store)

    def _retry_store(self) -> None:
        error = self._store.error
        grown = self._store.retry()
        if self._store.error is not None:
            self._retry_later()
        elif error is not None:
            self._emit_storage(f"stored again after: {error}")
        self._go_on_with(grown, "the stored list can be used again")

    def _emit_storage(self, reason: str) -> None:
        self._perform([Emit(Storage(storage=self.storage, reason=reason))])

    def _go_on_with(self, states: dict[str, UserState], reason: str) -> None:
        """Let a new core go on with another state of the user; what the old one still wanted sent is not sent."""
        user_id, was = self.core.user_id, self.core.state
        if user_id is None or user_id not in states:
            return
        self._drop_link()
        for timer in Timer:
            self._stop_timer(timer)
        self._outputs = deque(output for output in self._outputs if isinstance(output, Emit))
        old, self.core = self.core, _new_core()
        self.core.want(old.wanted)
        wanted = self.core.sign_in(user_id, states[user_id])
        if was is State.STOPPED:
            self.core.disconnect()
            wanted = [Emit(Updated())]
        elif was in (State.OPENING, State.RESUMING, State.LIVE):
            wanted.insert(0, Emit(Disconnected(code=None, retry_in_ms=0, reason=reason)))
        for content_id, says in old.held:
            wanted += self.core.report(content_id, **says)
        self._perform(wanted)

    def _erase(self, user_id: str) -> None:
        was_right = self._store.error is None
        if self._store.erase(user_id):
            return
        if self._outputs and self._outputs[0] == Emit(SignedOut(user_id=user_id, erased=True)):
            self._outputs[0] = Emit(SignedOut(user_id=user_id, erased=False))
        if was_right and self._store.error is not None:
            self._begin_retrying(self._store.error)

    def _execute(self, output: Output) -> None:
        match output:
            case AskToken():
                assert self._get_token is not None
                self._open_link().ask_token(self._get_token)
            case Open(transport=transport, target=target, token=token):
                if reason := proxy_mistake(self._url):
                    self.put(partial(Core.open_failed, reason=reason))
                else:
                    self._open_link().open(transport, target, token)
            case Probe(target=target, token=token):
                assert self._link is not None
                self._link.probe(target, token)
            case Send(message=message):
                assert self._link is not None
                self._link.send(message)
            case Close():
                self._drop_link()
            case StartTimer(timer=timer, after_ms=after_ms):
                self._stop_timer(timer)
                after_s = min(after_ms, MAX_TIMER_MS) / 1000
                due = asyncio.get_running_loop().call_later(after_s, self._timer_due, timer)
                self._timers[timer] = due
            case StopTimer(timer=timer):
                self._stop_timer(timer)
            case Emit(event=Updated()) if output is not self._last_update:
                pass  # a later one says it
            case Emit(event=Confirmed() | Refused() as event):
                self._on_event(structs.replace(event, operation_id=self._store.id_of_app(event.operation_id)))
            case Emit(event=event):
                self._on_event(event)
            case Erase(user_id=user_id):
                self._erase(user_id)
            case Save():
                raise AssertionError("_perform has stored it")
            case _:
                assert_never(output)

    def _open_link(self) -> Link:
        """Return the link under way, or a new one."""
        if self._link and self._link.is_closed:
            self._drop_link()
        self._link = self._link or Link(self._url, self.put)
        return self._link

    def _drop_link(self) -> None:
        if self._link is not None:
            self._link.drop()
            self._dropped = [link for link in (*self._dropped, self._link) if link.is_busy]
            self._link = None

    def _timer_due(self, timer: Timer) -> None:
        del self._timers[timer]
        self.put(partial(Core.due, timer=timer))

    def _stop_timer(self, timer: Timer) -> None:
        if handle := self._timers.pop(timer, None):
            handle.cancel()


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def _new_replica() -> str:
    return secrets.token_hex(8)


def _new_core() -> Core:
    return Core(CoreDeps(now_ms=_now_ms, random=random.random, new_replica=_new_replica))
