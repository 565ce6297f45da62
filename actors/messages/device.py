"""The device's side of the WebSocket: what a device may send, and what only its own connection answers.

The messages every device of a user is shown are ``SyncMessage``. All are tagged by ``type``; new fields
get defaults. Devices may add fields of their own: unknown fields are ignored.
"""

from typing import Annotated, Final, Literal, assert_never

from msgspec import Meta, Struct

from actors.messages.change import Change, ShownData
from actors.messages.collections import DEVICES, PROGRESS, WATCHLIST, ListId, collection_of_list, kind_of
from actors.messages.commands import WHY_LATER, CommandOutcome, CommandRequest
from actors.messages.content_ids import ContentId
from actors.messages.device_registers import DeviceChange, DevicesSnapshot, DevicesSnapshotPiece
from actors.messages.devices import DeviceFields
from actors.messages.journal import Outcome, Status
from actors.messages.progress import ProgressChange, ProgressSnapshot, ProgressSnapshotPiece
from crdt.hlc import HLCTimestamp

MessageId = Annotated[str, Meta(max_length=128)] | int
"""The device's own name for a message; its answer carries the same."""


class WatchlistWrite(Change, frozen=True, tag="watchlist_update", tag_field="type"):
    """A ``Change`` over the WebSocket; answered by ``ack`` or ``error``."""

    id: MessageId | None = None
    traceparent: str | None = None
    """W3C Trace Context: asks to trace this write; ignored if it is not valid."""

    @property
    def collection(self) -> str:
        """What it changes."""
        return WATCHLIST


class ListWrite(WatchlistWrite, frozen=True, tag="list_update", tag_field="type", kw_only=True):
    """The same for another list."""

    list: ListId

    @property
    def collection(self) -> str:
        """What it changes."""
        return collection_of_list(self.list)


class ProgressWrite(ProgressChange, frozen=True, tag="progress_update", tag_field="type"):
    """A ``ProgressChange`` over the WebSocket; answered by ``ack`` or ``error``."""

    id: MessageId | None = None
    traceparent: str | None = None
    """As of a ``WatchlistWrite``."""

    @property
    def collection(self) -> str:
        """What it changes."""
        return PROGRESS


class DeviceEdit(DeviceChange, frozen=True, tag="device_update", tag_field="type", kw_only=True):
    """A ``DeviceChange`` over the WebSocket; answered by ``ack`` or ``error``."""

    id: MessageId | None = None
    traceparent: str | None = None
    """As of a ``WatchlistWrite``."""

    @property
    def collection(self) -> str:
        """What it changes."""
        return DEVICES


class Authenticate(Struct, frozen=True, tag="authenticate", tag_field="type"):
    """A new token in place of the one the connection was opened with; answered by ``authenticated`` or ``error``."""

    token: str
    id: MessageId | None = None


class DeviceHeartbeat(DeviceFields, frozen=True, tag="device_heartbeat", tag_field="type", kw_only=True):
    """A sign of life, and what the device says of itself; answered by ``ack`` or ``error`` if it has an ``id``."""

    id: MessageId | None = None


class CommandToDevice(CommandRequest, frozen=True, tag="device_command", tag_field="type"):
    """A ``CommandRequest`` over the WebSocket; answered by ``ack`` or ``error``."""

    id: MessageId | None = None


class Ping(Struct, frozen=True, tag="ping", tag_field="type"):
    """Answered by ``pong``: for browsers, which cannot send ping frames."""


class Pong(Struct, frozen=True, tag="pong", tag_field="type"):
    """The answer to ``ping``; from a device: a sign of life."""


class Malformed(Struct, frozen=True):
    """A text message that is none of the above; answered by ``error``, the connection stays.

    ``code`` and ``message`` are fit for the device to see; ``field`` names the culprit where there is one;
    ``retry_after_ms``: the same may succeed later.
    """

    code: "ErrorCode"
    message: str
    field: str | None = None
    id: str | int | None = None
    retry_after_ms: int | None = None

    def answer(self) -> "Error":
        """Return what the device is told of it."""
        code, field, retry_after_ms = self.code, self.field, self.retry_after_ms
        return Error(id=self.id, code=code, field=field, message=self.message, retry_after_ms=retry_after_ms)


DeviceMessage = (
    WatchlistWrite | ListWrite | ProgressWrite | DeviceEdit | DeviceHeartbeat | CommandToDevice | Ping | Pong
    | Malformed
)  # fmt: skip
"""What a ``SyncWebSocket`` is handed; ``Authenticate`` ends in the transport, so that no actor sees a token."""

Submitted = WatchlistWrite | ListWrite | ProgressWrite | DeviceEdit | DeviceHeartbeat | CommandToDevice
"""What other actors do; the device is answered when they have."""

COMMAND_RETRY_MS: Final = 2_000
"""What devices are asked to wait while a command cannot be brought to its device."""

ErrorCode = Literal[
    "malformed", "unknown_type", "invalid_field", "unauthorized", "not_found", "refused", "quota_exceeded",
    "try_again_later", "device_offline",
]  # fmt: skip


class Ack(Struct, frozen=True, tag="ack", tag_field="type", omit_defaults=True, kw_only=True):
    """A write was decided; without ``revision`` nothing had to change."""

    id: str | int | None = None
    status: Status
    revision: int | None = None
    unique_tag: str | None = None
    timestamp: HLCTimestamp | None = None


class DeviceAck(Struct, frozen=True, tag="ack", tag_field="type", omit_defaults=True, kw_only=True):
    """A command was sent to its device, or what a device says of itself is kept."""

    id: str | int | None = None
    status: Literal["sent", "updated"]


class Error(Struct, frozen=True, tag="error", tag_field="type", omit_defaults=True, kw_only=True):
    """A message had no effect, and why; ``retry_after_ms``: the same may succeed later."""

    id: str | int | None = None
    code: ErrorCode
    field: str | None = None
    message: str
    retry_after_ms: int | None = None


class Authenticated(Struct, frozen=True, tag="authenticated", tag_field="type", omit_defaults=True, kw_only=True):
    """The connection now lasts until ``expires_at`` (seconds since 1970)."""

    id: str | int | None = None
    expires_at: int


class Resumed(Struct, frozen=True, tag="resumed", tag_field="type", omit_defaults=True, kw_only=True):
    """The first answer to ``?since``: what follows is the missed updates, or a snapshot when not ``recovered``.

    ``reason``: why it is a snapshot, ``history_pruned``, ``epoch_changed`` or ``list_is_shorter``.
    """

    recovered: bool
    revision: int
    epoch: str
    reason: str | None = None
    list: str | None = None
    """Which list; ``None``: the watchlist, or ``collection``."""
    collection: str | None = None
    """Which collection, if it is neither the watchlist nor a list."""


class SnapshotItem(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One content of a ``watchlist_snapshot`` or ``list_snapshot``."""

    content_id: ContentId
    unique_tag: str
    timestamp: HLCTimestamp
    device_id: str
    data: ShownData = None
    position: str | None = None


class WatchlistSnapshot(Struct, frozen=True, tag="watchlist_snapshot", tag_field="type", kw_only=True):
    """The whole watchlist at one revision, newest first: replaces what the device has."""

    revision: int
    epoch: str
    items: tuple[SnapshotItem, ...]


class WatchlistSnapshotPiece(
    Struct, frozen=True, tag="watchlist_snapshot_piece", tag_field="type", omit_defaults=True, kw_only=True
):
    """A part of a ``watchlist_snapshot``, for a device that asked for pieces: the last one has no ``next``.

    ``start``: the first of a list, what came before is dropped. ``next``: the cursor to go on with after a drop.
    """

    revision: int
    epoch: str
    start: bool = False
    items: tuple[SnapshotItem, ...]
    next: str | None = None


class ListSnapshot(Struct, frozen=True, tag="list_snapshot", tag_field="type", kw_only=True):
    """As ``watchlist_snapshot``, of another list."""

    list: str
    revision: int
    epoch: str
    items: tuple[SnapshotItem, ...]


class ListSnapshotPiece(
    WatchlistSnapshotPiece,
    frozen=True,
    tag="list_snapshot_piece",
    tag_field="type",
    omit_defaults=True,
    kw_only=True,
):
    """As ``watchlist_snapshot_piece``, of another list."""

    list: str


class Goodbye(Struct, frozen=True, tag="goodbye", tag_field="type"):
    """The daemon stops; come back after ``reconnect_in_ms``."""

    reconnect_in_ms: int


DeviceReply = (
    Ack | DeviceAck | Error | Authenticated | Resumed | WatchlistSnapshot | WatchlistSnapshotPiece | ListSnapshot
    | ListSnapshotPiece | ProgressSnapshot | ProgressSnapshotPiece | DevicesSnapshot | DevicesSnapshotPiece | Goodbye
    | Pong
)  # fmt: skip
"""What only one connection is told."""


def answer_to(message_id: str | int | None, outcome: Outcome, collection: str = WATCHLIST) -> Ack | Error:
    """Return what a device is told about its write: ``ack`` if it holds now, else ``error`` with the reason."""
    if outcome.status is Status.REFUSED:
        retry_after_s = outcome.retry_after_s
        return Error(
            id=message_id,
            code=_refusal_code(outcome),
            field=outcome.field,
            message=outcome.reason or "the write was refused",
            retry_after_ms=None if retry_after_s is None else round(retry_after_s * 1000),
        )
    if outcome.status is Status.NOT_FOUND:
        if collection == DEVICES:
            return Error(
                id=message_id, code="not_found", field="device_id", message="device_id: there is no such device"
            )
        where = kind_of(collection)
        return Error(id=message_id, code="not_found", field="content_id", message=f"it is not in the {where}")
    update = outcome.update
    if update is None:
        return Ack(id=message_id, status=outcome.status, revision=outcome.revision, timestamp=outcome.timestamp)
    return Ack(
        id=message_id,
        status=outcome.status,
        revision=update.revision,
        unique_tag=update.tags[0],
        timestamp=update.timestamp,
    )


def _refusal_code(outcome: Outcome) -> ErrorCode:
    if outcome.exceeds_quota:
        return "quota_exceeded"
    return "refused" if outcome.retry_after_s is None else "try_again_later"


def answer_to_command(message_id: str | int | None, outcome: CommandOutcome) -> DeviceAck | Error:
    """Return what a device is told about its command."""
    match outcome:
        case "sent":
            return DeviceAck(id=message_id, status=outcome)
        case "device_offline":
            text = "the device is offline"
        case "not_found":
            text = "there is no such device"
        case "try_again_later" | "bus_unavailable" | "not_listening" | "too_many":
            text, wait_ms = WHY_LATER[outcome], COMMAND_RETRY_MS
            return Error(id=message_id, code="try_again_later", message=text, retry_after_ms=wait_ms)
        case _:
            assert_never(outcome)
    return Error(id=message_id, code=outcome, field="target_device_id", message=f"target_device_id: {text}")


def answer_to_heartbeat(message_id: str | int | None, outcome: Outcome) -> DeviceAck | Error:
    """Return what a device is told about what it says of itself."""
    if outcome.status is Status.REFUSED:
        error = answer_to(message_id, outcome, DEVICES)
        assert isinstance(error, Error)
        return error
    return DeviceAck(id=message_id, status="updated")
