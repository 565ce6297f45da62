"""What the publisher, the subscriber, ``DeviceCommands`` and ``DeviceHints`` are told."""

from msgspec import Struct

from actors.messages.channel import HeadMoved, PubNubDeviceCommand, PubNubDevicesSeen, PubNubListsChanged
from actors.messages.commands import SendCommand
from actors.messages.devices import Devices, UserDevicesSeen
from actors.messages.failures import ReadFailed
from actors.messages.fanout import ShownToDevice
from actors.messages.journal import AnyUpdate
from actors.messages.journal_reads import HeadsLoaded
from actors.runtime.tell import Tell

# To the PubNubPublisher.


class Publish(Struct, frozen=True):
    """Send a committed update on the user's channel, or a hint in place of several."""

    user_id: str
    update: AnyUpdate | HeadMoved
    epoch: str | None = None
    """The epoch of the database that holds the update."""


class Flush(Struct, frozen=True, eq=False):
    """Tell ``reply_to`` once, when the outbox is empty."""

    reply_to: Tell[None]


class PublishEnded(Struct, frozen=True):
    """A publish ended; ``is_settled``: there is nothing left to try."""

    user_id: str
    is_settled: bool


class ResumePublishing(Struct, frozen=True):
    """The pause after a failure is over."""


PublisherMessage = Publish | Flush | PublishEnded | ResumePublishing


# To the PubNubSubscriber.


class BusPayload(Struct, frozen=True):
    """The bus delivered ``payload`` for a user who is active here."""

    user_id: str
    payload: bytes


class ForeignPayload(Struct, frozen=True):
    """The bus delivered ``payload``, which may be a foreign publisher's write, for any user."""

    user_id: str
    payload: bytes


class UsersSubscribed(Struct, frozen=True):
    """The bus delivers these users' messages from now on; what was published before may have been missed."""

    user_ids: tuple[str, ...]


class BusGap(Struct, frozen=True):
    """Messages may have been lost."""

    reason: str


class CompareHeads(Struct, frozen=True):
    """Ask the journal where every active user stands: a lost message that nothing follows shows no gap."""


class StartBus(Struct, frozen=True):
    """Try again to begin."""


SubscriberMessage = StartBus | BusPayload | ForeignPayload | UsersSubscribed | BusGap | CompareHeads | HeadsLoaded


# To the DeviceCommands.


class CommandDelivered(Struct, frozen=True, eq=False):
    """Those who are connected to this node were shown the command."""

    send: SendCommand
    shown: ShownToDevice


class DevicesRead(Struct, frozen=True, eq=False):
    """What the journal has answered about the devices of the user who sends a command."""

    send: SendCommand
    connections: int
    found: Devices | ReadFailed


class RemoteCommand(Struct, frozen=True, eq=False):
    """A command has come by the channel."""

    user_id: str
    message: PubNubDeviceCommand


DeviceCommandsMessage = SendCommand | CommandDelivered | DevicesRead | RemoteCommand


# To the DeviceHints.


class ShowSeen(Struct, frozen=True):
    """Tell those who follow these users' devices, on all nodes."""

    users: tuple[UserDevicesSeen, ...]


class ShowLists(Struct, frozen=True):
    """Tell those who follow which lists the user has, on all nodes: one was made, named or deleted."""

    user_id: str


class RemoteSeen(Struct, frozen=True, eq=False):
    """Another node's hint has come by the channel."""

    user_id: str
    message: PubNubDevicesSeen


class RemoteLists(Struct, frozen=True, eq=False):
    """The same, of a list that was changed on another node."""

    user_id: str
    message: PubNubListsChanged


DeviceHintsMessage = ShowSeen | RemoteSeen | ShowLists | RemoteLists
