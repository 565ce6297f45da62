"""What nodes tell each other over the bus and what devices are told over their sockets.

Two unions, as documented: ``PubNubSyncMessage`` travels on the channel ``user.{user_id}.sync`` (beside it a node's
``HeadMoved``), ``SyncMessage`` on a WebSocket. All are tagged by ``type``. New fields get defaults, so that older peers
keep decoding them.

Source: shared wire shapes in docs/protocol.md.
"""

from typing import Literal
from uuid import UUID

from msgspec import Struct

from crdt.hlc import HLCTimestamp

WatchlistAction = Literal["add", "remove"]


class PubNubWatchlistUpdate(Struct, frozen=True, tag="watchlist_update", tag_field="type", omit_defaults=True):
    """One watchlist change on the channel.

    A message of another ``syncd`` node carries ``revision`` and ``origin``; a foreign publisher's has neither.
    """

    operation: WatchlistAction
    content_id: str
    unique_tag: str
    timestamp: HLCTimestamp | int | None
    """A foreign clock in another shape (a bare number, nothing) is replaced by ours."""
    device_id: str
    unique_tags: tuple[str, ...] = ()
    """Every tag a remove takes when it takes several, newest first."""
    revision: int | None = None
    origin: str | None = None
    traceparent: str | None = None
    """Of a followed write, see ``actors.tracing``; ignored if it is not valid."""


class PubNubProgressUpdate(Struct, frozen=True, tag="progress_update", tag_field="type"):
    """A playback position on the channel; seconds."""

    content_id: str
    position_seconds: int
    duration_seconds: int
    timestamp: HLCTimestamp | int | None = None
    device_id: str = ""


class PubNubDeviceHandoff(Struct, frozen=True, tag="device_handoff", tag_field="type"):
    """Playback moves to another device; ``position_seconds`` may be unknown."""

    target_device_id: str
    content_id: str
    position_seconds: int | None = None
    timestamp: HLCTimestamp | int | None = None


class HeadMoved(Struct, frozen=True, tag="head_moved", tag_field="type"):
    """A hint that a user's journal has reached ``revision``: sent in place of updates that an outbox had to drop."""

    revision: int
    origin: str


PubNubSyncMessage = PubNubWatchlistUpdate | PubNubProgressUpdate | PubNubDeviceHandoff
BusMessage = PubNubSyncMessage | HeadMoved


class WatchlistUpdate(Struct, frozen=True, tag="watchlist_update", tag_field="type", omit_defaults=True):
    """One watchlist change as devices receive it: the first three fields (with ``type``) are the documented message."""

    content_id: UUID
    action: WatchlistAction
    revision: int | None = None
    unique_tag: str | None = None
    timestamp: HLCTimestamp | None = None
    device_id: str | None = None
    traceparent: str | None = None
    """Of a followed write: what the device does with it may go on from here."""


class ProgressUpdate(Struct, frozen=True, tag="progress_update", tag_field="type"):
    """A playback position as devices receive it; seconds."""

    content_id: UUID
    position: int
    duration: int


class DeviceCommand(Struct, frozen=True, tag="device_command", tag_field="type", omit_defaults=True):
    """A command to a device; a handoff is ``handoff:{content_id}``."""

    command: str
    target_device: str | None = None


NoticeLevel = Literal["info", "warning", "error"]


class Notice(Struct, frozen=True, tag="notice", tag_field="type"):
    """A line of text from the operator, for people to see."""

    message: str
    level: NoticeLevel


SyncMessage = WatchlistUpdate | ProgressUpdate | DeviceCommand | Notice
