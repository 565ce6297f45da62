"""The messages of both sides, as JSON. Shapes: docs/protocol.md; what a client does not need is left out.

Those about registers are in ``register_messages``.
"""

from typing import Any, Final, Literal

import msgspec
from msgspec import Struct

from syncd_client.data.collection_names import DEVICES, PROGRESS, collection_of_list
from syncd_client.data.hlc import NEVER, Timestamp
from syncd_client.data.register_messages import (
    DevicesSnapshot,
    DevicesSnapshotPiece,
    DeviceUpdate,
    DeviceWrite,
    ProgressSnapshot,
    ProgressSnapshotPiece,
    ProgressUpdate,
    ProgressWrite,
)
from syncd_client.data.snapshots import Snapshot, SnapshotPiece

Action = Literal["add", "remove"]


class WatchlistUpdate(Struct, frozen=True, tag="watchlist_update", tag_field="type"):
    """After ``revision`` the content is in the list, or is not."""

    content_id: str
    action: Action
    revision: int | None = None
    timestamp: Timestamp = NEVER
    device_id: str | None = None
    data: dict[str, Any] | None = None
    position: str | None = None


class ListUpdate(WatchlistUpdate, frozen=True, tag="list_update", tag_field="type", kw_only=True):
    """The same of another list."""

    list: str


class Resumed(Struct, frozen=True, tag="resumed", tag_field="type"):
    """What follows: the missed updates up to ``revision``, or a snapshot when not ``recovered``."""

    recovered: bool
    revision: int
    epoch: str
    reason: str | None = None
    list: str | None = None
    """Which list; ``None``: the watchlist, unless it is a ``collection``."""
    collection: str | None = None
    """``progress``, ``devices`` or ``lists``."""


class SnapshotItem(Struct, frozen=True):
    """One content of a snapshot."""

    content_id: str
    timestamp: Timestamp = NEVER
    device_id: str | None = None
    data: dict[str, Any] | None = None
    position: str | None = None


class WatchlistSnapshot(Snapshot, frozen=True, tag="watchlist_snapshot", tag_field="type"):
    """The whole list, newest first."""

    items: tuple[SnapshotItem, ...]


class ListSnapshot(WatchlistSnapshot, frozen=True, tag="list_snapshot", tag_field="type", kw_only=True):
    """The same of another list."""

    list: str


class WatchlistSnapshotPiece(SnapshotPiece, frozen=True, tag="watchlist_snapshot_piece", tag_field="type"):
    """A part of the watchlist's snapshot."""

    items: tuple[SnapshotItem, ...]


class ListSnapshotPiece(WatchlistSnapshotPiece, frozen=True, tag="list_snapshot_piece", tag_field="type", kw_only=True):
    """The same of another list."""

    list: str


class Ack(Struct, frozen=True, tag="ack", tag_field="type"):
    """A write was decided; without ``revision`` nothing had to change."""

    status: str
    id: str | int | None = None
    revision: int | None = None
    timestamp: Timestamp = NEVER


class Error(Struct, frozen=True, tag="error", tag_field="type"):
    """A message had no effect."""

    code: str
    message: str = ""
    id: str | int | None = None
    field: str | None = None
    retry_after_ms: int | None = None


class Goodbye(Struct, frozen=True, tag="goodbye", tag_field="type"):
    """The service is about to close; connect again after ``reconnect_in_ms``."""

    reconnect_in_ms: int


class DeviceCommand(Struct, frozen=True, tag="device_command", tag_field="type"):
    """A command to a device."""

    command: str
    target_device: str | None = None
    payload: Any = None
    from_device_id: str | None = None
    position_seconds: int | float | None = None


class Pong(Struct, frozen=True, tag="pong", tag_field="type"):
    """The answer to ``Ping``."""


class Authenticated(Struct, frozen=True, tag="authenticated", tag_field="type"):
    """The renewed token was accepted."""


class ListName(Struct, frozen=True):
    """One of the user's lists beside the watchlist."""

    list: str
    name: str
    """For people."""


class Lists(Struct, frozen=True, tag="lists", tag_field="type"):
    """All of the user's lists beside the watchlist, as there are now."""

    lists: tuple[ListName, ...]


OfCollection = (
    WatchlistUpdate | ListUpdate | ProgressUpdate | DeviceUpdate | Resumed
    | WatchlistSnapshot | ListSnapshot | ProgressSnapshot | DevicesSnapshot
    | WatchlistSnapshotPiece | ListSnapshotPiece | ProgressSnapshotPiece | DevicesSnapshotPiece
)  # fmt: skip
ServerMessage = OfCollection | Lists | Ack | Error | Goodbye | DeviceCommand | Pong | Authenticated


class Write(Struct, frozen=True, kw_only=True, tag="watchlist_update", tag_field="type", omit_defaults=True):
    """Add or remove one content; answered by ``ack`` or ``error`` with the same ``id``."""

    id: str
    operation: Action
    content_id: str
    operation_id: str
    tag: str | None = None
    observed: int
    timestamp: Timestamp | None = None
    data: dict[str, Any] | None = None
    position: str | None = None


class ListWrite(Write, frozen=True, kw_only=True, tag="list_update", tag_field="type", omit_defaults=True):
    """The same in another list."""

    list: str


class Authenticate(Struct, frozen=True, tag="authenticate", tag_field="type"):
    """A new token for the open connection."""

    token: str


class Ping(Struct, frozen=True, tag="ping", tag_field="type"):
    """Answered by ``pong``: shows whether the connection still lives."""


AnyWrite = Write | ListWrite | ProgressWrite | DeviceWrite
ClientMessage = AnyWrite | Authenticate | Ping

_decoder: Final[msgspec.json.Decoder[ServerMessage]] = msgspec.json.Decoder(ServerMessage)
_encoder: Final = msgspec.json.Encoder()


def collection_of(message: OfCollection) -> str:
    """Return the name of the collection that ``message`` is about."""
    match message:
        case Resumed(collection=str(collection)):
            return collection
        case ListUpdate() | ListSnapshot() | ListSnapshotPiece() | Resumed():
            return collection_of_list(message.list)
        case ProgressUpdate() | ProgressSnapshot() | ProgressSnapshotPiece():
            return PROGRESS
        case DeviceUpdate() | DevicesSnapshot() | DevicesSnapshotPiece():
            return DEVICES
        case WatchlistUpdate() | WatchlistSnapshot() | WatchlistSnapshotPiece():
            return collection_of_list(None)


def decode(text: str | bytes) -> ServerMessage | None:
    """Return a message of the service; ``None`` if it is of no type we know, or no message at all."""
    try:
        return _decoder.decode(text)
    except msgspec.DecodeError:
        return None


def encode(message: ClientMessage) -> str:
    """Return the text to send."""
    return _encoder.encode(message).decode()
