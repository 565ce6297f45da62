"""What every device of a user is shown over its WebSocket: ``SyncMessage``, tagged by ``type``.

New fields get defaults, so that older devices keep decoding them.

Source: shared wire shapes in docs/protocol.md.
"""

from typing import Any, Literal

from msgspec import Struct, structs

from actors.messages.change import PlayState, RegisterAction, WatchlistAction
from actors.messages.collections import DEVICES, LISTS, PROGRESS, WATCHLIST, collection_of_list
from actors.messages.content_ids import ContentId
from crdt.hlc import HLCTimestamp


class WatchlistUpdate(Struct, frozen=True, tag="watchlist_update", tag_field="type", omit_defaults=True):
    """One watchlist change as devices receive it: the first three fields (with ``type``) are the documented message."""

    content_id: ContentId
    action: WatchlistAction
    revision: int | None = None
    unique_tag: str | None = None
    timestamp: HLCTimestamp | None = None
    device_id: str | None = None
    traceparent: str | None = None
    """If the write is traced: what the device does with it may go on from here."""
    data: dict[str, Any] | None = None
    """The item's, after this change; so is ``position``. ``None``: it has none."""
    position: str | None = None

    @property
    def collection(self) -> str:
        """What has changed."""
        return WATCHLIST


class ListUpdate(WatchlistUpdate, frozen=True, tag="list_update", tag_field="type", omit_defaults=True, kw_only=True):
    """The same of another list than the watchlist."""

    list: str

    @property
    def collection(self) -> str:
        """What has changed."""
        return collection_of_list(self.list)

    @classmethod
    def of(cls, list_id: str, update: WatchlistUpdate) -> "ListUpdate":
        """Return ``update`` as one of ``list_id``."""
        return cls(*structs.astuple(update), list=list_id)


class ProgressUpdate(Struct, frozen=True, tag="progress_update", tag_field="type", omit_defaults=True):
    """A playback position as devices receive it, in seconds: the first three fields are the documented message.

    Without ``revision`` it is a foreign publisher's, and not kept. A ``duration`` of 0 is not known.
    """

    content_id: ContentId
    position: int | float
    duration: int | float
    action: RegisterAction | None = None
    state: PlayState | None = None
    watched: bool | None = None
    revision: int | None = None
    timestamp: HLCTimestamp | None = None
    device_id: str | None = None

    @property
    def collection(self) -> str:
        """Which one it is of."""
        return PROGRESS


class DeviceUpdate(Struct, frozen=True, tag="device_update", tag_field="type", omit_defaults=True, kw_only=True):
    """What is known of a device, or without ``revision`` whether it is online: that is a hint, and not kept."""

    device_id: str
    action: RegisterAction | None = None
    device_name: str | None = None
    device_type: str | None = None
    platform: str | None = None
    capabilities: dict[str, Any] | None = None
    revision: int | None = None
    timestamp: HLCTimestamp | None = None
    is_online: bool | None = None
    last_seen: str | None = None
    """RFC 3339."""

    @property
    def collection(self) -> str:
        """Which one it is of."""
        return DEVICES


class ListName(Struct, frozen=True):
    """One of a user's lists beside the watchlist."""

    list: str
    name: str
    """As people are shown it."""


class Catalogue(Struct, frozen=True, tag="lists", tag_field="type", omit_defaults=True):
    """Which lists the user has beside the watchlist, by what they are called in messages: a hint, which is not kept."""

    lists: tuple[ListName, ...]
    left_out: int = 0
    """How many more there are."""

    @property
    def collection(self) -> str:
        """Which one it is of."""
        return LISTS


CollectionUpdate = WatchlistUpdate | ProgressUpdate | DeviceUpdate
"""What devices are shown of a change of a collection, whichever it is."""


class DeviceCommand(Struct, frozen=True, tag="device_command", tag_field="type", omit_defaults=True):
    """A command to a device; a handoff is ``handoff:{content_id}``, with the position in seconds if that is known."""

    command: str
    target_device: str | None = None
    position_seconds: int | float | None = None
    payload: Any = None
    """As it was sent."""
    from_device_id: str | None = None


NoticeLevel = Literal["info", "warning", "error"]


class Notice(Struct, frozen=True, tag="notice", tag_field="type"):
    """A line of text from the operator, for people to see."""

    message: str
    level: NoticeLevel


SyncMessage = WatchlistUpdate | ListUpdate | ProgressUpdate | DeviceUpdate | Catalogue | DeviceCommand | Notice
