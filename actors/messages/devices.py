"""A user's devices: what may be said of them, and where they are connected.

What is said of one is a register: ``actors.messages.device_registers``.
"""

from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta, Struct

from actors.messages.collections import DEVICES
from actors.messages.failures import ReadFailed, WriteFailed
from actors.messages.names import Name
from actors.runtime.ask import Request
from actors.runtime.tell import Tell

MAX_CAPABILITIES_BYTES: Final = 1024
"""The largest that a device's capabilities may be, as JSON."""
TimeMs = Annotated[int, Meta(ge=0, lt=253_402_300_800_000)]
"""Milliseconds since 1970, before the year 10000: beyond it no text can say when that is."""
Pair = tuple[str, str]
"""A user and one of the user's devices."""


class DeviceFields(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a device, or its user, says of it; what is left out stays as it is."""

    device_name: Name | None = None
    device_type: Name | None = None
    platform: Name | None = None
    capabilities: dict[str, Any] | None = None

    def __post_init__(self) -> None:
        """Check what no schema says. Raises: ValueError."""
        if self.capabilities is None:
            return
        try:
            msgspec.msgpack.encode(self.capabilities)  # they cross to the store as this, which has numbers of 64 bits
            size_bytes = len(msgspec.json.encode(self.capabilities))
        except (OverflowError, RecursionError):
            raise ValueError("capabilities: numbers must fit in 64 bits, and nothing be nested deeply") from None
        if size_bytes > MAX_CAPABILITIES_BYTES:
            raise ValueError(f"capabilities: must be at most {MAX_CAPABILITIES_BYTES} bytes as JSON")

    def said(self) -> dict[str, Any]:
        """Return what is said, by field."""
        values = ((name, getattr(self, name)) for name in DeviceFields.__struct_fields__)
        return {name: value for name, value in values if value is not None}


# To the Presence.


class DeviceCame(Struct, frozen=True):
    """The first connection of a device to this node is there."""

    user_id: str
    device_id: str


class DeviceCameAgain(Struct, frozen=True):
    """A device has another connection to this node beside the one it had: it may have been forgotten meanwhile."""

    user_id: str
    device_id: str


class DeviceLeft(Struct, frozen=True):
    """The last connection of a device to this node is gone."""

    user_id: str
    device_id: str
    polls: bool = False
    """That was a poll: the device is expected to ask again."""


class DeviceRecorded(Struct, frozen=True):
    """A device is known now; or not yet, ``is_done`` is false: that could not be written."""

    user_id: str
    device_id: str
    is_done: bool


class DevicesConnected(Struct, frozen=True):
    """All devices with a connection to this node."""

    devices: tuple[Pair, ...]
    """In the order in which they came: a set's order would differ from process to process."""


class LingerOver(Struct, frozen=True):
    """It is time to look who of those that left has not come back."""


class PresenceDue(Struct, frozen=True):
    """It is time to write what has come together, or to renew the lease."""


# Who has come online or gone offline, for those who follow a user's devices.


class DeviceSeen(Struct, frozen=True):
    """A device has come online, or gone offline."""

    device_id: str
    is_online: bool
    last_seen_ms: TimeMs
    """As of a ``KnownDevice``."""


class UserDevicesSeen(Struct, frozen=True):
    """What has become of the devices of one user."""

    user_id: str
    devices: tuple[DeviceSeen, ...]
    is_elsewhere: bool
    """The user has a device on another node."""


# What the store is asked, and answers.


class NotePresence(Request["PresenceNoted"], frozen=True, kw_only=True, tag=True):
    """Renew the lease of ``node``, and note who came to it and who left it, in one transaction."""

    node: str
    lease_ms: int
    is_alone: bool
    """Nobody else has the database: whatever other lease there is has ended."""
    came: tuple[Pair, ...] = ()
    left: tuple[Pair, ...] = ()
    visited: tuple[Pair, ...] = ()
    """Those that were here in between: nothing is noted of them but whether they are known."""
    recorded: tuple[Pair, ...] = ()
    """Those that have become known: whoever followed the devices before is told of them again."""


class PresenceNoted(Struct, frozen=True, kw_only=True, tag=True):
    """It is in the database."""

    is_lease_kept: bool
    """It had not ended; else others may have taken the node's devices for gone, and have removed them."""
    unknown: tuple[Pair, ...] = ()
    """Those that came or visited and are not known."""
    seen: tuple[UserDevicesSeen, ...] = ()
    """Who has come online or gone offline by it, also of nodes that are gone."""
    has_more: bool
    """There is more to be removed of nodes that are gone."""


class EndPresence(Request["PresenceEnded"], frozen=True, tag=True):
    """The node stops, and all of its connections are gone."""

    node: str


class PresenceEnded(Struct, frozen=True, tag=True):
    """It is in the database."""

    seen: tuple[UserDevicesSeen, ...] = ()
    """Who has gone offline by it, of users who have a device on another node; not all, if there are many."""


class KnownFields(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is known of a device, as ``DeviceFields``."""

    device_name: str | None = None
    device_type: str | None = None
    platform: str | None = None
    capabilities: bytes | None = None
    """As JSON: it only passes through, and may be hundreds of objects for each of 100 devices."""


class KnownDevice(Struct, frozen=True, kw_only=True):
    """One of a user's devices."""

    device_id: str
    fields: KnownFields
    last_seen_ms: int
    """When it came or went last; of one that is connected, now. Milliseconds since 1970."""
    nodes: tuple[str, ...]
    """On which it is connected: none, it is offline."""


class Devices(Struct, frozen=True, tag=True):
    """A user's devices, by their ids."""

    devices: tuple[KnownDevice, ...]
    strangers: dict[str, tuple[str, ...]] = {}
    """Those that are connected and not known, since they were forgotten, or are very new: device -> nodes."""

    def nodes_of(self, device_id: str) -> tuple[str, ...] | None:
        """Return on which nodes a device is connected; ``None``: it is connected nowhere, and not known."""
        known = next((device.nodes for device in self.devices if device.device_id == device_id), None)
        return self.strangers.get(device_id) if known is None else known


class FindDevices(Request[Devices], frozen=True, tag=True):
    """As ``ReadDevices``."""

    user_id: str


class ReadDevices(Struct, frozen=True, eq=False):
    """Ask for the user's devices, and where they are connected."""

    user_id: str
    reply_to: Tell[Devices | ReadFailed]
    collection: str = DEVICES


class WritePresence(Struct, frozen=True, eq=False):
    """Have the store do ``request``; one at a time, since it may hold many rows."""

    request: NotePresence | EndPresence
    reply_to: Tell[PresenceNoted | PresenceEnded | WriteFailed]


PresenceMessage = (
    DeviceCame | DeviceCameAgain | DeviceLeft | DeviceRecorded | DevicesConnected | LingerOver | PresenceDue
    | PresenceNoted | PresenceEnded | WriteFailed
)  # fmt: skip
