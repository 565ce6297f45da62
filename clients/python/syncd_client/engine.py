"""The shell around a core: its link to the service, its timers, its store, and the app's callback."""

import asyncio
import random
import secrets
import time
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import assert_never
from uuid import UUID

from syncd_client.carrying import Input
from syncd_client.core import Core, CoreDeps
from syncd_client.events import Event, SignedOut
from syncd_client.ids import check_user_id
from syncd_client.link import GetToken, Link
from syncd_client.messages import Action
from syncd_client.outputs import (
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
from syncd_client.store import Store


class Engine:
    """Serves one client: what its core wants done is done in order, what happens is put into the core.

    What was not stored is neither shown nor sent: if the store fails, its error is raised by the call that needed it,
    and the core begins again with what was stored. Thread: the event loop.
    """

    def __init__(self, url: str, store: Store, on_event: Callable[[Event], None]) -> None:
        self._url = url
        self._store = store
        self._on_event = on_event
        self._get_token: GetToken | None = None
        self._link: Link | None = None
        self._dropped: list[Link] = []
        self._timers: dict[Timer, asyncio.TimerHandle] = {}
        self._outputs: deque[Output] = deque()
        self._is_performing = False
        self.core = _new_core()
        """To be looked at only."""

    def sign_in(self, user_id: str, get_token: GetToken) -> None:
        """Open the user's list, as it is stored, and connect.

        Raises:
            ValueError: the service can know nobody by ``user_id``.
        """
        check_user_id(user_id)  # before the store is asked
        self._get_token = get_token
        stored = None if user_id == self.core.user_id else self._store.load(user_id)
        self.put(partial(Core.sign_in, user_id=user_id, stored=stored))

    def enqueue(self, operation: Action, content_id: str | UUID) -> str:
        """Queue a write and return its operation id.

        Raises:
            NotSignedInError: nobody's list is open.
            ValueError: ``content_id`` is no UUID.
        """
        write, outputs = self.core.enqueue(operation, content_id)
        self._perform(outputs)
        return write.operation_id

    def put(self, happened: Input) -> None:
        """Tell the core what happened, and do what it wants done."""
        self._perform(happened(self.core))

    def _put_of_link(self, happened: Input) -> None:
        """Tell the event loop of a failure: the link's tasks end with it, and cannot."""
        try:
            self.put(happened)
        except Exception as error:  # noqa: BLE001 - an app's own store may raise anything
            context = {"message": "what came from the service could not be kept", "exception": error}
            asyncio.get_running_loop().call_exception_handler(context)

    async def close(self) -> None:
        """Disconnect and release everything. Idempotent."""
        self.put(Core.disconnect)
        self._drop_link()
        while self._dropped:
            await self._dropped.pop().wait_closed()
        self._store.close()

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
                self._execute(self._outputs.popleft())
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
            self._start_again(output.user_id)
            raise

    def _start_again(self, user_id: str) -> None:
        """Be as after a restart: what was not stored must neither be shown nor sent."""
        self.core = _new_core()
        self._outputs.clear()
        self._perform([Close(), *map(StopTimer, Timer), Emit(SignedOut(user_id=user_id, erased=False))])

    def _execute(self, output: Output) -> None:
        match output:
            case AskToken():
                assert self._get_token is not None
                self._open_link().ask_token(self._get_token)
            case Open(transport=transport, target=target, token=token):
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
                due = asyncio.get_running_loop().call_later(after_ms / 1000, self._timer_due, timer)
                self._timers[timer] = due
            case StopTimer(timer=timer):
                self._stop_timer(timer)
            case Emit(event=event):
                self._on_event(event)
            case Save() | Erase():
                raise AssertionError("written before")
            case _:
                assert_never(output)

    def _open_link(self) -> Link:
        """Return the link under way, or a new one."""
        if self._link and self._link.is_closed:
            self._drop_link()
        self._link = self._link or Link(self._url, self._put_of_link)
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


def _new_core() -> Core:
    return Core(CoreDeps(now_ms=_now_ms, random=random.random, new_replica=lambda: secrets.token_hex(8)))
