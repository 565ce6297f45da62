"""From the bus to this node: every message of the channel, decoded and handed on (step 3 in docs/architecture.md)."""

import logging
from asyncio import TimerHandle
from collections.abc import Awaitable, Callable
from functools import partial
from typing import assert_never

from actors.errors import BusMessageRefused, BusUnavailable
from actors.messages.bus import BusGap, BusPayload, CompareHeads, StartBus, SubscriberMessage
from actors.messages.channel import BusMessage, HeadMoved
from actors.messages.journal import Head, HeadsLoaded, JournalMessage, LoadHeads
from actors.metrics import BusMetrics
from actors.ports import Bus
from actors.runtime.supervisor import SupervisedActor
from actors.runtime.tell import Tell, tell_if_alive, tell_later

logger = logging.getLogger(__name__)

HEADS_PER_READ = 500


class PubNubSubscriber(SupervisedActor):
    """Messages in: ``SubscriberMessage``, told by the bus and the journal. Out: to the handler; ``LoadHeads``.

    After a gap, and now and then, the journal says where every active user stands, and each ``WatchlistSync`` compares.
    """

    def __init__(
        self,
        bus: Bus,
        decode: Callable[[str, bytes], BusMessage],
        handle: Callable[[str, BusMessage], None],
        active_users: Callable[[], tuple[str, ...]],
        journal: Tell[JournalMessage],
        metrics: BusMetrics,
        retry_s: float = 5.0,
    ) -> None:
        super().__init__()
        self._bus = bus
        self._decode = decode
        self._hand_on = handle
        self._active_users = active_users
        self._journal = journal
        self._metrics = metrics
        self._retry_s = retry_s
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
                self._ingest(user_id, payload)
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
        tell = partial(tell_if_alive, self.actor_ref)  # a stopping node hears the bus until that is closed
        try:
            await self._bus.start(
                on_message=lambda user_id, payload: tell(BusPayload(user_id, payload)),
                on_gap=lambda reason: tell(BusGap(reason)),
            )
        except BusUnavailable as error:
            logger.warning("the bus does not answer, next try in %.3g s: %s", self._retry_s, error)
            tell_later(self._retry_s, self.actor_ref, StartBus())

    def _ingest(self, user_id: str, payload: bytes) -> None:
        self._metrics.received += 1
        try:
            message = self._decode(user_id, payload)
        except BusMessageRefused as error:
            self._metrics.refused[error.reason] += 1
            logger.warning("a message on the bus was skipped: %s", error)
            return
        self._hand_on(user_id, message)

    def _compare_heads(self) -> None:
        """Begin (again) with every active user; one read at a time, so that writes get their turn in between."""
        if self._retry is not None:
            self._retry.cancel()
            self._retry = None
        self._uncompared = self._active_users()
        if not self._is_comparing:
            self._compare_next()

    def _compare_next(self) -> None:
        user_ids, self._uncompared = self._uncompared[:HEADS_PER_READ], self._uncompared[HEADS_PER_READ:]
        self._is_comparing = bool(user_ids)
        if user_ids:
            self._journal(LoadHeads(user_ids, self.actor_ref.tell))

    def _compared(self, heads: tuple[Head, ...] | None) -> None:
        if heads is None:
            self._is_comparing = False
            self._retry = tell_later(self._retry_s, self.actor_ref, CompareHeads())
            return
        self._compare_next()  # first: should one user's message raise, the comparison goes on all the same
        for head in heads:
            self._hand_on(head.user_id, HeadMoved(head.revision, origin="journal"))
