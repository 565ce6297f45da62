"""What the broadcaster and the connection registry are told and asked."""

from msgspec import Struct

from actors.messages.channel import PubNubSyncMessage
from actors.messages.connection import ConnectionInfo, ConsumerResumed, SlowConsumer
from actors.messages.devices import DevicesConnected
from actors.messages.journal import AnyUpdate
from actors.messages.sync import DeviceCommand, SyncMessage
from actors.runtime.ask import Request
from actors.runtime.tell import Tell

# To the WebSocketBroadcaster.


class Relay(Struct, frozen=True):
    """Show the user's devices these consecutive updates, committed on this node, together and in order."""

    user_id: str
    updates: tuple[AnyUpdate, ...]


class RelayMissed(Struct, frozen=True):
    """Show the user's devices these consecutive updates, read back from the journal, together and in order."""

    user_id: str
    updates: tuple[bytes, ...]
    """As ``Changes.updates``."""


class RelayPubNubMessage(Struct, frozen=True):
    """Show the user's devices a message of the user's channel."""

    user_id: str
    message: PubNubSyncMessage


BroadcasterMessage = Relay | RelayMissed | RelayPubNubMessage


# To the ConnectionRegistry.


class RegisterConnection(Struct, frozen=True, eq=False):
    """From now on ``connection`` receives its user's messages."""

    connection: ConnectionInfo


class UnregisterConnection(Struct, frozen=True):
    """The connection is gone; unknown ids are ignored."""

    connection_id: str


class SendToUser(Struct, frozen=True):
    """Send ``messages`` to every connection of the user; a command to its device alone.

    Journaled messages (with revisions) come in consecutive revisions; never mixed with others.
    """

    user_id: str
    messages: tuple[SyncMessage, ...]
    began_s: float
    """When their relay began, on the clock that the broadcaster and the registry share."""


class ShownToDevice(Struct, frozen=True):
    """Where a command was shown."""

    connections: int
    """To how many of the device's connections to this node."""
    polls: bool = False
    """One of them is a poll, which ends with it: the device's next one may be to another node."""


class SendToDevice(Struct, frozen=True, eq=False):
    """Show ``command`` to the connections of the device that it names; ``reply_to`` is told which these are.

    Not to those that do not read: it would come when nobody expects it any more.
    """

    user_id: str
    command: DeviceCommand
    until_s: float
    """When it is too late for it, on the connections' clock."""
    reply_to: Tell[ShownToDevice]


class ListDevices(Struct, frozen=True, eq=False):
    """Ask which devices are connected."""

    reply_to: Tell[DevicesConnected]


class BroadcastToAll(Request[int], frozen=True):
    """Send ``message`` to every connection of this node; answered with their number."""

    message: SyncMessage


class GetUserConnections(Request[tuple[ConnectionInfo, ...]], frozen=True):
    """Answered with the user's connections, oldest first."""

    user_id: str


class ConnectedUsers(Struct, frozen=True):
    """Users with a connection."""

    first: tuple[tuple[str, int], ...]
    """Those connected longest, with the number of their connections."""
    count: int
    """How many there are in all."""


class GetUsers(Request[ConnectedUsers], frozen=True):
    """Answered with the users who have a connection here, up to ``limit`` of them by name."""

    limit: int


class EvictNext(Struct, frozen=True):
    """Disconnect the next few devices for which too much waited."""


RegistryMessage = (
    RegisterConnection | UnregisterConnection | SlowConsumer | ConsumerResumed | SendToUser
    | BroadcastToAll | GetUserConnections | GetUsers | EvictNext | SendToDevice | ListDevices
)  # fmt: skip
