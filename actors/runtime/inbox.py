"""Which actors of an event loop have work, and whose turn it is.

A ``RunQueue`` serves its actors from one loop callback: however many become ready, the loop is woken once.
"""

import asyncio
import gc
import threading
from collections import deque
from collections.abc import Iterator
from queue import Empty, SimpleQueue
from typing import Any, Protocol

from pykka import ActorDeadError
from pykka._envelope import Envelope
from pykka.messages import _ActorStop

SLICE_MESSAGES = 256
"""Turns and messages of one loop callback, together; then the loop's other work gets its chance."""

_put = SimpleQueue.put  # half the time of super().put


class TurnTaker(Protocol):
    """An actor, as its inbox and the run queue see it."""

    _actor_task: asyncio.Task[None] | None
    """What is left of an ``async def`` handler or hook: the mailbox waits for it."""
    _actor_task_began_s: float
    """When that was made, by the loop's clock."""

    def _actor_take_turn(self) -> int:
        """Handle some messages and return how many; end with the inbox's ``end_turn``, ``close`` or ``resume``."""

    def _actor_abandon(self) -> None:
        """Die without another turn: the loop was closed."""


class LoopInbox(SimpleQueue[Envelope[Any]]):
    """A mailbox that puts its actor into the run queue.

    ``is_ready``: the actor is in the run queue, in its turn, or held by an ``async def`` handler, so that a new message
    needs nobody's attention. A new inbox counts as ready, because ``open`` gives the first turn unasked.
    ``actor`` is ``None`` before ``open`` and after ``close``: a ref keeps no dead actor alive.

    Thread: ``put`` any; the rest, the event loop.
    """

    # SimpleQueue: 170 bytes when empty, where a deque takes 770.
    __slots__ = ("_death_reason", "_run_queue", "actor", "is_ready")

    def __init__(self) -> None:
        self.actor: TurnTaker | None = None
        self.is_ready = True
        self._run_queue: RunQueue | None = None
        self._death_reason = ""

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """The loop that the actor runs on, once it is started."""
        return self._opened().loop

    def open(self, actor: TurnTaker, run_queue: "RunQueue") -> None:
        """Begin to serve ``actor``, and give it a first turn whether or not there are messages. Thread: any."""
        self.actor = actor
        self._run_queue = run_queue
        self.resume()

    def put(self, envelope: Envelope[Any], block: bool = True, timeout: float | None = None) -> None:
        """Take a message in, or answer it if the actor is dead. Never blocks."""
        _put(self, envelope)
        # In this order: who changes is_ready looks for messages afterwards, so that one of the two sees this message.
        run_queue = self._run_queue
        if run_queue is None:
            return
        if envelope.reply_to is not None and run_queue.loop.is_closed():
            self._refuse_all()  # a turn may be due that will never come, and the asker must not wait for it
        elif not self.is_ready and not run_queue.schedule(self):
            self._refuse_all()

    def waiting(self) -> Iterator[Any]:
        """Return the messages that wait now, oldest first, and leave them there. Thread: any."""
        held = gc.get_referents(self)  # nobody else is shown what is in a SimpleQueue; before Python 3.13 it is a list
        of_queue = next((list(one) for one in held if isinstance(one, list)), held)
        return (envelope.message for envelope in of_queue if isinstance(envelope, Envelope))

    def end_turn(self) -> None:
        """Let the actor rest until there is a message."""
        self.is_ready = False
        if not self.empty():
            self._opened().schedule(self)

    def resume(self) -> None:
        """Give the actor another turn, whether or not there is a message."""
        self.is_ready = False
        self._opened().schedule(self)

    def close(self, death_reason: str) -> None:
        """Let go of the actor, and refuse all messages with ``death_reason`` from now on."""
        self._death_reason = death_reason
        self._opened().forget(self)
        self._refuse_all()

    def _opened(self) -> "RunQueue":
        assert self._run_queue is not None
        return self._run_queue

    def _refuse_all(self) -> None:
        if self.actor is not None:
            self.actor._actor_abandon()
        while True:
            try:
                envelope = self.get_nowait()
            except Empty:
                return
            reject(envelope, self._death_reason)


def reject(envelope: Envelope[Any], death_reason: str) -> None:
    """Answer a message that a dead actor leaves, as Pykka does: a stop is done, any other ask an error."""
    if envelope.reply_to is None:
        return
    if isinstance(envelope.message, _ActorStop):
        envelope.reply_to.set(None)
    else:
        envelope.reply_to.set_exception((ActorDeadError, ActorDeadError(death_reason), None))


class RunQueue:
    """The ready actors of one event loop, served in turn. Thread: any."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self._ready: deque[LoopInbox] = deque()
        self._is_slice_due = False
        # Reentrant: a finalizer may tell an actor something while its own thread is in here.
        self._lock = threading.RLock()

    def schedule(self, inbox: LoopInbox) -> bool:
        """Give an actor a turn unless it has one ahead; return false if it is dead or the loop was closed."""
        with self._lock:
            if inbox.is_ready:
                return True
            if inbox.actor is None or not (self._is_slice_due or self._wake_loop()):
                return False
            inbox.is_ready = True
            self._ready.append(inbox)
            return True

    def forget(self, inbox: LoopInbox) -> None:
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
                if actor is not None:
                    budget -= 1 + actor._actor_take_turn()
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
    global _named_loop
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
