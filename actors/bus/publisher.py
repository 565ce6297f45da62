"""The outbox: what this node has committed goes to the other nodes (step 2 in docs/architecture.md)."""

import asyncio
import logging
import random
from collections import deque
from collections.abc import Callable
from typing import assert_never

from msgspec import Struct

from actors.errors import BusUnavailable, MessageRefused
from actors.messages.bus import Flush, Publish, PublishEnded, PublisherMessage, ResumePublishing
from actors.messages.channel import BusMessage, HeadMoved
from actors.messages.collections import WATCHLIST, parts_of
from actors.messages.conversion import channel_update
from actors.messages.journal import AnyUpdate
from actors.messages.trace import Trace
from actors.metrics import BusMetrics
from actors.ports import Bus
from actors.runtime.supervisor import SupervisedActor
from actors.runtime.tell import Tell, tell_later
from actors.tracing import Tracer

logger = logging.getLogger(__name__)

MAX_OUTBOX = 10_000
"""Messages that wait; beyond it a user's updates shrink to one ``HeadMoved``."""
MAX_OUTBOX_OF_USER = 16
"""The same for one user, whose messages go one by one. PubNub takes 20 to 100 ms for each: behind a bulk of 500 changes
the next one would come half a minute late, where a hint has the other nodes read them all at once."""
MAX_IN_FLIGHT = 50
"""Publishes under way at once; the official SDK's clients gain nothing beyond."""


class _Outgoing(Struct, frozen=True, eq=False):
    """A message in the outbox."""

    payload: bytes
    revision: int
    span: Trace | None = None
    """The span of its publish, if the write is traced."""
    collection: str = WATCHLIST


class PubNubPublisher(SupervisedActor):
    """Messages in: ``Publish``, ``Flush``. Messages out: none; it calls the bus.

    One user's messages go one after another, so that they rarely arrive out of order; different users' go side by side.
    After a failure everything pauses for ``retry_s`` (jittered), then a single message probes the bus.

    Args:
        bus: where it goes.
        encode: user id, message -> payload.
        metrics: counted into.
        node: this node's name, which its messages carry.
        tracer: of this node.
        retry_s: the pause after a failure, give or take a fifth.
        max_outbox: messages that may wait.
        random: in [0, 1), for the pause.
    """

    def __init__(
        self,
        bus: Bus,
        encode: Callable[[str, BusMessage], bytes],
        metrics: BusMetrics,
        node: str,
        tracer: Tracer,
        retry_s: float = 5.0,
        max_outbox: int = MAX_OUTBOX,
        random: Callable[[], float] = random.random,
    ) -> None:
        super().__init__()
        self._bus = bus
        self._encode = encode
        self._metrics = metrics
        self._node = node
        self._tracer = tracer
        self._retry_s = retry_s
        self._max_outbox = max_outbox
        self._random = random
        self._outbox: dict[str, deque[_Outgoing]] = {}
        """User -> what waits or is under way, oldest first; never empty."""
        self._ready: deque[str] = deque()
        """Users whose first message is not under way."""
        self._in_flight: set[asyncio.Task[None]] = set()
        self._limit = MAX_IN_FLIGHT
        self._is_paused = False
        self._flushes: list[Tell[None]] = []

    def on_receive(self, message: PublisherMessage) -> None:
        """Take one message."""
        match message:
            case Publish(user_id=user_id, update=update, epoch=epoch):
                self._enqueue(user_id, self._outgoing(user_id, update, epoch))
            case PublishEnded(user_id=user_id, is_settled=is_settled):
                self._ended(user_id, is_settled)
            case ResumePublishing():
                self._is_paused = False
                self._send()
            case Flush(reply_to=reply_to):
                self._flushes.append(reply_to)
                self._answer_flushes()
            case _:
                assert_never(message)

    def on_stop(self) -> None:
        """Give up what is under way; the journal has it."""
        for task in self._in_flight:
            task.cancel()

    def _outgoing(self, user_id: str, update: AnyUpdate | HeadMoved, epoch: str | None = None) -> _Outgoing:
        """Encode ``update``: here, so that one that cannot be encoded fails alone and does not hold up the next.

        The other nodes continue the trace of a write from its publish.
        """
        if isinstance(update, HeadMoved):
            return _Outgoing(self._encode(user_id, update), update.revision, collection=update.collection)
        trace = self._tracer.committed(update.line, update.revision) if self._tracer.is_tracing else None
        span = None if trace is None else self._tracer.child(trace)
        message = channel_update(update, self._node, None if span is None else span.traceparent, epoch)
        return _Outgoing(self._encode(user_id, message), update.revision, span, parts_of(update.line)[1])

    def _enqueue(self, user_id: str, outgoing: _Outgoing) -> None:
        waiting = self._outbox.get(user_id)
        if waiting is None:
            waiting = self._outbox[user_id] = deque()
            self._ready.append(user_id)
        waiting.append(outgoing)
        self._metrics.outbox += 1
        if len(waiting) > MAX_OUTBOX_OF_USER or self._metrics.outbox > self._max_outbox:
            self._shrink(user_id, waiting)
        self._send()

    def _shrink(self, user_id: str, waiting: deque[_Outgoing]) -> None:
        """Keep the first message, which may be under way, and for each collection one hint at what came after it."""
        first, *others = waiting
        heads = {outgoing.collection: outgoing.revision for outgoing in others}
        if len(heads) == len(others):
            return
        self._metrics.outbox -= len(others) - len(heads)
        waiting.clear()
        waiting.append(first)
        for collection, revision in heads.items():
            waiting.append(self._outgoing(user_id, HeadMoved(revision, self._node, collection=collection)))

    def _send(self) -> None:
        while self._ready and not self._is_paused and len(self._in_flight) < self._limit:
            user_id = self._ready.popleft()
            outgoing = self._outbox[user_id][0]
            task = asyncio.get_running_loop().create_task(self._publish(user_id, outgoing))
            self._in_flight.add(task)
            task.add_done_callback(self._in_flight.discard)

    async def _publish(self, user_id: str, outgoing: _Outgoing) -> None:
        is_settled = True
        try:
            await self._bus.publish(user_id, outgoing.payload)
            self._metrics.published += 1
            if outgoing.span is not None:
                self._tracer.passed(outgoing.span, "published")
        except BusUnavailable as error:
            is_settled = False
            self._metrics.publish_failures += 1
            if not self._is_paused:
                logger.warning("the bus took no message, next try in about %.3g s: %s", self._retry_s, error)
        except MessageRefused as error:  # other nodes find the gap by the next revision
            self._metrics.publish_failures += 1
            logger.error("the bus refuses a message for good: %s", error)
        self.actor_ref.tell(PublishEnded(user_id, is_settled))

    def _ended(self, user_id: str, is_settled: bool) -> None:
        waiting = self._outbox[user_id]
        if is_settled:
            self._limit = MAX_IN_FLIGHT
            self._metrics.outbox -= 1
            waiting.popleft()
        elif not self._is_paused:
            self._is_paused = True
            self._limit = 1
            tell_later(self._retry_s * (0.8 + 0.4 * self._random()), self.actor_ref, ResumePublishing())
        if waiting:
            self._ready.append(user_id)
        else:
            del self._outbox[user_id]
        self._send()
        self._answer_flushes()

    def _answer_flushes(self) -> None:
        if not self._outbox:
            for reply_to in self._flushes:
                reply_to(None)
            self._flushes.clear()
