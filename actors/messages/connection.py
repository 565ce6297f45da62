"""What a ``SyncWebSocket`` is told, and what it tells the user's ``WatchlistSync``.

A connection joins its user's watchlist, is shown every revision once and in order, and leaves. All revisions here
are the user's; all frames are finished WebSocket frames, built once and shared by every connection of the user.
"""

from typing import Final

from msgspec import Struct

from actors.messages.close_codes import Close
from actors.messages.collections import DEVICES, LISTS, WATCHLIST
from actors.messages.device import Ack, DeviceAck, DeviceMessage, Error, answer_to
from actors.messages.journal import DeviceWrite, Outcome
from actors.messages.journal_reads import Bookmark
from actors.runtime.tell import Tell

MAX_WAITING_FRAMES: Final = 256
MAX_WAITING_BYTES: Final = 256 * 1024
"""What may wait for a device. Beyond it the frames are dropped during its replay; the device, if it does not read."""
MAX_PART_BYTES: Final = 96 * 1024
"""What may be kept of a slice of its replay, or of a part of the list, until the device takes it."""


class ConnectionInfo(Struct, frozen=True, eq=False):
    """One connection as others know it: what the registry keeps. Equal to itself only, hashable."""

    connection_id: str
    user_id: str
    device_id: str
    tell: Tell["ConnectionMessage"]
    """Never raises: a message to a connection that has gone is dropped."""
    connected_at: int = 0
    """Seconds since 1970."""
    takes_pieces: bool = False
    """The device wants lists in pieces, a message each."""
    collections: frozenset[str] = frozenset((WATCHLIST,))
    """Those that the device follows."""
    polls: bool = False
    """It is a poll, which ends with the first that it says; the device asks again."""


class Following(Struct, frozen=True):
    """A collection that a device wants to be shown."""

    collection: str = WATCHLIST
    since: int | None = None
    """The last revision that it has seen; ``None``: it wants what comes from now on."""
    epoch: str | None = None
    """The epoch of that revision; ``None``: the device does not say."""
    after: Bookmark | None = None
    """If it is shown the list: the device has the pieces up to here."""


# From a SyncWebSocket to its user's WatchlistSync.


class Join(Struct, frozen=True, eq=False):
    """Register ``connection`` and tell it where it stands; may come again for the same connection.

    ``since`` is ``None``: answered by ``Joined``, and the connection is live from the revision after it.
    Otherwise: answered by ``Replayed`` with what the device missed after ``since``, or with a slice of it; or by
    ``Listed`` with the first part of the list, if that cannot be told, or the list is shorter and the device takes it
    in pieces. The connection must be registered *before* the journal is read, so that nothing falls between; what is
    delivered meanwhile waits in the connection. A connection that finds a gap, or has taken a slice that was not the
    last, sends its ``Join`` again with ``since`` its own revision.

    ``epoch``: the one the device knows from an earlier ``resumed``; ``None`` accepts any. ``after``: if it is the list,
    the device has its parts up to there from an earlier connection.
    """

    connection: ConnectionInfo
    since: int | None = None
    epoch: str | None = None
    after: Bookmark | None = None
    collection: str = WATCHLIST


class ReadOn(Struct, frozen=True, eq=False):
    """The device has taken a part of the list that was not the last: answered by ``Listed`` with the next."""

    connection: ConnectionInfo
    after: Bookmark
    collection: str = WATCHLIST


class Leave(Struct, frozen=True, eq=False):
    """Unregister ``connection``; told exactly once per connection, also when its actor fails."""

    connection: ConnectionInfo


class SlowConsumer(Struct, frozen=True, eq=False):
    """The device does not read, and ``frames`` of ``size_bytes`` wait: buffer what comes, until ``ConsumerResumed``."""

    connection: ConnectionInfo
    frames: int
    size_bytes: int


class ConsumerResumed(Struct, frozen=True, eq=False):
    """The device reads again: deliver what was buffered, and go on."""

    connection: ConnectionInfo


WatchlistRequest = Join | ReadOn | Leave | SlowConsumer | ConsumerResumed | DeviceWrite


# To a SyncWebSocket, from the other actors.


class Deliver(Struct, frozen=True, eq=False):
    """Show the device these frames: revisions ``first_revision``, ``first_revision + 1``, … one a frame.

    No frames: it should have been shown everything before ``first_revision``.
    ``first_revision`` is ``None``: not of the journal (a foreign ``progress_update``, ``device_command``, a hint at who
    is online, or at which lists there are), shown as it comes.
    """

    first_revision: int | None
    frames: tuple[bytes, ...]
    collection: str = WATCHLIST
    until_s: float | None = None
    """When it is too late to show it, on the connection's clock; only of what is not of the journal."""

    @property
    def is_for_followers(self) -> bool:
        """Whether only those who follow its collection are shown it."""
        return self.first_revision is not None or self.collection in (DEVICES, LISTS)


class MeasureWrite(Struct, frozen=True, eq=False):
    """Write what was delivered so far now, not at the turn's end, and tell ``measured`` whether that was possible.

    It is not while the device is being brought up to date or reads too slowly: then it gets the rest later.
    """

    measured: Tell[bool]


class Joined(Struct, frozen=True, eq=False):
    """The answer to a ``Join`` without ``since``: live from ``revision + 1``."""

    revision: int
    collection: str = WATCHLIST


class Replayed(Struct, frozen=True, eq=False, kw_only=True):
    """The answer to a ``Join`` with ``since``: the device is at ``revision`` once ``frames`` are written.

    They are revisions ``since + 1`` … ``revision``, one each (none: it missed nothing), or those of ``revisions``.
    """

    revision: int
    head: int
    """Where the journal stood: beyond ``revision`` there is more to ask for."""
    epoch: str
    frames: tuple[bytes, ...]
    collection: str = WATCHLIST
    revisions: tuple[int, ...] | None = None
    """The revisions of the frames, as in ``Changes``; ``None``: they are consecutive, and end with ``revision``."""


class ListPart(Struct, frozen=True, eq=False, kw_only=True, weakref=True):
    """A part of the list as it was at ``revision``: one object for all devices that are being sent it."""

    revision: int
    epoch: str
    frames: tuple[bytes, ...]
    """The fragments of a message, or of a part of one: no other message may come between."""
    ends_message: bool
    after: Bookmark | None
    """Where the next part begins; ``None``: that was all."""


class Listed(Struct, frozen=True, eq=False):
    """The device is shown the list instead of changes, and this is its next part."""

    part: ListPart
    head: int
    """Where the user's revisions stand: what came after the list's is to be asked for behind its last part."""
    reason: str | None = None
    """Why; ``None``: the device knows."""
    collection: str = WATCHLIST


class Disconnect(Struct, frozen=True, eq=False):
    """Close the connection, saying why."""

    close: Close


# To a SyncWebSocket, from its socket.


class Received(Struct, frozen=True, eq=False):
    """What the device sent in one TCP read, decoded, in order: one mailbox turn per read bounds the mailbox."""

    messages: tuple[DeviceMessage, ...]


class BinaryReceived(Struct, frozen=True, eq=False):
    """The device sent a binary message; there are none in this protocol."""


class SignOfLife(Struct, frozen=True, eq=False):
    """The device answered a ping, or sent one."""


class TokenRenewed(Struct, frozen=True, eq=False, kw_only=True):
    """The device's ``authenticate`` carried a valid token."""

    user_id: str
    device_id: str
    expires_at: int
    """Seconds since 1970, as the token says; for the device."""
    ends_at_s: float
    """The same instant on the connections' monotonic clock."""
    message_id: str | int | None = None


class SocketWritable(Struct, frozen=True, eq=False):
    """The device has caught up: the socket is no longer congested."""


class SocketLost(Struct, frozen=True, eq=False):
    """The TCP connection has ended, whoever ended it."""


class Shutdown(Struct, frozen=True, eq=False):
    """The daemon stops: say goodbye, ask the device to come back after ``reconnect_in_ms``, close."""

    reconnect_in_ms: int


# To a SyncWebSocket, from itself.


class WriteAnswered(Struct, frozen=True, eq=False):
    """The outcome of the device's write ``message_id``."""

    message_id: str | int | None
    outcome: Outcome
    collection: str = WATCHLIST

    @property
    def answer(self) -> Ack | Error:
        """What the device is told."""
        return answer_to(self.message_id, self.outcome, self.collection)


class DeviceAnswered(Struct, frozen=True, eq=False):
    """What the device is told about its command, or about what it said of itself."""

    answer: DeviceAck | Error


class TimerDue(Struct, frozen=True, eq=False):
    """Time to look at heartbeat and token."""


ConnectionMessage = (
    Deliver | MeasureWrite | Joined | Replayed | Listed | Disconnect | Received | BinaryReceived | SignOfLife
    | TokenRenewed | SocketWritable | SocketLost | Shutdown | WriteAnswered | DeviceAnswered | TimerDue
)  # fmt: skip
