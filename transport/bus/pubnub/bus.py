"""The bus engine ``pubnub``: PubNub, or what speaks its protocol, through the official SDK.

Importing this module imports the SDK, which takes a while: do it only when the engine is chosen.
"""

from actors.ports import OnGap, OnMessage
from transport.bus.channels import channel_of
from transport.bus.pubnub.client import PubNubSettings
from transport.bus.pubnub.publishing import PubNubPublishing
from transport.bus.pubnub.subscribing import PubNubSubscription

__all__ = ["PubNubBus", "PubNubSettings"]


class PubNubBus:
    """A node's end of PubNub. Built and used on the event loop."""

    def __init__(self, settings: PubNubSettings) -> None:
        self._publishing = PubNubPublishing(settings)
        self._subscription = PubNubSubscription(settings, self._publishing.send_canary)

    async def start(self, on_message: OnMessage, on_gap: OnGap) -> None:
        """Begin to receive and return at once; outages are retried inside, and each ends with ``on_gap``."""
        self._subscription.start(on_message, on_gap)

    async def publish(self, user_id: str, payload: bytes) -> None:
        """Hand the JSON ``payload`` to PubNub and return when it has accepted it.

        Raises:
            BusUnavailable: not now.
            MessageRefused: not ever.
        """
        await self._publishing.publish(channel_of(user_id), payload)

    def status(self) -> str | None:
        """Say why the bus does not work at the moment; ``None``: it works, as far as can be seen."""
        return self._subscription.failure or self._publishing.failure

    async def close(self) -> None:
        """Stop receiving and release every connection; idempotent."""
        await self._subscription.close()
        await self._publishing.close()

    @property
    def last_message_age_s(self) -> float:
        """Seconds since anything arrived, canaries included (since the start, before the first)."""
        return self._subscription.silent_s

    @property
    def reconnects(self) -> int:
        """Interruptions that ended."""
        return self._subscription.reconnects

    @property
    def rebuilds(self) -> int:
        """Times that the subscribing client was silent and was replaced."""
        return self._subscription.rebuilds

    @property
    def duplicates(self) -> int:
        """Messages dropped because they had arrived before."""
        return self._subscription.ingester.duplicates

    @property
    def malformed(self) -> int:
        """Things that arrived and were not messages."""
        return self._subscription.ingester.malformed
