"""Channel groups, for keysets without wildcard subscribe: a user's channel is added before its first use."""

from typing import Any
from zlib import crc32

from actors.errors import MessageRefused
from transport.bus.channels import CONTROL_CHANNEL
from transport.bus.pubnub.client import CANARY_CHANNEL, PubNubSettings

MAX_CHANNELS = 2_000
"""Per group."""


class ChannelGroups:
    """Keeps the channels of the groups ``syncd-0``, ``syncd-1`` …; without groups it does nothing.

    Groups are PubNub's, not a node's: what one node adds, every node receives. A channel is added when a node first
    publishes on it; until then messages of a foreign publisher there are not received. Thread: the event loop.
    """

    def __init__(self, settings: PubNubSettings, client: Any) -> None:
        self._client = client
        self._names = group_names(settings)
        self._known: dict[str, set[str]] = {}
        """Group -> its channels, once read."""

    async def prepare(self) -> None:
        """Give every group the canary channel: PubNub refuses to subscribe to an empty group. One has the nodes' too.

        Raises:
            Exception: whatever the SDK raises.
        """
        for group in self._names:
            await self._add(group, CANARY_CHANNEL)
        for group in self._names[:1]:
            await self._add(group, CONTROL_CHANNEL)

    async def admit(self, channel: str) -> None:
        """Make sure that ``channel`` is subscribed to.

        Raises:
            MessageRefused: its group is full.
            Exception: whatever the SDK raises.
        """
        if not self._names or channel in (CANARY_CHANNEL, CONTROL_CHANNEL):
            return
        group = self._names[crc32(channel.encode()) % len(self._names)]
        if group not in self._known:
            listed = await self._client.list_channels_in_channel_group().channel_group(group).result()
            self._known[group] = set(listed.channels)
        known = self._known[group]
        if channel in known:
            return
        if len(known) >= MAX_CHANNELS:
            raise MessageRefused(f"the channel group {group} is full: {MAX_CHANNELS} channels")
        await self._add(group, channel)
        known.add(channel)

    async def _add(self, group: str, channel: str) -> None:
        await self._client.add_channel_to_channel_group().channel_group(group).channels([channel]).result()


def group_names(settings: PubNubSettings) -> tuple[str, ...]:
    """Return the groups to subscribe to; empty: subscribe to ``user.*``."""
    return tuple(f"syncd-{number}" for number in range(settings.channel_groups))
