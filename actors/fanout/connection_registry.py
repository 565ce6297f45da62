"""Which connections each user's devices have to this node, and the fan-out to them (step 6 in docs/architecture.md)."""

import time
from collections import deque
from collections.abc import Callable, Mapping
from functools import partial
from itertools import chain, islice
from math import inf
from typing import assert_never

from actors.fanout.slow_consumers import SlowConsumers
from actors.messages.close_codes import SLOW_CONSUMER
from actors.messages.collections import WATCHLIST, kind_of, line_of
from actors.messages.connection import ConnectionInfo, ConsumerResumed, Deliver, Disconnect, MeasureWrite, SlowConsumer
from actors.messages.devices import DeviceCame, DeviceCameAgain, DeviceLeft, DevicesConnected
from actors.messages.fanout import (
    BroadcastToAll,
    ConnectedUsers,
    EvictNext,
    GetUserConnections,
    GetUsers,
    ListDevices,
    RegisterConnection,
    RegistryMessage,
    SendToDevice,
    SendToUser,
    ShownToDevice,
    UnregisterConnection,
)
from actors.messages.sync import Catalogue, CollectionUpdate, DeviceCommand, SyncMessage, WatchlistUpdate
from actors.messages.trace import Stage, Trace
from actors.metrics import BroadcastMetrics, RegistryMetrics
from actors.runtime.broadcast import tell_all
from actors.runtime.supervisor import SupervisedActor
from actors.runtime.tell import Tell, tell_later
from actors.tracing import Tracer

SAMPLE_EVERY = 8
"""One relay in this many is timed to its last write: timing it takes 3 µs, as much as a delivery."""

MAX_TRACED_DEVICES = 16
"""How many of a user's devices, the oldest first: a traced change costs no more log lines, whatever its fan-out."""

EVICTIONS_PER_TICK = 4
EVICTION_TICK_S = 0.005
"""Hundreds of devices may reach their bound with one message, and to close one costs as much as ten deliveries."""


class ConnectionRegistry(SupervisedActor):
    """Messages in: ``RegistryMessage``. Messages out: ``Deliver`` to each connection.

    A message is encoded and framed once, and the same bytes are told to every connection, or buffered for it while its
    device does not read. Now and then the last recipient is asked when it has written, which times a relay's slowest
    way to a socket. Of a traced message the first ``MAX_TRACED_DEVICES`` are asked.

    Args:
        frame: makes a finished WebSocket frame.
        metrics: counted into, as ``relays`` is.
        relays: what the broadcaster begins and the registry ends.
        tracer: of this node.
        clock: monotonic seconds, the broadcaster's too.
        presence: told of devices whose first connection has come, or another one, or whose last has gone.
    """

    def __init__(
        self,
        frame: Callable[[SyncMessage], bytes],
        metrics: RegistryMetrics,
        relays: BroadcastMetrics,
        tracer: Tracer,
        clock: Callable[[], float] = time.perf_counter,
        presence: Tell[DeviceCame | DeviceCameAgain | DeviceLeft] = lambda _: None,
    ) -> None:
        super().__init__()
        self._frame = frame
        self._metrics = metrics
        self._relays = relays
        self._tracer = tracer
        self._clock = clock
        self._presence = presence
        self._sends = 0
        self._connections: dict[str, ConnectionInfo] = {}
        self._user_connections: dict[str, dict[str, ConnectionInfo]] = {}
        self._slow: dict[str, dict[frozenset[str], SlowConsumers]] = {}
        """User -> what devices follow -> those of them that do not read."""
        self._over_bound: deque[ConnectionInfo] = deque()
        """Unregistered, and not yet told to close."""

    def on_receive(self, message: RegistryMessage) -> object:
        """Do what the message says, and return what an ``ask`` is answered with."""
        match message:
            case SendToUser():
                self._relay(message)
                return None
            case RegisterConnection(connection=connection):
                self.register(connection)
                return None
            case UnregisterConnection(connection_id=connection_id):
                return self.unregister(connection_id)
            case SlowConsumer(connection=connection, frames=frames, size_bytes=size_bytes):
                self._add_slow(connection, frames, size_bytes)
                return None
            case ConsumerResumed(connection=connection):
                self._resume(connection)
                return None
            case EvictNext():
                self._evict_next()
                return None
            case BroadcastToAll(message=to_all):
                return self.broadcast_to_all(to_all)
            case GetUserConnections(user_id=user_id):
                return self.get_user_connections(user_id)
            case GetUsers(limit=limit):
                return self.get_users(limit)
            case SendToDevice():
                self._send_to_device(message)
                return None
            case ListDevices(reply_to=reply_to):
                connections = self._connections.values()
                devices = dict.fromkeys((each.user_id, each.device_id) for each in connections)
                reply_to(DevicesConnected(tuple(devices)))
                return None
            case _:
                assert_never(message)

    def register(self, connection: ConnectionInfo) -> None:
        """Add ``connection``; registering it again changes nothing."""
        of_user = self._user_connections.setdefault(connection.user_id, {})
        if connection.connection_id in of_user:
            return
        came = DeviceCameAgain if _has_device(of_user, connection.device_id) else DeviceCame
        self._presence(came(connection.user_id, connection.device_id))
        self._connections[connection.connection_id] = of_user[connection.connection_id] = connection
        self._count()

    def unregister(self, connection_id: str) -> bool:
        """Remove a connection and say whether it was there."""
        connection = self._connections.pop(connection_id, None)
        if connection is None:
            return False
        self._remove_slow(connection)
        of_user = self._user_connections[connection.user_id]
        del of_user[connection_id]
        if not of_user:
            del self._user_connections[connection.user_id]
        if not _has_device(of_user, connection.device_id):
            self._presence(DeviceLeft(connection.user_id, connection.device_id, connection.polls))
        self._count()
        return True

    def send_to_user(self, user_id: str, *messages: SyncMessage) -> int:
        """Tell ``messages`` to each connection of the user and return how many connections that were."""
        of_user = self._user_connections.get(user_id)
        if not of_user or not messages:
            return 0
        began_s = self._clock() if self._sends % SAMPLE_EVERY == 0 else None
        recipients = self._deliver(user_id, self._delivery_of(messages))
        self._sends += bool(recipients)  # else what nobody follows could be all that is timed
        if began_s is not None and recipients:
            recipients[-1].tell(MeasureWrite(partial(self._note_written, began_s)))
        return len(of_user)

    def broadcast_to_all(self, message: SyncMessage) -> int:
        """Tell ``message`` to every connection and return how many there are."""
        if self._connections:
            delivery = self._delivery_of((message,))
            for user_id in tuple(self._user_connections):
                self._deliver(user_id, delivery)
        return len(self._connections)

    def get_user_connections(self, user_id: str) -> tuple[ConnectionInfo, ...]:
        """Return the user's connections, oldest first."""
        return tuple(self._user_connections.get(user_id, {}).values())

    def get_users(self, limit: int) -> ConnectedUsers:
        """Return who has a connection, longest connected first. Cost: O(limit)."""
        first = islice(self._user_connections.items(), limit)
        return ConnectedUsers(
            tuple((user_id, len(connections)) for user_id, connections in first), len(self._user_connections)
        )

    def _relay(self, relay: SendToUser) -> None:
        first = relay.messages[0]
        if isinstance(first, DeviceCommand) and first.target_device is not None:
            self._send_to_device(SendToDevice(relay.user_id, first, inf, lambda _: None))
        else:
            self.send_to_user(relay.user_id, *relay.messages)
        kind = kind_of(first.collection) if isinstance(first, CollectionUpdate) else None
        self._relays.record_relay(len(relay.messages), self._clock() - relay.began_s, kind)
        if self._tracer.is_tracing:
            for message in relay.messages:
                if isinstance(message, WatchlistUpdate):
                    self._trace(relay.user_id, message)

    def _delivery_of(self, messages: tuple[SyncMessage, ...]) -> Deliver:
        first = messages[0]
        return Deliver(
            first_revision=first.revision if isinstance(first, CollectionUpdate) else None,
            frames=tuple(map(self._frame, messages)),
            collection=first.collection if isinstance(first, CollectionUpdate | Catalogue) else WATCHLIST,
        )

    def _deliver(self, user_id: str, delivery: Deliver) -> tuple[ConnectionInfo, ...]:
        """Tell ``delivery`` to those who read, and return them; buffer it for the others."""
        recipients = tuple(self._user_connections[user_id].values())
        if delivery.is_for_followers:
            collection = delivery.collection
            recipients = tuple([connection for connection in recipients if collection in connection.collections])
        for collections, slow in tuple(self._slow.get(user_id, {}).items()):
            recipients = tuple(connection for connection in recipients if connection not in slow)
            if not delivery.is_for_followers or delivery.collection in collections:
                slow.buffer(delivery)
                self._evict(slow.over_bound())
        tell_all([connection.tell for connection in recipients], delivery)
        self._metrics.messages_sent += len(recipients) * len(delivery.frames)
        return recipients

    def _send_to_device(self, send: SendToDevice) -> None:
        slow = set(chain.from_iterable(self._slow.get(send.user_id, {}).values()))
        recipients = [
            connection
            for connection in self._user_connections.get(send.user_id, {}).values()
            if connection.device_id == send.command.target_device and connection not in slow
        ]
        if recipients:
            delivery = Deliver(None, (self._frame(send.command),), until_s=send.until_s)
            tell_all([connection.tell for connection in recipients], delivery)
            self._metrics.messages_sent += len(recipients)
        send.reply_to(ShownToDevice(len(recipients), any(connection.polls for connection in recipients)))

    # Devices that do not read

    def _add_slow(self, connection: ConnectionInfo, frames: int, size_bytes: int) -> None:
        if connection.connection_id in self._connections:
            of_user = self._slow.setdefault(connection.user_id, {})
            of_user.setdefault(connection.collections, SlowConsumers()).add(connection, frames, size_bytes)

    def _remove_slow(self, connection: ConnectionInfo) -> list[Deliver]:
        of_user = self._slow.get(connection.user_id, {})
        slow = of_user.get(connection.collections)
        if slow is None:
            return []
        buffered = slow.remove(connection)
        if not slow:
            del of_user[connection.collections]
            if not of_user:
                del self._slow[connection.user_id]
        return buffered

    def _resume(self, connection: ConnectionInfo) -> None:
        for delivery in self._remove_slow(connection):
            connection.tell(delivery)
            self._metrics.messages_sent += len(delivery.frames)

    def _evict(self, over_bound: list[ConnectionInfo]) -> None:
        for connection in over_bound:
            self.unregister(connection.connection_id)
            self._over_bound.append(connection)
        if over_bound and len(self._over_bound) == len(over_bound):
            self._evict_next()

    def _evict_next(self) -> None:
        for _ in range(min(EVICTIONS_PER_TICK, len(self._over_bound))):
            self._over_bound.popleft().tell(Disconnect(SLOW_CONSUMER))
        if self._over_bound:
            tell_later(EVICTION_TICK_S, self.actor_ref, EvictNext())

    # Figures

    def _note_written(self, began_s: float, is_written: bool) -> None:
        if is_written:
            self._metrics.write_latency.observe(self._clock() - began_s)

    def _count(self) -> None:
        self._metrics.total_connections = len(self._connections)
        self._metrics.active_users = len(self._user_connections)

    def _trace(self, user_id: str, update: WatchlistUpdate) -> None:
        relay = self._tracer.relay(line_of(user_id, update.collection), update.revision)
        if relay is None:
            return
        of_user = self._user_connections.get(user_id, {}).values()
        shown = [connection for connection in of_user if update.collection in connection.collections]
        self._tracer.passed(relay, "relayed", devices=len(shown))
        slow = set(chain.from_iterable(self._slow.get(user_id, {}).values()))
        for connection in shown[:MAX_TRACED_DEVICES]:
            span = self._tracer.child(relay)
            if connection in slow:
                self._passed(span, connection, is_written=False)
            else:
                connection.tell(MeasureWrite(partial(self._passed, span, connection)))

    def _passed(self, span: Trace, connection: ConnectionInfo, is_written: bool) -> None:
        stage: Stage = "written" if is_written else "held"
        details = {"device_id": connection.device_id, "connection_id": connection.connection_id}
        self._tracer.passed(span, stage, **details)


def _has_device(connections: Mapping[str, ConnectionInfo], device_id: str) -> bool:
    return any(connection.device_id == device_id for connection in connections.values())
