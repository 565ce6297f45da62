"""What the service sends, and JSON both ways. Shapes: docs/protocol.md; what a client does not need is left out."""

from typing import Any, Final, Literal

import msgspec
from msgspec import Struct

from syncd_client.hlc import NEVER, Timestamp

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
    """What follows is the missed updates up to ``revision``, or a snapshot when not ``recovered``."""

    recovered: bool
    revision: int
    epoch: str
    reason: str | None = None
    list: str | None = None
    """Of which one; ``None``: of the watchlist."""


class SnapshotItem(Struct, frozen=True):
    """One content of a snapshot."""

    content_id: str
    timestamp: Timestamp = NEVER
    device_id: str | None = None
    data: dict[str, Any] | None = None
    position: str | None = None


class WatchlistSnapshot(Struct, frozen=True, tag="watchlist_snapshot", tag_field="type"):
    """The whole list at one revision, newest first."""

    revision: int
    epoch: str
    items: tuple[SnapshotItem, ...]


class ListSnapshot(WatchlistSnapshot, frozen=True, tag="list_snapshot", tag_field="type", kw_only=True):
    """The same of another list."""

    list: str


class WatchlistSnapshotPiece(Struct, frozen=True, tag="watchlist_snapshot_piece", tag_field="type"):
    """A part of such a list: the first one has ``start``, the last one no ``next``."""

    revision: int
    epoch: str
    items: tuple[SnapshotItem, ...]
    start: bool = False
    next: str | None = None
    """Names, to the service, what comes after this part."""


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


class ProgressUpdate(Struct, frozen=True, tag="progress_update", tag_field="type"):
    """A playback position on some device; seconds."""

    content_id: str
    position: int
    duration: int


class DeviceCommand(Struct, frozen=True, tag="device_command", tag_field="type"):
    """A command to a device."""

    command: str
    target_device: str | None = None


class Pong(Struct, frozen=True, tag="pong", tag_field="type"):
    """The answer to ``Ping``."""


class Authenticated(Struct, frozen=True, tag="authenticated", tag_field="type"):
    """The renewed token was accepted."""


ServerMessage = (
    WatchlistUpdate | ListUpdate | Resumed | WatchlistSnapshot | ListSnapshot | WatchlistSnapshotPiece
    | ListSnapshotPiece | Ack | Error | Goodbye | ProgressUpdate | DeviceCommand | Pong | Authenticated
)  # fmt: skip


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


ClientMessage = Write | ListWrite | Authenticate | Ping

_decoder: Final[msgspec.json.Decoder[ServerMessage]] = msgspec.json.Decoder(ServerMessage)
_encoder: Final = msgspec.json.Encoder()


def list_of(message: WatchlistUpdate | Resumed | WatchlistSnapshot | WatchlistSnapshotPiece) -> str | None:
    """Return which list ``message`` is about; ``None``: the watchlist."""
    match message:
        case ListUpdate() | ListSnapshot() | ListSnapshotPiece() | Resumed():
            return message.list
        case _:
            return None


def decode(text: str | bytes) -> ServerMessage | None:
    """Return what the service says; ``None`` if that is of no type we know, or no message at all."""
    try:
        return _decoder.decode(text)
    except msgspec.DecodeError:
        return None


def encode(message: ClientMessage) -> str:
    """Return the text to send."""
    return _encoder.encode(message).decode()
