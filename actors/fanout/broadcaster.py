"""From an update, or a message of the channel, to the user's sockets (step 5 in docs/architecture.md)."""

import logging
from collections.abc import Callable, Sequence
from typing import Final, assert_never

import msgspec
from msgspec import structs

from actors.messages import device_registers
from actors.messages.channel import (
    PubNubDeviceHandoff,
    PubNubDeviceUpdate,
    PubNubListUpdate,
    PubNubProgressUpdate,
    PubNubSyncMessage,
    PubNubWatchlistUpdate,
)
from actors.messages.collections import line_of
from actors.messages.commands import HANDOFF
from actors.messages.content_ids import ContentIds
from actors.messages.conversion import channel_change, device_update, shown
from actors.messages.fanout import BroadcasterMessage, Relay, RelayMissed, RelayPubNubMessage, SendToUser
from actors.messages.journal import AnyUpdate
from actors.messages.sync import DeviceCommand, ListUpdate, ProgressUpdate, SyncMessage, WatchlistUpdate
from actors.metrics import BroadcastMetrics
from actors.runtime.supervisor import SupervisedActor
from actors.runtime.tell import Tell
from actors.tracing import Tracer
from crdt.hlc import HLCTimestamp

_decode: Final = msgspec.json.Decoder(WatchlistUpdate | ListUpdate).decode

logger = logging.getLogger(__name__)


class WebSocketBroadcaster(SupervisedActor):
    """Messages in: ``BroadcasterMessage``. Messages out: ``SendToUser``; the registry ends the relay's timer.

    Args:
        send_to_user: tells the registry.
        metrics: counted into.
        now_s: a monotonic clock, the registry's too.
        tracer: of this node.
        content_ids: which ids are accepted.
    """

    def __init__(
        self,
        send_to_user: Tell[SendToUser],
        metrics: BroadcastMetrics,
        now_s: Callable[[], float],
        tracer: Tracer,
        content_ids: ContentIds,
    ) -> None:
        super().__init__()
        self._send_to_user = send_to_user
        self._metrics = metrics
        self._now_s = now_s
        self._tracer = tracer
        self._content_ids = content_ids

    def on_receive(self, message: BroadcasterMessage) -> None:
        """Relay what the message holds."""
        match message:
            case Relay(user_id=user_id, updates=updates):
                self.relay_updates(user_id, updates)
            case RelayMissed(user_id=user_id, updates=missed):
                self.relay_missed(user_id, missed)
            case RelayPubNubMessage(user_id=user_id, message=of_channel):
                self.relay_pubnub_message(user_id, of_channel)
            case _:
                assert_never(message)

    def relay_updates(self, user_id: str, updates: tuple[AnyUpdate, ...]) -> None:
        """Send updates that were committed on this node to the user's devices, together."""
        began_s = self._now_s()
        self._send(user_id, [device_update(update) for update in updates], began_s)

    def relay_missed(self, user_id: str, updates: tuple[bytes, ...]) -> None:
        """Send updates that were read back from the journal to the user's devices, together."""
        began_s = self._now_s()
        self._send(user_id, [_decode(update) for update in updates], began_s)

    def relay_pubnub_message(self, user_id: str, message: PubNubSyncMessage) -> None:
        """Convert ``message`` and send it; one that cannot be converted is logged, and counted as refused.

        The broadcaster does not wait for the registry: the next relay begins at once, so what piles up for a device
        still leaves in one write.
        """
        began_s = self._now_s()
        sync_message = self.convert_pubnub_message(message)
        if sync_message is None:
            self._metrics.messages_refused += 1
            logger.warning("%s not relayed: %s", type(message).__name__, self._content_ids.rule)
            return
        self._send(user_id, [sync_message], began_s)

    def convert_pubnub_message(self, message: PubNubSyncMessage) -> SyncMessage | None:
        """Return the socket's form of a channel message; ``None`` if it has none: its content id is not valid."""
        match message:
            case PubNubWatchlistUpdate():
                change = channel_change(message, self._content_ids)
                if change is None:
                    return None
                list_id = message.list if isinstance(message, PubNubListUpdate) else None
                timestamp, device_id = message.timestamp, message.device_id
                return shown(change, message.revision, message.unique_tag, timestamp, device_id, list_id)
            case PubNubProgressUpdate():
                content_id = self._content_id(message.content_id)
                if content_id is None:
                    return None
                is_of_node = message.revision is not None
                return ProgressUpdate(
                    content_id=content_id,
                    position=message.position_seconds,
                    duration=message.duration_seconds,
                    action=message.operation,
                    state=message.state,
                    watched=message.watched,
                    revision=message.revision,
                    timestamp=message.timestamp if is_of_node and isinstance(message.timestamp, HLCTimestamp) else None,
                    device_id=message.device_id if is_of_node else None,
                )
            case PubNubDeviceUpdate():
                return device_registers.shown(message)
            case PubNubDeviceHandoff():
                content_id = self._content_id(message.content_id)
                if content_id is None:
                    return None
                return DeviceCommand(
                    f"{HANDOFF}{content_id}", message.target_device_id, position_seconds=message.position_seconds
                )
            case _:
                assert_never(message)

    def _send(self, user_id: str, messages: Sequence[SyncMessage], began_s: float) -> None:
        if self._tracer.is_tracing:
            messages = [self._with_traceparent(user_id, message) for message in messages]
        self._send_to_user(SendToUser(user_id, tuple(messages), began_s))

    def _with_traceparent(self, user_id: str, message: SyncMessage) -> SyncMessage:
        """Let the devices continue the trace of a message from its relay."""
        if not isinstance(message, WatchlistUpdate):
            return message
        relay = self._tracer.begin_relay(line_of(user_id, message.collection), message.revision)
        return message if relay is None else structs.replace(message, traceparent=relay.traceparent)

    def _content_id(self, text: str) -> str | None:
        try:
            return self._content_ids.canonical(text)
        except ValueError:
            return None
