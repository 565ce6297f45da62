"""The bus engine ``nats``: a NATS server or cluster of one's own; subjects are the channels' names."""

import asyncio
import contextlib
import logging
import random
from collections.abc import Callable
from functools import partial

import nats.errors
from nats.aio.client import Client
from nats.aio.msg import Msg

from actors.errors import BusUnavailable, MessageRefused
from actors.ports import NOBODY, BusFigures, BusListener
from transport.bus.channels import CONTROL_CHANNEL, NAMES, channel_of, user_of
from transport.bus.nats.client import TlsClient
from transport.bus.nats.servers import NatsSettings, credentials
from transport.bus.nats.subscriptions import UserSubscriptions
from transport.bus.peek import peek
from transport.bus.tasks import end

logger = logging.getLogger(__name__)

EVERY_USER = tuple(f"user.*.{name}" for name in NAMES)
QUEUE_GROUP = "syncd"
"""One of its members gets each message: so one node ingests each foreign publisher's write."""
DROP_PAUSE_S = 1.0
"""How long drops may go on before they are reported, once for all of them."""
CLUSTER_PAUSE_S = 0.2
"""After a server has confirmed subscriptions, until the other servers of its cluster send it what they are for."""


class NatsBus:
    """A node's end of NATS. Built and used on the event loop.

    The server sends what is for subscribed users, but not what this node publishes. If foreign writes are wanted, each
    message goes to one node of all as well.

    Each connection is one client that never reconnects: its successor is made here. The client's own reconnecting
    gives up for good on some errors, and meanwhile accepts messages that it may never send.
    """

    def __init__(self, settings: NatsSettings) -> None:
        self._settings = settings
        self._listener = NOBODY
        self._subscriptions = UserSubscriptions()
        self._client: Client | None = None
        """Connected and subscribed."""
        self._failure: str | None = "connecting"
        self._latest_error = ""
        """What the client reported last; its exceptions say less."""
        self._unconfirmed: list[asyncio.Future[bool]] = []
        """Publishes that the client accepted, oldest first; the result: whether the server has it."""
        self._has_work = asyncio.Event()
        """There are publishes to confirm, or users came or went."""
        self._task: asyncio.Task[None] | None = None
        self._ended = asyncio.Event()
        """The connection has ended, or is to end. ``close`` sets it, so that the task can clean up."""
        self._is_closed = False
        self._dropped: asyncio.TimerHandle | None = None
        self._denied: asyncio.TimerHandle | None = None
        self._is_renewed = False
        """The connection works, and is ended to ask again for what was denied: the next one need not wait."""
        self._reconnects = 0
        self._drops = 0
        self._malformed = 0
        self._elsewhere = 0
        self._latest_at_s = asyncio.get_running_loop().time()

    async def start(self, listener: BusListener) -> None:
        """Begin to receive and return at once; outages are retried inside, and each ends with ``on_gap``."""
        self._listener = listener
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._connect_for_ever())
        elif self._client is not None:
            listener.on_gap("another subscriber took over")

    def subscribe(self, user_id: str) -> None:
        """Subscribe to a user's subjects; ``on_subscribed``, or the ``on_gap`` of a reconnect, tells when it works."""
        self._subscriptions.subscribe(user_id)
        self._has_work.set()

    def unsubscribe(self, user_id: str) -> None:
        """End a user's subscriptions."""
        self._subscriptions.unsubscribe(user_id)
        self._has_work.set()

    async def publish(self, user_id: str, payload: bytes) -> None:
        """Hand ``payload`` to the server and return when it has it.

        Raises:
            BusUnavailable: not now, or the server did not confirm it.
            MessageRefused: not ever.
        """
        await self._publish(channel_of(user_id), payload)

    async def publish_to_devices(self, user_id: str, payload: bytes) -> None:
        """Hand ``payload`` to the server for the user's channel of devices. Raises: as ``publish``."""
        await self._publish(channel_of(user_id, "devices"), payload)

    async def publish_control(self, payload: bytes) -> None:
        """Hand ``payload`` to the server for the other nodes. Raises: as ``publish``."""
        await self._publish(CONTROL_CHANNEL, payload)

    async def _publish(self, subject: str, payload: bytes) -> None:
        client = self._client
        if client is None:
            raise BusUnavailable(self._failure)
        try:
            # The client waits while its buffers are full, which they are when the server does not read.
            async with asyncio.timeout(self._settings.request_timeout_s):
                await client.publish(subject, payload)
        except nats.errors.MaxPayloadError:
            raise MessageRefused(f"the message takes {len(payload)} bytes, the server accepts fewer") from None
        except (nats.errors.Error, OSError) as error:  # a TimeoutError among them
            raise BusUnavailable(_text_of(error)) from None
        if self._client is not client:  # it returns, too, when it was cancelled while it waited
            raise BusUnavailable("the connection was lost")
        confirmation: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._unconfirmed.append(confirmation)
        self._has_work.set()
        if not await confirmation:
            raise BusUnavailable("the server did not confirm the message")

    def status(self) -> str | None:
        """Say why the bus does not work at the moment; ``None``: it works, as far as can be seen."""
        return self._failure

    def figures(self) -> BusFigures:
        """Return what was counted so far."""
        return BusFigures(
            subscribed=len(self._subscriptions.users),
            last_message_age_s=asyncio.get_running_loop().time() - self._latest_at_s,
            reconnects=self._reconnects,
            dropped=self._drops,
            malformed=self._malformed,
            elsewhere=self._elsewhere,
        )

    async def close(self) -> None:
        """Stop receiving and release the connection; idempotent."""
        self._is_closed = True
        self._ended.set()
        if self._dropped is not None:
            self._dropped.cancel()
        if self._task is not None:
            await asyncio.wait([self._task])
        self._failure = "closed"

    async def _connect_for_ever(self) -> None:
        loop = asyncio.get_running_loop()
        while not self._is_closed:
            client, ended = TlsClient(), self._ended
            living = loop.create_task(self._live(client, ended))
            ending = loop.create_task(ended.wait())
            await asyncio.wait([living, ending], return_when=asyncio.FIRST_COMPLETED)
            self._lost(client)
            await end(living)
            await end(ending)
            await self._release(client)
            self._ended = asyncio.Event()
            if self._is_renewed:
                self._is_renewed = False
                continue
            if not self._is_closed:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(self._settings.retry_s * random.uniform(0.8, 1.2)):  # noqa: S311 - jitter
                        await self._ended.wait()

    async def _release(self, client: Client) -> None:
        client._pending.clear()  # reported as failed; closing would wait until they are written
        client._pending_data_size = 0
        try:
            async with asyncio.timeout(self._settings.request_timeout_s):  # a dead server never reads the rest
                await client.close()
        except TimeoutError:
            pass
        except Exception:
            logger.exception("a client of NATS could not be closed")  # its successor is made all the same

    async def _live(self, client: Client, ended: asyncio.Event) -> None:
        """Connect, then confirm publishes until the server does not answer."""
        try:
            await self._connect(client, ended)
            await self._confirm_for_ever(client)
        except Exception as error:  # noqa: BLE001 - an unreachable server, or a defect in the client
            self._latest_error = self._latest_error or _text_of(error)

    async def _connect(self, client: Client, ended: asyncio.Event) -> None:
        async def note_end() -> None:
            if self._client is client:
                self._lost(client)
            ended.set()

        servers, timeout_s = self._settings.url.split(","), self._settings.request_timeout_s
        async with asyncio.timeout(timeout_s * len(servers)):  # all but the last may be machines that are off
            await client.connect(
                servers,
                connect_timeout=timeout_s,  # type: ignore[arg-type]  # passed to wait_for
                allow_reconnect=False,
                max_reconnect_attempts=1,  # of each server; 0 would mean any number
                reconnect_time_wait=0,
                ping_interval=self._settings.ping_interval_s,  # type: ignore[arg-type]  # passed to sleep
                no_echo=True,
                error_cb=self._note_error,
                closed_cb=note_end,
                **credentials(self._settings.url),
            )
        interruption, self._failure, self._latest_error = self._failure, None, ""
        await self._subscribe(client)
        self._client = client
        if interruption != "connecting":
            self._reconnects += 1
        logger.info("subscribed to NATS; before: %s", interruption)
        self._listener.on_gap(f"subscribed; before: {interruption}")

    async def _subscribe(self, client: Client) -> None:
        """Return when the server sends what is wanted. Raises: nats.errors.Error, OSError (TimeoutError is one)."""
        max_waiting = self._settings.max_waiting
        self._subscriptions.begin(client, self._deliver, max_waiting)
        async with asyncio.timeout(self._settings.request_timeout_s):
            for subject in EVERY_USER if self._listener.on_foreign is not None else ():
                await client.subscribe(subject, QUEUE_GROUP, cb=self._deliver_to_group, pending_msgs_limit=max_waiting)
            if self._listener.on_control is not None:
                await client.subscribe(CONTROL_CHANNEL, cb=self._deliver_control, pending_msgs_limit=max_waiting)
            await self._wait_until_received(client)
        while self._subscriptions.is_untold:
            await self._tell_and_confirm(client)

    async def _confirm_for_ever(self, client: Client) -> None:
        """Confirm publishes and subscriptions in groups: one round trip for all that were made during the one before.

        After a round trip without an answer the client is closed: a late answer would silently end its reading.
        """
        while True:
            await self._has_work.wait()
            self._has_work.clear()
            subscribed = await self._tell_and_confirm(client)
            if self._subscriptions.is_untold:
                self._has_work.set()
            if subscribed:
                pause_s = CLUSTER_PAUSE_S if len(client.servers) > 1 else 0
                asyncio.get_running_loop().call_later(pause_s, self._listener.on_subscribed, subscribed)

    async def _tell_and_confirm(self, client: Client) -> tuple[str, ...]:
        """Confirm what was published; return the users whose messages the server sends now, and did not before."""
        published = len(self._unconfirmed)
        async with asyncio.timeout(self._settings.request_timeout_s):
            subscribed = await self._subscriptions.tell()
        await self._wait_until_received(client)
        self._confirm(published, is_there=True)
        return subscribed

    async def _wait_until_received(self, client: Client) -> None:
        """Return when the server has received everything published so far. Raises: nats.errors.Error, TimeoutError.

        Twice, because the client's first ping overtakes what waits to be written; the second follows it.
        """
        for _ in range(2):
            await client.flush(self._settings.request_timeout_s)  # type: ignore[arg-type]  # passed to wait_for

    def _lost(self, client: Client) -> None:
        self._client = None
        if self._denied is not None:
            self._denied.cancel()
            self._denied = None
        if not self._is_closed:
            self._interrupted(self._latest_error or _text_of(client.last_error or nats.errors.ConnectionClosedError()))
        self._confirm(len(self._unconfirmed), is_there=False)

    def _confirm(self, count: int, *, is_there: bool) -> None:
        for confirmation in self._unconfirmed[:count]:
            if not confirmation.done():  # its publisher may have been cancelled
                confirmation.set_result(is_there)
        del self._unconfirmed[:count]

    async def _deliver(self, message: Msg) -> None:
        """Pass on a message of a subscribed user."""
        self._latest_at_s = asyncio.get_running_loop().time()
        user_id = self._subscriptions.users.user_of(message.subject)
        if user_id is not None:  # else no longer, since it was sent
            self._pass_on(partial(self._listener.on_message, user_id), message.data)

    async def _deliver_to_group(self, message: Msg) -> None:
        """Pass on what no node sent: nodes' own messages reach the nodes of their user anyway."""
        self._latest_at_s = asyncio.get_running_loop().time()
        if peek(message.data).is_of_node:
            self._elsewhere += 1
            return
        user_id, on_foreign = user_of(message.subject), self._listener.on_foreign
        if user_id is not None and on_foreign is not None:
            self._pass_on(partial(on_foreign, user_id), message.data)

    async def _deliver_control(self, message: Msg) -> None:
        """Pass on what another node says to the nodes."""
        self._latest_at_s = asyncio.get_running_loop().time()
        if self._listener.on_control is not None:
            self._pass_on(self._listener.on_control, message.data)

    def _pass_on(self, tell: Callable[[bytes], None], payload: bytes) -> None:
        try:
            tell(payload)
        except Exception:  # one bad message must not affect the others
            self._malformed += 1
            logger.exception("a message on the bus was skipped")

    async def _note_error(self, error: Exception) -> None:
        """Record what the client reports besides its exceptions: failed connects, dropped messages, denials."""
        if isinstance(error, nats.errors.SlowConsumerError):
            self._drops += 1
            if self._dropped is None:
                self._dropped = asyncio.get_running_loop().call_later(DROP_PAUSE_S, self._report_drops)
            return
        self._latest_error = _text_of(error)
        if "permissions violation" in self._latest_error.lower():
            self._latest_error = f"access denied: {self._latest_error}"
            self._interrupted(self._latest_error)
            if self._denied is None:  # nobody says when it is allowed, and what was denied is not asked for again
                self._denied = asyncio.get_running_loop().call_later(self._settings.denied_pause_s, self._renew)

    def _renew(self) -> None:
        self._is_renewed = True
        self._ended.set()

    def _report_drops(self) -> None:
        self._dropped = None
        self._listener.on_gap("messages arrived faster than they were handled, and some were dropped")

    def _interrupted(self, reason: str) -> None:
        if reason != self._failure:
            logger.warning("NATS does not work, retrying for ever: %s", reason)
        self._failure = reason


def _text_of(error: Exception) -> str:
    return str(error) or type(error).__name__
