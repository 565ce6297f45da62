"""The outbox: what this node has committed goes to the other nodes, tried until the bus took it."""

import asyncio
import logging
import random
from collections import deque
from collections.abc import Callable
from typing import assert_never

from msgspec import Struct, structs

from actors.messages.journal import Tell
from actors.messages.sync import BusMessage, HeadMoved, PubNubWatchlistUpdate
from actors.metrics import BusMetrics
from actors.ports import Bus, BusUnavailable, MessageRefused
from actors.runtime.supervisor import SupervisedActor
from actors.runtime.timers import tell_later
from actors.tracing import Trace

logger = logging.getLogger(__name__)

MAX_OUTBOX = 10_000
"""Messages that wait; beyond it a user's updates shrink to one ``HeadMoved``."""
MAX_IN_FLIGHT = 50
"""Publishes under way at once; the official SDK's clients gain nothing beyond."""


class Publish(Struct, frozen=True):
    """Send a committed update on the user's channel, or a hint in place of several."""

    user_id: str
    message: PubNubWatchlistUpdate | HeadMoved
    trace: Trace | None = None
    """If the write is followed."""


class Flush(Struct, frozen=True, eq=False):
    """Tell ``reply_to`` once, when the outbox is empty."""

    reply_to: Tell[None]


class _Sent(Struct, frozen=True):
    """A publish ended; ``is_settled``: there is nothing left to try."""

    user_id: str
    is_settled: bool


class _Resume(Struct, frozen=True):
    """The pause after a failure is over."""


PublisherMessage = Publish | Flush | _Sent | _Resume


class PubNubPublisher(SupervisedActor):
    """Messages in: ``Publish``, ``Flush``. Messages out: none; it calls the bus.

    One user's messages go one after another, so that they seldom arrive out of order; different users' go side by side.
    After a failure everything pauses for ``retry_s`` (jittered), then a single message probes the bus.
    """

    def __init__(
        self,
        bus: Bus,
        encode: Callable[[str, BusMessage], bytes],
        metrics: BusMetrics,
        node: str,
        retry_s: float = 5.0,
        max_outbox: int = MAX_OUTBOX,
    ) -> None:
        super().__init__()
        self._bus = bus
        self._encode = encode
        self._metrics = metrics
        self._node = node
        self._retry_s = retry_s
        self._max_outbox = max_outbox
        self._outbox: dict[str, deque[Publish]] = {}
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
            case Publish():
                self._enqueue(message if message.trace is None else _with_traceparent(message, message.trace))
            case _Sent(user_id=user_id, is_settled=is_settled):
                self._sent(user_id, is_settled)
            case _Resume():
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

    def _enqueue(self, publish: Publish) -> None:
        user_id = publish.user_id
        waiting = self._outbox.get(user_id)
        if waiting is None:
            waiting = self._outbox[user_id] = deque()
            self._ready.append(user_id)
        waiting.append(publish)
        self._metrics.outbox += 1
        if self._metrics.outbox > self._max_outbox:
            self._shrink(waiting)
        self._send()

    def _shrink(self, waiting: deque[Publish]) -> None:
        """Keep the first message, which may be under way, and one hint for all that came after it."""
        if len(waiting) < 3:
            return
        first, last = waiting[0], waiting[-1]
        self._metrics.outbox -= len(waiting) - 2
        waiting.clear()
        hint = HeadMoved(last.message.revision or 0, self._node)
        waiting.extend((first, Publish(last.user_id, hint)))

    def _send(self) -> None:
        while self._ready and not self._is_paused and len(self._in_flight) < self._limit:
            user_id = self._ready.popleft()
            publish = self._outbox[user_id][0]
            payload = self._encode(user_id, publish.message)
            task = asyncio.get_running_loop().create_task(self._publish(user_id, payload, publish.trace))
            self._in_flight.add(task)
            task.add_done_callback(self._in_flight.discard)

    async def _publish(self, user_id: str, payload: bytes, trace: Trace | None) -> None:
        is_settled = True
        try:
            await self._bus.publish(user_id, payload)
            self._metrics.published += 1
            if trace is not None:
                trace.passed("published")
        except BusUnavailable as error:
            is_settled = False
            self._metrics.publish_failures += 1
            if not self._is_paused:
                logger.warning("the bus took no message, next try in about %.3g s: %s", self._retry_s, error)
        except MessageRefused as error:  # other nodes find the gap by the next revision
            self._metrics.publish_failures += 1
            logger.error("the bus refuses a message for good: %s", error)
        self.actor_ref.tell(_Sent(user_id, is_settled))

    def _sent(self, user_id: str, is_settled: bool) -> None:
        waiting = self._outbox[user_id]
        if is_settled:
            self._limit = MAX_IN_FLIGHT
            self._metrics.outbox -= 1
            waiting.popleft()
        elif not self._is_paused:
            self._is_paused = True
            self._limit = 1
            tell_later(self._retry_s * random.uniform(0.8, 1.2), self.actor_ref, _Resume())  # noqa: S311 - jitter
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


def _with_traceparent(publish: Publish, trace: Trace) -> Publish:
    """Let the other nodes go on from this publish."""
    span = trace.child()
    return Publish(publish.user_id, structs.replace(publish.message, traceparent=span.traceparent), span)
