"""The way from PubNub: an endless long poll, and a watch for silence."""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from typing import Any

from actors.errors import BusUnavailable, MessageRefused
from actors.ports import BusListener
from transport.bus.pubnub.client import PubNubSettings, build_client, explain
from transport.bus.pubnub.groups import ChannelGroups, group_names
from transport.bus.pubnub.ingest import Ingester
from transport.bus.pubnub.polls import Cursor, Poll, PollRequest, read_poll
from transport.bus.tasks import end

logger = logging.getLogger(__name__)

WILDCARD = "user.*"
FULL_QUEUE = 100
"""A poll that brings this many messages may have lost older ones: PubNub keeps only the newest 100 for a client."""
LOSS_PAUSE_S = 1.0
"""How long after a loss it is reported, once for all of that time."""


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
        self._cursor: Cursor = (0, None)
        """Where the latest poll has come to."""
        self._arrived = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._watching: asyncio.Task[None] | None = None
        """Ends when its client is silent. ``close`` ends it too, so that the receiving task can clean up."""
        self._is_closed = False
        self._loss: asyncio.TimerHandle | None = None
        self.failure: str | None = "connecting"
        """Why nothing is received; ``None``: it works, as far as can be seen."""
        self.latest_at_s = asyncio.get_running_loop().time()
        """When the latest message arrived, on the loop's clock."""
        self.reconnects = 0
        self.rebuilds = 0
        self.dropped = 0
        """Polls that were full, or could not be read."""

    def start(self, listener: BusListener) -> None:
        """Begin to receive; a second call gives what arrives from now on to the new listener."""
        self.ingester.listener = listener
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._receive())
        elif self.failure is None:
            listener.on_gap("another subscriber took over")

    async def close(self) -> None:
        """Stop receiving; idempotent."""
        self._is_closed = True
        if self._loss is not None:
            self._loss.cancel()
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
                poll = await self._ask(client, self._cursor)
                self._cursor = poll.cursor
            except Exception as error:  # noqa: BLE001 - the SDK lets errors of aiohttp, json and its own code through
                self._interrupted(explain(error))
                await asyncio.sleep(self._settings.retry_s * random.uniform(0.8, 1.2))  # noqa: S311 - jitter
                continue
            self._received(poll)

    async def _connect(self, client: Any) -> None:
        """Check that PubNub answers, by a poll that it answers at once; the cursor does not move."""
        async with asyncio.timeout(self._settings.request_timeout_s):
            await ChannelGroups(self._settings, client).prepare()
            poll = await self._ask(client, (0, None))
        if self._cursor[0] == 0:
            self._cursor = poll.cursor
        else:
            self.reconnects += 1
        reason, self.failure = self.failure, None
        logger.info("subscribed to PubNub; before: %s", reason)
        self.ingester.listener.on_gap(f"subscribed; before: {reason}")

    async def _ask(self, client: Any, cursor: Cursor) -> Poll:
        timetoken, region = cursor
        request = PollRequest(client).timetoken(timetoken)
        if region is not None:
            request.region(region)
        if groups := group_names(self._settings):
            request.channel_groups(groups)
        else:
            request.channels(WILDCARD)
        return read_poll(await request.result())

    def _received(self, poll: Poll) -> None:
        if not (poll.m or poll.malformed or poll.is_unreadable):
            return
        self.latest_at_s = asyncio.get_running_loop().time()
        self._arrived.set()
        self.ingester.malformed += poll.malformed
        self.ingester.ingest(poll.m)
        if poll.is_unreadable:
            self._lost("could not be read: what it brought is lost")
        elif len(poll.m) + poll.malformed >= FULL_QUEUE:
            self._lost(f"brought {FULL_QUEUE} messages or more: older ones may be lost")

    def _lost(self, reason: str) -> None:
        self.dropped += 1
        if self._loss is None:
            self._loss = asyncio.get_running_loop().call_later(LOSS_PAUSE_S, self._report_loss, reason)

    def _report_loss(self, reason: str) -> None:
        self._loss = None
        self.ingester.listener.on_gap(f"a poll {reason}")

    def _interrupted(self, reason: str) -> None:
        if reason != self.failure:
            logger.warning("nothing is received from PubNub, retrying for ever: %s", reason)
        self.failure = reason
