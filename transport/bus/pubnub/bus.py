"""The bus engine ``pubnub``: PubNub, or what speaks its protocol, through the official SDK.

Importing this module imports the SDK, which takes a while: do it only when the engine is chosen.
"""

from actors.ports import BusFigures, BusListener
from transport.bus.channels import CONTROL_CHANNEL, channel_of
from transport.bus.pubnub.client import PubNubSettings
from transport.bus.pubnub.publishing import PubNubPublishing
from transport.bus.pubnub.subscribing import PubNubSubscription

__all__ = ["PubNubBus", "PubNubSettings"]


class PubNubBus:
    """A node's end of PubNub. Built and used on the event loop."""

    def __init__(self, settings: PubNubSettings) -> None:
        self._publishing = PubNubPublishing(settings)
        self._subscription = PubNubSubscription(settings, self._publishing.send_canary)

    async def start(self, listener: BusListener) -> None:
        """Begin to receive and return at once; outages are retried inside, and each ends with ``on_gap``."""
        self._subscription.start(listener)

    def subscribe(self, user_id: str) -> None:
        """Pass on a user's messages at once: PubNub sends those of all users."""
        self._subscription.ingester.users.add(user_id)

    def unsubscribe(self, user_id: str) -> None:
        """Drop a user's messages from now on."""
        self._subscription.ingester.users.discard(user_id)

    async def publish(self, user_id: str, payload: bytes) -> None:
        """Hand the JSON ``payload`` to PubNub and return when it has accepted it.

        Raises:
            BusUnavailable: not now.
            MessageRefused: not ever.
        """
        await self._publishing.publish(channel_of(user_id), payload)

    async def publish_to_devices(self, user_id: str, payload: bytes) -> None:
        """Hand the JSON ``payload`` to PubNub; it is not stored. Raises: as ``publish``."""
        await self._publishing.publish(channel_of(user_id, "devices"), payload, is_stored=False)

    async def publish_control(self, payload: bytes) -> None:
        """Hand the JSON ``payload`` to PubNub for every node; it is not stored. Raises: as ``publish``."""
        await self._publishing.publish(CONTROL_CHANNEL, payload, is_stored=False)

    def status(self) -> str | None:
        """Say why the bus does not work at the moment; ``None``: it works, as far as can be seen."""
        return self._subscription.failure or self._publishing.failure

    def figures(self) -> BusFigures:
        """Return what was counted so far."""
        subscription = self._subscription
        ingester = subscription.ingester
        return BusFigures(
            subscribed=len(ingester.users),
            last_message_age_s=subscription.silent_s,
            reconnects=subscription.reconnects,
            rebuilds=subscription.rebuilds,
            dropped=subscription.dropped,
            malformed=ingester.malformed,
            doubles=ingester.doubles,
            echoes=ingester.echoes,
            elsewhere=ingester.elsewhere,
        )

    async def close(self) -> None:
        """Stop receiving and release every connection; idempotent."""
        await self._subscription.close()
        await self._publishing.close()
