"""Which device of which user hangs on which connection, and the fan-out to them (documented step 6)."""

import logging
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import assert_never

from msgspec import Struct
from pykka import ActorDeadError

from actors.connection_messages import ConnectionInfo, Deliver, Flush
from actors.metrics import RegistryMetrics
from actors.supervisor import SupervisedActor
from actors.sync_messages import SyncMessage, WatchlistUpdate
from actors.tracing import Stage, Trace

logger = logging.getLogger(__name__)


TIMED_EVERY = 8
"""One relay in so many is timed to its last write: 3 µs each, as much as a delivery."""


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


RegistryMessage = Register | Unregister | SendToUser | BroadcastToAll | GetUserConnections


class ConnectionRegistry(SupervisedActor):
    """Messages in: ``RegistryMessage``. Messages out: ``Deliver`` to each connection.

    A message is encoded and framed once, and the same bytes are told to every connection. Now and then the last of
    them is asked when it has written: the slowest way of a relay to a socket. Of a followed message all are asked.
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
        return self._send(tuple(of_user.values()), messages, traces)

    def broadcast_to_all(self, message: SyncMessage) -> int:
        """Tell ``message`` to every connection and return how many that were."""
        return self._send(tuple(self._connections.values()), (message,)) if self._connections else 0

    def get_user_connections(self, user_id: str) -> tuple[ConnectionInfo, ...]:
        """Return the user's connections, oldest first."""
        return tuple(self._user_connections.get(user_id, {}).values())

    def _send(
        self,
        connections: tuple[ConnectionInfo, ...],
        messages: tuple[SyncMessage, ...],
        traces: tuple[Trace, ...] = (),
    ) -> int:
        began_s = self._clock() if self._relays % TIMED_EVERY == 0 else None
        self._relays += 1
        first = messages[0]
        deliver = Deliver(
            first_revision=first.revision if isinstance(first, WatchlistUpdate) else None,
            frames=tuple(map(self._frame, messages)),
        )
        sent = 0
        for connection in connections:
            try:
                connection.tell(deliver)
                sent += 1
            except ActorDeadError:  # it stopped a moment ago; its Leave is on the way
                logger.debug("connection %s is gone already", connection.connection_id)
        if began_s is not None:
            with suppress(ActorDeadError):
                connections[-1].tell(Flush(partial(self._note_written, began_s)))
        for trace in traces:
            for connection in connections:
                with suppress(ActorDeadError):
                    connection.tell(Flush(partial(_passed, trace.child(), connection)))
        self._metrics.messages_sent += sent * len(messages)
        return sent

    def _note_written(self, began_s: float, is_written: bool) -> None:
        if is_written:
            self._metrics.write_latency.observe(self._clock() - began_s)

    def _count(self) -> None:
        self._metrics.total_connections = len(self._connections)
        self._metrics.active_users = len(self._user_connections)


def _passed(trace: Trace, connection: ConnectionInfo, is_written: bool) -> None:
    stage: Stage = "written" if is_written else "held"
    trace.passed(stage, device_id=connection.device_id, connection_id=connection.connection_id)
