"""Which actors of an event loop have work, and whose turn it is.

A ``RunQueue`` serves its actors from one loop callback: however many become ready, the loop is woken once.
"""

import asyncio
import threading
from collections import deque
from collections.abc import Iterable
from typing import Protocol, TypeVar

SLICE_MESSAGES = 256
"""Turns and messages of one loop callback, together; then the loop's other work gets its chance."""


class TurnTaker(Protocol):
    """An actor, as its inbox and the run queue see it. Underscored, because a proxy shows every other attribute."""

    _actor_task: asyncio.Task[None] | None
    """What is left of an ``async def`` handler or hook: the mailbox waits for it."""
    _actor_task_began_s: float
    """When that was made, by the loop's clock."""

    def _actor_take_turn(self) -> int:
        """Handle some messages and return how many; end with the inbox's ``end_turn``, ``close`` or ``resume``."""
        ...

    def _actor_abandon(self) -> None:
        """Die without another turn: the loop was closed."""


class Scheduled(Protocol):
    """An inbox, as the run queue sees it: see ``LoopInbox``."""

    actor: TurnTaker | None
    is_ready: bool


S = TypeVar("S", bound=Scheduled)


class RunQueue:
    """The ready actors of one event loop, served in turn. Thread: any."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self._ready: deque[Scheduled] = deque()
        self._is_slice_due = False
        # Reentrant: a finalizer may tell an actor something while its own thread is in here.
        self._lock = threading.RLock()

    def schedule(self, inbox: Scheduled) -> bool:
        """Give an actor a turn unless it has one ahead; return false if it is dead or the loop was closed."""
        with self._lock:
            if inbox.is_ready:
                return True
            if inbox.actor is None or not (self._is_slice_due or self._wake_loop()):
                return False
            inbox.is_ready = True
            self._ready.append(inbox)
            return True

    def schedule_all(self, inboxes: Iterable[S]) -> list[S]:
        """Give each actor a turn unless it has one ahead; return those that are dead, all if the loop was closed."""
        dead: list[S] = []
        with self._lock:
            for inbox in inboxes:
                if inbox.is_ready:
                    continue
                if inbox.actor is None or not (self._is_slice_due or self._wake_loop()):
                    dead.append(inbox)
                else:
                    inbox.is_ready = True
                    self._ready.append(inbox)
        return dead

    def forget(self, inbox: Scheduled) -> None:
        """Give ``inbox`` no turn any more."""
        with self._lock:
            inbox.actor = None
            inbox.is_ready = False

    def _wake_loop(self) -> bool:
        try:
            if asyncio._get_running_loop() is self.loop:
                self.loop.call_soon(self._run_slice)
            else:
                self.loop.call_soon_threadsafe(self._run_slice)
        except RuntimeError:  # the loop is closed
            return False
        self._is_slice_due = True
        return True

    def _run_slice(self) -> None:
        budget = SLICE_MESSAGES
        try:
            while budget > 0 and self._ready:
                actor = self._ready.popleft().actor
                assert actor is not None  # only a closed loop's actors are forgotten while they are ready
                budget -= 1 + actor._actor_take_turn()  # pyright: ignore[reportPrivateUsage] # see TurnTaker
        finally:  # what a turn raises is the loop's to handle; the other actors go on
            with self._lock:
                self._is_slice_due = False
                if self._ready:
                    self._wake_loop()


_run_queues: dict[asyncio.AbstractEventLoop, RunQueue] = {}
_run_queues_lock = threading.Lock()
_named_loop: asyncio.AbstractEventLoop | None = None


def use_loop(loop: asyncio.AbstractEventLoop | None) -> None:
    """Name the loop for actors that are started on a thread without a running one; ``None``: name none any more."""
    global _named_loop  # noqa: PLW0603 - Pykka starts actors from anywhere: there is no daemon to ask
    _named_loop = loop


def run_queue_for_new_actor() -> RunQueue:
    """Return the run queue of this thread's running loop, else of the loop named by ``use_loop``.

    Raises:
        RuntimeError: there is no such loop, or it is closed.
    """
    loop = asyncio._get_running_loop() or _named_loop
    if loop is None:
        raise RuntimeError("an actor needs an event loop: start it on a running one, or name one with use_loop(loop)")
    if loop.is_closed():
        raise RuntimeError("an actor needs an event loop, and the one named with use_loop() is closed")
    with _run_queues_lock:
        run_queue = _run_queues.get(loop)
        if run_queue is None:
            for closed in [known for known in _run_queues if known.is_closed()]:
                del _run_queues[closed]
            run_queue = _run_queues[loop] = RunQueue(loop)
        return run_queue
