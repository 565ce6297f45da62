"""The mailbox of a ``LoopActor``: puts its actor into the run queue when a message comes."""

import asyncio
import gc
from collections.abc import Iterable, Iterator
from queue import Empty, SimpleQueue
from typing import Any, cast

from pykka import ActorDeadError
from pykka._envelope import Envelope
from pykka.messages import _ActorStop  # pyright: ignore[reportPrivateUsage] # it has no public name

from actors.runtime.run_queue import RunQueue, TurnTaker

_put = SimpleQueue[Envelope[Any]].put  # half the time of super().put


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

    def open(self, actor: TurnTaker, run_queue: RunQueue) -> None:
        """Begin to serve ``actor``, and give it a first turn whether or not there are messages. Thread: any."""
        self.actor = actor
        self._run_queue = run_queue
        self.resume()

    def put(self, item: Envelope[Any], block: bool = True, timeout: float | None = None) -> None:
        """Take a message in, or answer it if the actor is dead. Never blocks."""
        _put(self, item)
        # In this order: who changes is_ready looks for messages afterwards, so that one of the two sees this message.
        run_queue = self._run_queue
        if run_queue is None:
            return
        if item.reply_to is not None and run_queue.loop.is_closed():
            self._reject_all()  # a turn may be due that will never come, and the asker must not wait for it
        elif not self.is_ready and not run_queue.schedule(self):
            self._reject_all()

    @classmethod
    def put_in_all(cls, inboxes: Iterable["LoopInbox"], item: Envelope[Any]) -> None:
        """Take a message that nobody waits for into each of ``inboxes``. Never blocks."""
        resting: dict[RunQueue, list[LoopInbox]] = {}
        for inbox in inboxes:
            _put(inbox, item)
            if not inbox.is_ready:
                resting.setdefault(inbox._opened(), []).append(inbox)
        for run_queue, of_loop in resting.items():
            for dead in run_queue.schedule_all(of_loop):
                dead._reject_all()

    def waiting(self) -> Iterator[Any]:
        """Return the messages that wait now, oldest first, and leave them there. Thread: any."""
        held: list[object] = gc.get_referents(self)  # nobody else is shown what is in a SimpleQueue
        lists = [list(cast("list[object]", one)) for one in held if isinstance(one, list)]  # before Python 3.13
        waiting = lists[0] if lists else held
        envelopes = [cast("Envelope[object]", one) for one in waiting if isinstance(one, Envelope)]
        return (envelope.message for envelope in envelopes)

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
        """Forget the actor, and reject all messages with ``death_reason`` from now on."""
        self._death_reason = death_reason
        self._opened().forget(self)
        self._reject_all()

    def _opened(self) -> RunQueue:
        assert self._run_queue is not None
        return self._run_queue

    def _reject_all(self) -> None:
        if self.actor is not None:
            self.actor._actor_abandon()  # pyright: ignore[reportPrivateUsage] # see TurnTaker
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
