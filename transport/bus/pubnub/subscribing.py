"""The way from PubNub: an endless long poll, and a watch for silence."""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from typing import Any

from pubnub.endpoints.pubsub.subscribe import Subscribe

from actors.errors import BusUnavailable, MessageRefused
from actors.ports import OnGap, OnMessage
from transport.bus.pubnub.client import PubNubSettings, build_client, explain
from transport.bus.pubnub.groups import ChannelGroups, group_names
from transport.bus.pubnub.ingest import Ingester
from transport.bus.tasks import end

logger = logging.getLogger(__name__)

WILDCARD = "user.*"
FULL_QUEUE = 100
"""A poll that brings this many messages may have lost older ones: PubNub keeps only the newest 100 for a client."""
OVERFLOW_PAUSE_S = 1.0
"""How long after an overflow it is reported, once for all of that time."""


class PubNubSubscription:
    """Receives everything published for users, in one subscription that never changes.

    Guaranteed although polls fail: the cursor survives, so that PubNub can deliver what was missed (up to 100 messages
    of the last 20 minutes), and every interruption ends with ``on_gap``. Thread: the event loop.
    """

    def __init__(self, settings: PubNubSettings, send_canary: Callable[[], Awaitable[None]]) -> None:
        self._settings = settings
        self._send_canary = send_canary
        self.ingester = Ingester()
        """Where the messages go."""
        self._on_gap: OnGap = lambda reason: None
        self._cursor: tuple[str | int, int | None] = (0, None)
        """PubNub's timetoken and region of the latest poll; 0: from now on."""
        self._arrived = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._watching: asyncio.Task[None] | None = None
        """Ends when its client is silent. ``close`` ends it too, so that the receiving task can clean up."""
        self._is_closed = False
        self._overflow: asyncio.TimerHandle | None = None
        self.failure: str | None = "connecting"
        """Why nothing is received; ``None``: it works, as far as can be seen."""
        self.latest_at_s = asyncio.get_running_loop().time()
        """When the latest message arrived, on the loop's clock."""
        self.reconnects = 0
        self.rebuilds = 0

    def start(self, on_message: OnMessage, on_gap: OnGap) -> None:
        """Begin to receive; a second call gives what arrives from now on to the new receivers."""
        self.ingester.on_message = on_message
        self._on_gap = on_gap
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._receive())
        elif self.failure is None:
            on_gap("another subscriber took over")

    async def close(self) -> None:
        """Stop receiving; idempotent."""
        self._is_closed = True
        if self._overflow is not None:
            self._overflow.cancel()
        if self._watching is not None:
            await end(self._watching)
        if self._task is not None:
            await asyncio.wait([self._task])

    async def _receive(self) -> None:
        while not self._is_closed:
            client = build_client(self._settings)
            polling = asyncio.get_running_loop().create_task(self._poll(client))
            self._watching = asyncio.get_running_loop().create_task(self._silence())
            await asyncio.wait([self._watching])
            await end(polling)
            await client.stop()
            if not self._is_closed:
                self.rebuilds += 1
                self._interrupted("no canary came back; the client is replaced")

    async def _silence(self) -> None:
        """Return when a canary that PubNub accepted does not come back."""
        interval_s = self._settings.canary_interval_s
        while True:
            await asyncio.sleep(interval_s - min(self.silent_s, interval_s))
            if self.silent_s < interval_s:
                continue
            self._arrived.clear()
            try:
                await self._send_canary()
            except (BusUnavailable, MessageRefused):  # this says nothing about receiving
                await asyncio.sleep(interval_s)
                continue
            try:
                async with asyncio.timeout(self._settings.canary_timeout_s):
                    await self._arrived.wait()
            except TimeoutError:
                return

    @property
    def silent_s(self) -> float:
        """Seconds since the latest message, canaries included."""
        return asyncio.get_running_loop().time() - self.latest_at_s

    async def _poll(self, client: Any) -> None:
        while True:
            try:
                if self.failure is not None:
                    await self._connect(client)
                answer = await self._ask(client, *self._cursor)
                envelopes = answer["m"]
                self._cursor = _cursor_of(answer)
            except Exception as error:  # noqa: BLE001 - the SDK lets errors of aiohttp, json and its own code through
                self._interrupted(explain(error))
                await asyncio.sleep(self._settings.retry_s * random.uniform(0.8, 1.2))  # noqa: S311 - jitter
                continue
            if envelopes:
                self._received(envelopes)

    async def _connect(self, client: Any) -> None:
        """Check that PubNub answers, by a poll that it answers at once; the cursor does not move."""
        async with asyncio.timeout(self._settings.request_timeout_s):
            await ChannelGroups(self._settings, client).prepare()
            answer = await self._ask(client, 0, None)
        if self._cursor[0] == 0:
            self._cursor = _cursor_of(answer)
        else:
            self.reconnects += 1
        reason, self.failure = self.failure, None
        logger.info("subscribed to PubNub; before: %s", reason)
        self._on_gap(f"subscribed; before: {reason}")

    def _ask(self, client: Any, timetoken: str | int, region: int | None) -> Awaitable[dict[str, Any]]:
        request = Subscribe(client).timetoken(timetoken)
        if region is not None:
            request.region(region)
        if groups := group_names(self._settings):
            request.channel_groups(groups)
        else:
            request.channels(WILDCARD)
        return request.result()  # type: ignore[no-any-return]  # the SDK has no types

    def _received(self, envelopes: list[Any]) -> None:
        self.latest_at_s = asyncio.get_running_loop().time()
        self._arrived.set()
        self.ingester.ingest(envelopes)
        if len(envelopes) >= FULL_QUEUE and self._overflow is None:
            self._overflow = asyncio.get_running_loop().call_later(OVERFLOW_PAUSE_S, self._report_overflow)

    def _report_overflow(self) -> None:
        self._overflow = None
        self._on_gap(f"a poll brought {FULL_QUEUE} messages or more: older ones may be lost")

    def _interrupted(self, reason: str) -> None:
        if reason != self.failure:
            logger.warning("nothing is received from PubNub, retrying for ever: %s", reason)
        self.failure = reason


def _cursor_of(answer: dict[str, Any]) -> tuple[str | int, int | None]:
    return answer["t"]["t"], answer["t"]["r"]
