"""Which device of which user hangs on which connection, and the fan-out to them (documented step 6)."""

import time
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import assert_never

from msgspec import Struct

from actors.fanout.slow_consumers import SlowConsumers
from actors.messages.close_codes import SLOW_CONSUMER
from actors.messages.connection import ConnectionInfo, ConsumerResumed, Deliver, Disconnect, MeasureWrite, SlowConsumer
from actors.messages.sync import SyncMessage, WatchlistUpdate
from actors.metrics import RegistryMetrics
from actors.runtime.supervisor import SupervisedActor
from actors.runtime.timers import tell_later
from actors.tracing import Stage, Trace

SAMPLE_EVERY = 8
"""One relay in so many is timed to its last write: 3 µs each, as much as a delivery."""

EVICTIONS_PER_TICK = 4
EVICTION_TICK_S = 0.005
"""Hundreds of devices may reach their bound with one message, and to close one costs as much as ten deliveries."""


class Register(Struct, frozen=True, eq=False):
    """From now on ``connection`` receives its user's messages."""

    connection: ConnectionInfo


class Unregister(Struct, frozen=True):
    """The connection is gone; unknown ids are ignored."""

    connection_id: str


class SendToUser(Struct, frozen=True):
    """Send ``messages`` to every connection of the user; answers the number of connections.

    Journaled messages (with revisions) come in consecutive revisions; never mixed with others.
    """

    user_id: str
    messages: tuple[SyncMessage, ...]
    traces: tuple[Trace, ...] = ()
    """Of their relays, if they are followed."""


class BroadcastToAll(Struct, frozen=True):
    """Send ``message`` to every connection of this node; answers their number."""

    message: SyncMessage


class GetUserConnections(Struct, frozen=True):
    """Answers the user's connections as a tuple of ``ConnectionInfo``."""

    user_id: str


class EvictNext(Struct, frozen=True):
    """Disconnect the next few devices for which too much waited."""


RegistryMessage = (
    Register
    | Unregister
    | SlowConsumer
    | ConsumerResumed
    | SendToUser
    | BroadcastToAll
    | GetUserConnections
    | EvictNext
)


class ConnectionRegistry(SupervisedActor):
    """Messages in: ``RegistryMessage``. Messages out: ``Deliver`` to each connection.

    A message is encoded and framed once, and the same bytes are told to every connection, or buffered for it while its
    device does not read. Now and then the last recipient is asked when it has written: the slowest way of a relay to a
    socket. Of a followed message all are asked.
    """

    def __init__(
        self,
        frame: Callable[[SyncMessage], bytes],
        metrics: RegistryMetrics,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        super().__init__()
        self._frame = frame
        self._metrics = metrics
        self._clock = clock
        self._relays = 0
        self._connections: dict[str, ConnectionInfo] = {}
        self._user_connections: dict[str, dict[str, ConnectionInfo]] = {}
        self._slow: dict[str, SlowConsumers] = {}
        self._over_bound: deque[ConnectionInfo] = deque()
        """Registered no more, and not told yet."""

    def on_receive(self, message: RegistryMessage) -> object:
        """Do what the message says; the answer is the method's."""
        match message:
            case SendToUser(user_id=user_id, messages=messages, traces=traces):
                return self.send_to_user(user_id, *messages, traces=traces)
            case Register(connection=connection):
                self.register(connection)
                return None
            case Unregister(connection_id=connection_id):
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
            case _:
                assert_never(message)

    def register(self, connection: ConnectionInfo) -> None:
        """Add ``connection``; registering it again changes nothing."""
        self._connections[connection.connection_id] = connection
        self._user_connections.setdefault(connection.user_id, {})[connection.connection_id] = connection
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
        self._count()
        return True

    def send_to_user(self, user_id: str, *messages: SyncMessage, traces: tuple[Trace, ...] = ()) -> int:
        """Tell ``messages`` to each connection of the user and return how many connections that were."""
        of_user = self._user_connections.get(user_id)
        if not of_user or not messages:
            return 0
        began_s = self._clock() if self._relays % SAMPLE_EVERY == 0 else None
        self._relays += 1
        recipients = self._deliver(user_id, self._delivery_of(messages))
        if began_s is not None and recipients:
            recipients[-1].tell(MeasureWrite(partial(self._note_written, began_s)))
        for trace in traces:
            for connection in recipients:
                connection.tell(MeasureWrite(partial(_passed, trace.child(), connection)))
            for connection in self._slow.get(user_id, ()):
                _passed(trace.child(), connection, is_written=False)
        return len(of_user)

    def broadcast_to_all(self, message: SyncMessage) -> int:
        """Tell ``message`` to every connection and return how many that were."""
        if self._connections:
            delivery = self._delivery_of((message,))
            for user_id in tuple(self._user_connections):
                self._deliver(user_id, delivery)
        return len(self._connections)

    def get_user_connections(self, user_id: str) -> tuple[ConnectionInfo, ...]:
        """Return the user's connections, oldest first."""
        return tuple(self._user_connections.get(user_id, {}).values())

    def _delivery_of(self, messages: tuple[SyncMessage, ...]) -> Deliver:
        first = messages[0]
        return Deliver(
            first_revision=first.revision if isinstance(first, WatchlistUpdate) else None,
            frames=tuple(map(self._frame, messages)),
        )

    def _deliver(self, user_id: str, delivery: Deliver) -> tuple[ConnectionInfo, ...]:
        """Tell ``delivery`` to those who read, and return them; buffer it for the others."""
        recipients = tuple(self._user_connections[user_id].values())
        slow = self._slow.get(user_id)
        if slow is not None:
            recipients = tuple(connection for connection in recipients if connection not in slow)
            slow.buffer(delivery)
            self._evict(slow.over_bound())
        for connection in recipients:
            connection.tell(delivery)
        self._metrics.messages_sent += len(recipients) * len(delivery.frames)
        return recipients

    # Devices that do not read

    def _add_slow(self, connection: ConnectionInfo, frames: int, size_bytes: int) -> None:
        if connection.connection_id in self._connections:
            self._slow.setdefault(connection.user_id, SlowConsumers()).add(connection, frames, size_bytes)

    def _remove_slow(self, connection: ConnectionInfo) -> list[Deliver]:
        slow = self._slow.get(connection.user_id)
        if slow is None:
            return []
        buffered = slow.remove(connection)
        if not slow:
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


def _passed(trace: Trace, connection: ConnectionInfo, is_written: bool) -> None:
    stage: Stage = "written" if is_written else "held"
    trace.passed(stage, device_id=connection.device_id, connection_id=connection.connection_id)
