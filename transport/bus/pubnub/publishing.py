"""The way to PubNub: one client, a bounded number of publishes at once, and what each failure means."""

import asyncio
from typing import Any

import msgspec
from pubnub.utils import write_value_as_string

from actors.errors import BusUnavailable, MessageRefused
from transport.bus.channels import MAX_CHANNEL_LENGTH
from transport.bus.pubnub.client import CANARY_CHANNEL, PubNubSettings, build_client, explain, http_status
from transport.bus.pubnub.groups import ChannelGroups

MAX_IN_FLIGHT = 50
"""Publishes at once; more are not faster."""
MAX_MESSAGE_BYTES = 32 * 1024
"""PubNub's limit for message and channel name, as they are encoded in the request."""
MAX_GET_BYTES = 2 * 1024
"""Larger payloads go as the body of a POST, because in a URL they may quadruple."""


class PubNubPublishing:
    """Publishes on the SDK's client. Thread: the event loop."""

    def __init__(self, settings: PubNubSettings) -> None:
        self._client = build_client(settings)
        self._groups = ChannelGroups(settings, self._client)
        self._timeout_s = settings.request_timeout_s
        self._slots = asyncio.Semaphore(MAX_IN_FLIGHT)
        self._is_closed = False
        self.failure: str | None = None
        """Why the latest publish failed; ``None``: it did not."""

    async def publish(self, channel: str, payload: bytes, *, is_stored: bool = True) -> None:
        """Publish the JSON ``payload``; ``is_stored``: in the history, if the keyset has one.

        Raises:
            BusUnavailable: not now; access denied is one of these, because a token may be granted later.
            MessageRefused: not ever.
        """
        if len(channel) > MAX_CHANNEL_LENGTH:
            raise MessageRefused(f"the channel name has {len(channel)} characters, PubNub accepts {MAX_CHANNEL_LENGTH}")
        try:
            message = msgspec.json.decode(payload)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise MessageRefused(f"not JSON: {error}") from None
        request = self._client.publish().channel(channel).message(message)
        if not is_stored:
            request.should_store(False)
        if len(payload) > MAX_GET_BYTES:
            size = len(write_value_as_string(message)) + len(channel)
            if size > MAX_MESSAGE_BYTES:
                raise MessageRefused(f"the message takes {size} bytes, PubNub accepts {MAX_MESSAGE_BYTES}")
            request.use_post(True)
        await self._send(channel, request)

    async def send_canary(self) -> None:
        """Publish a message that every node receives and nobody stores.

        Raises:
            BusUnavailable: not now.
            MessageRefused: not ever.
        """
        request = self._client.publish().channel(CANARY_CHANNEL).message({"type": "canary"}).should_store(False)
        await self._send(CANARY_CHANNEL, request)

    async def close(self) -> None:
        """Abandon what is under way and release the connections; idempotent."""
        self._is_closed = True
        await self._client.stop()

    async def _send(self, channel: str, request: Any) -> None:
        async with self._slots:
            if self._is_closed:
                raise BusUnavailable("closed")
            try:
                # The SDK's own timeout ends with the headers. Its future() would hide a timeout or a cancellation.
                async with asyncio.timeout(self._timeout_s):
                    await self._groups.admit(channel)
                    await request.result()
            except MessageRefused:
                raise
            except Exception as error:  # noqa: BLE001 - the SDK lets errors of aiohttp, json and its own code through
                raise self._failed(error) from None
            self.failure = None

    def _failed(self, error: Exception) -> BusUnavailable | MessageRefused:
        reason = explain(error)
        if http_status(error) in (413, 414) or (http_status(error) == 400 and "Invalid Key" not in reason):
            return MessageRefused(reason)
        self.failure = reason
        return BusUnavailable(reason)
