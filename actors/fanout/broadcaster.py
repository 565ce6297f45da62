"""From a message of the channel to the user's sockets (documented steps 4 and 5)."""

import logging
from collections.abc import Callable
from typing import assert_never
from uuid import UUID

from msgspec import Struct, structs

from actors.fanout.connection_registry import SendToUser
from actors.messages.sync import (
    DeviceCommand,
    ProgressUpdate,
    PubNubDeviceHandoff,
    PubNubProgressUpdate,
    PubNubSyncMessage,
    PubNubWatchlistUpdate,
    SyncMessage,
    WatchlistUpdate,
)
from actors.metrics import BroadcastMetrics
from actors.runtime import LoopFuture
from actors.runtime.supervisor import SupervisedActor
from actors.tracing import Trace
from crdt.hlc import HLCTimestamp

logger = logging.getLogger(__name__)


class Relay(Struct, frozen=True):
    """Send these messages of the user's channel to the user's sockets, together and in order."""

    user_id: str
    messages: tuple[PubNubSyncMessage, ...]
    traces: tuple[Trace, ...] = ()
    """Of those of them that are followed, with their revisions."""


class WebSocketBroadcaster(SupervisedActor):
    """Messages in: ``Relay``. Messages out: ``SendToUser`` to the registry, whose answer ends the relay's timer."""

    def __init__(
        self,
        send_to_user: Callable[[SendToUser], LoopFuture[int]],
        metrics: BroadcastMetrics,
        now_s: Callable[[], float],
    ) -> None:
        super().__init__()
        self._send_to_user = send_to_user
        self._metrics = metrics
        self._now_s = now_s

    def on_receive(self, message: Relay) -> None:
        """Relay what the message holds."""
        self.relay_pubnub_message(message.user_id, *message.messages, traces=message.traces)

    def relay_pubnub_message(self, user_id: str, *messages: PubNubSyncMessage, traces: tuple[Trace, ...] = ()) -> None:
        """Convert ``messages`` and send what could be converted; the others are warned of and not counted.

        The latency recorded runs from here to the last ``tell``. The broadcaster does not wait for it: the next
        relay begins at once, so what piles up for a device still leaves in one write.
        """
        started_s = self._now_s()
        converted: list[SyncMessage] = []
        for message in messages:
            sync_message = self.convert_pubnub_message(message)
            if sync_message is None:
                self._metrics.messages_refused += 1
                logger.warning("%s not relayed: content_id is not a UUID", type(message).__name__)
            else:
                converted.append(sync_message)
        if not converted:
            return
        relays = tuple(trace.child() for trace in traces) if traces else ()
        if relays:
            converted = _with_traceparents(converted, relays)

        def record(sent: LoopFuture[int]) -> None:
            connections = sent.get()  # a failure of the registry is ours to raise
            self._metrics.record_relay(len(converted), self._now_s() - started_s)
            for relay in relays:
                relay.passed("relayed", devices=connections)

        self._send_to_user(SendToUser(user_id, tuple(converted), relays)).add_done_callback(record)

    def convert_pubnub_message(self, message: PubNubSyncMessage) -> SyncMessage | None:
        """Return the socket's form of a channel message; ``None`` if it has none (its content is not a UUID)."""
        try:
            content_id = UUID(message.content_id)
        except ValueError:
            return None
        match message:
            case PubNubWatchlistUpdate(timestamp=timestamp):
                return WatchlistUpdate(
                    content_id=content_id,
                    action=message.operation,
                    revision=message.revision,
                    unique_tag=message.unique_tag,
                    timestamp=timestamp if isinstance(timestamp, HLCTimestamp) else None,
                    device_id=message.device_id,
                )
            case PubNubProgressUpdate():
                return ProgressUpdate(content_id, message.position_seconds, message.duration_seconds)
            case PubNubDeviceHandoff():
                return DeviceCommand(f"handoff:{content_id}", message.target_device_id)
            case _:
                assert_never(message)


def _with_traceparents(messages: list[SyncMessage], relays: tuple[Trace, ...]) -> list[SyncMessage]:
    """Let the devices go on from the relay of each message that is followed."""
    by_revision = {relay.revision: relay.traceparent for relay in relays}
    return [
        structs.replace(message, traceparent=by_revision.get(message.revision))
        if isinstance(message, WatchlistUpdate)
        else message
        for message in messages
    ]
