"""From the bus to this node: every message of the channel, decoded and handed on (step 3 in docs/architecture.md)."""

import logging
from asyncio import TimerHandle
from collections.abc import Awaitable, Callable
from functools import partial
from typing import assert_never

from msgspec import Struct

from actors.errors import BusMessageRefused, BusUnavailable
from actors.messages.bus import (
    BusGap,
    BusPayload,
    CompareHeads,
    ForeignPayload,
    StartBus,
    SubscriberMessage,
    UsersSubscribed,
)
from actors.messages.channel import JOURNAL, BusMessage, HeadMoved
from actors.messages.journal import JournalMessage
from actors.messages.journal_reads import Head, HeadsLoaded, LoadHeads
from actors.metrics import BusMetrics
from actors.ports import Bus, BusListener
from actors.runtime.supervisor import SupervisedActor
from actors.runtime.tell import Tell, tell_if_alive, tell_later

logger = logging.getLogger(__name__)

HEADS_PER_READ = 500


class SubscriberDeps(Struct, frozen=True, eq=False, kw_only=True):
    """What a ``PubNubSubscriber`` is wired with."""

    node: str
    bus: Bus
    decode: Callable[[str, bytes], BusMessage]
    """User id, payload -> message. Raises: BusMessageRefused."""
    handle: Callable[[str, BusMessage], None]
    """Takes the messages of active users. Raises: BusMessageRefused."""
    handle_foreign: Callable[[str, BusMessage], None] | None
    """Takes the writes of foreign publishers; ``None``: they are not wanted."""
    handle_control: Callable[[bytes], None] | None = None
    """Takes what comes on the control channel; ``None``: it is not wanted."""
    active_users: Callable[[], tuple[str, ...]]
    journal: Tell[JournalMessage]
    metrics: BusMetrics
    retry_s: float = 5.0
    """The pause after a start, or a read, that failed."""


class PubNubSubscriber(SupervisedActor):
    """Messages in: ``SubscriberMessage``, told by the bus and the journal. Out: to the handler; ``LoadHeads``.

    The bus brings what is for users who are active here: the others' messages are not decoded. After a gap, and now and
    then, the journal says where every active user stands, and each ``WatchlistSync`` compares.
    """

    def __init__(self, deps: SubscriberDeps) -> None:
        super().__init__()
        self._deps = deps
        self._uncompared: tuple[str, ...] = ()
        """Users whose heads are still to be compared."""
        self._is_comparing = False
        """A read is under way."""
        self._retry: TimerHandle | None = None
        """Compares again after a read that failed."""

    async def on_start(self) -> None:  # type: ignore[override]  # a LoopActor's hooks may wait
        """Begin to receive."""
        await self._start()

    def on_receive(self, message: SubscriberMessage) -> Awaitable[None] | None:
        """Take one message; only the start of the bus is waited for."""
        match message:
            case BusPayload(user_id=user_id, payload=payload):
                self._ingest(user_id, payload, self._deps.handle)
            case ForeignPayload(user_id=user_id, payload=payload):
                if self._deps.handle_foreign is not None:
                    self._ingest(user_id, payload, self._deps.handle_foreign)
            case UsersSubscribed(user_ids=user_ids):
                self._compare(self._uncompared + user_ids)
            case BusGap(reason=reason):
                logger.info("comparing with the journal: %s", reason)
                self._compare_heads()
            case CompareHeads():
                self._compare_heads()
            case HeadsLoaded(heads=heads):
                self._compared(heads)
            case StartBus():
                return self._start()
            case _:
                assert_never(message)
        return None

    async def _start(self) -> None:
        tell = partial(tell_if_alive, self.actor_ref)  # the bus may still speak while the node stops
        listener = BusListener(
            node=self._deps.node,
            on_message=lambda user_id, payload: tell(BusPayload(user_id, payload)),
            on_gap=lambda reason: tell(BusGap(reason)),
            on_subscribed=lambda user_ids: tell(UsersSubscribed(user_ids)),
            on_foreign=None
            if self._deps.handle_foreign is None
            else lambda user_id, payload: tell(ForeignPayload(user_id, payload)),
            on_control=self._deps.handle_control,
        )
        try:
            await self._deps.bus.start(listener)
        except BusUnavailable as error:
            retry_s = self._deps.retry_s
            logger.warning("the bus does not answer, next try in %.3g s: %s", retry_s, error)
            tell_later(retry_s, self.actor_ref, StartBus())

    def _ingest(self, user_id: str, payload: bytes, handle: Callable[[str, BusMessage], None]) -> None:
        metrics = self._deps.metrics
        metrics.received += 1
        try:
            handle(user_id, self._deps.decode(user_id, payload))
        except BusMessageRefused as error:
            metrics.refused[error.reason] += 1
            logger.warning("a message on the bus was skipped: %s", error)

    def _compare_heads(self) -> None:
        """Begin (again) with every active user."""
        if self._retry is not None:
            self._retry.cancel()
            self._retry = None
        self._compare(self._deps.active_users())

    def _compare(self, user_ids: tuple[str, ...]) -> None:
        """Compare these users' heads; one read at a time, so that writes get their turn in between."""
        self._uncompared = user_ids
        if not self._is_comparing:
            self._compare_next()

    def _compare_next(self) -> None:
        user_ids, self._uncompared = self._uncompared[:HEADS_PER_READ], self._uncompared[HEADS_PER_READ:]
        self._is_comparing = bool(user_ids)
        if user_ids:
            self._deps.journal(LoadHeads(user_ids, self.actor_ref.tell))

    def _compared(self, heads: tuple[Head, ...] | None) -> None:
        if heads is None:
            self._is_comparing = False
            self._retry = tell_later(self._deps.retry_s, self.actor_ref, CompareHeads())
            return
        self._compare_next()  # first: should one user's message raise, the comparison goes on all the same
        for head in heads:
            self._deps.handle(head.line, HeadMoved(head.revision, origin=JOURNAL, epoch=head.epoch or None))
