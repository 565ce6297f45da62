"""What travels on the channels ``user.{user_id}.sync`` and ``.devices``: the documented messages, and the nodes' own.

All are tagged by ``type``. New fields get defaults, so that older peers keep decoding them.

Source: shared wire shapes in docs/protocol.md.
"""

from typing import Annotated, Any, Final, Literal

from msgspec import DecodeError, Meta, Struct, json

from actors.messages.change import AuthorStamp, PlayState, RegisterAction, Seconds, WatchlistAction
from actors.messages.collections import WATCHLIST
from actors.messages.commands import HANDOFF, MAX_PAYLOAD_BYTES
from actors.messages.devices import DeviceFields, DeviceSeen
from actors.messages.names import MAX_NAME_LENGTH, Name
from crdt.hlc import HLCTimestamp

ChannelName = Literal["sync", "devices"]
"""The last part of the names of a user's channels: one for what is kept, one for what its devices say to each other."""


class PubNubWatchlistUpdate(Struct, frozen=True, tag="watchlist_update", tag_field="type", omit_defaults=True):
    """One watchlist change on the channel.

    A message of another ``syncd`` node carries ``revision`` and ``origin``; a foreign publisher's has neither.
    """

    operation: WatchlistAction
    content_id: str
    unique_tag: str
    timestamp: AuthorStamp | None
    """A foreign clock in another shape (a bare number, nothing) is replaced by ours."""
    device_id: str
    unique_tags: tuple[str, ...] = ()
    """Every tag a remove takes when it takes several, newest first."""
    revision: int | None = None
    origin: str | None = None
    traceparent: str | None = None
    """If the write is traced, see ``actors.tracing``; ignored if it is not valid."""
    epoch: str | None = None
    """The epoch of the database that has ``revision``; ``None``: a node of an older release does not say."""
    data: dict[str, Any] | None = None
    """The item's, after this change; so is ``position``."""
    position: str | None = None


class PubNubListUpdate(
    PubNubWatchlistUpdate, frozen=True, tag="list_update", tag_field="type", omit_defaults=True, kw_only=True
):
    """One change of another list on the channel: only nodes send it."""

    list: str


class PubNubProgressUpdate(Struct, frozen=True, tag="progress_update", tag_field="type", omit_defaults=True):
    """A playback position on the channel; seconds.

    A message of another ``syncd`` node carries ``revision`` and ``origin``; a foreign publisher's has neither.
    """

    content_id: str
    position_seconds: Seconds
    duration_seconds: Seconds
    timestamp: AuthorStamp | None = None
    device_id: str = ""
    operation: RegisterAction | None = None
    state: PlayState | None = None
    watched: bool | None = None
    revision: int | None = None
    origin: str | None = None
    epoch: str | None = None
    """The epoch of the database that has ``revision``."""


class PubNubDeviceUpdate(Struct, frozen=True, tag="device_update", tag_field="type", omit_defaults=True, kw_only=True):
    """What has become of a device's register: only nodes send it."""

    device_id: str
    operation: RegisterAction
    device_name: str | None = None
    device_type: str | None = None
    platform: str | None = None
    capabilities: str | None = None
    """JSON as a text, as a command's ``payload``."""
    timestamp: HLCTimestamp
    revision: int
    origin: str
    epoch: str | None = None
    """The epoch of the database that has ``revision``."""

    def __post_init__(self) -> None:
        """Check what no schema says. Raises: ValueError."""
        _check_json("capabilities", self.capabilities)


class PubNubDeviceHandoff(Struct, frozen=True, tag="device_handoff", tag_field="type"):
    """Playback moves to another device; ``position_seconds`` may be unknown."""

    target_device_id: str
    content_id: str
    position_seconds: int | float | None = None
    timestamp: AuthorStamp | None = None


class ChannelCommand(Struct, frozen=True, omit_defaults=True):
    """What a device is to do: documented are ``play``, ``pause``, ``seek`` and ``cast``, each with what it needs."""

    command_type: Annotated[str, Meta(min_length=1, max_length=len(HANDOFF) + MAX_NAME_LENGTH)]
    position_seconds: int | float | None = None
    content_id: Annotated[str, Meta(max_length=MAX_NAME_LENGTH)] | None = None
    payload: Annotated[str, Meta(max_length=MAX_PAYLOAD_BYTES)] | None = None
    """JSON as a text: a bus may write numbers in another way, and the signature would not match."""

    def __post_init__(self) -> None:
        """Check what no schema says. Raises: ValueError."""
        _check_json("payload", self.payload)


class PubNubDeviceCommand(Struct, frozen=True, tag="device_command", tag_field="type", omit_defaults=True):
    """A command to a device, on the channel of devices.

    A node's carries ``id``, ``origin`` and ``sent_ms``; a foreign publisher's none of them.
    """

    target_device_id: str
    command: ChannelCommand
    timestamp: AuthorStamp | None = None
    from_device_id: str | None = None
    id: str | None = None
    origin: str | None = None
    sent_ms: int = 0
    """By the origin's clock, milliseconds since 1970."""


class PubNubDeviceHeartbeat(
    DeviceFields, frozen=True, tag="device_heartbeat", tag_field="type", omit_defaults=True, kw_only=True
):
    """What a foreign publisher says of a device, on the channel of devices."""

    device_id: Name
    timestamp: AuthorStamp | None = None


class PubNubDevicesSeen(Struct, frozen=True, tag="devices_seen", tag_field="type"):
    """Which of the user's devices have come online, or gone offline: only nodes send it."""

    devices: tuple[DeviceSeen, ...]
    id: str
    origin: str
    sent_ms: int
    """By the origin's clock, milliseconds since 1970."""


class PubNubListsChanged(Struct, frozen=True, tag="lists_changed", tag_field="type"):
    """A list of the user was made, named or deleted, and the database is to be asked: only nodes send it."""

    id: str
    origin: str
    sent_ms: int
    """By the origin's clock, milliseconds since 1970."""


JOURNAL: Final = "journal"
"""The ``origin`` of what the journal itself has said."""


class HeadMoved(Struct, frozen=True, tag="head_moved", tag_field="type", omit_defaults=True):
    """A hint that a user's journal has reached ``revision``: sent in place of updates that an outbox had to drop."""

    revision: int
    origin: str
    epoch: str | None = None
    """The epoch of the database that has ``revision``; ``None``: the sender does not know."""
    collection: str = WATCHLIST


PubNubUpdate = PubNubWatchlistUpdate | PubNubProgressUpdate | PubNubDeviceUpdate
"""An update of a collection."""
PubNubSyncMessage = (
    PubNubWatchlistUpdate | PubNubListUpdate | PubNubProgressUpdate | PubNubDeviceUpdate | PubNubDeviceHandoff
)
PubNubDeviceMessage = PubNubDeviceCommand | PubNubDeviceHeartbeat | PubNubDevicesSeen | PubNubListsChanged
BusMessage = PubNubSyncMessage | PubNubDeviceMessage | HeadMoved


def _check_json(name: str, text: str | None) -> None:
    """Raises: ValueError, ``text`` is not JSON: whoever reads the message decodes it, and must not fail."""
    try:
        if text is not None:
            json.decode(text)
    except (DecodeError, RecursionError):
        raise ValueError(f"{name}: must be JSON as a text") from None
