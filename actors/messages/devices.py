"""A user's devices: what is known of them, and where they are connected."""

from typing import Any, ClassVar, Final

import msgspec
from msgspec import Struct

from actors.messages.failures import ReadFailed, WriteFailed
from actors.messages.names import Name
from actors.runtime.ask import Request
from actors.runtime.tell import Tell

MAX_CAPABILITIES_BYTES: Final = 1024
"""Of a device's capabilities, as JSON."""
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
        if self.capabilities is not None and len(msgspec.json.encode(self.capabilities)) > MAX_CAPABILITIES_BYTES:
            raise ValueError(f"capabilities: must be at most {MAX_CAPABILITIES_BYTES} bytes as JSON")

    def said(self) -> "DeviceFields":
        """Return what is said, without the message that says it."""
        return DeviceFields(**{name: getattr(self, name) for name in DeviceFields.__struct_fields__})


NOTHING_SAID: Final = DeviceFields()


# To the Presence.


class DeviceCame(Struct, frozen=True):
    """The first connection of a device to this node is there."""

    user_id: str
    device_id: str


class DeviceLeft(Struct, frozen=True):
    """The last connection of a device to this node is gone."""

    user_id: str
    device_id: str


class DescribeDevice(Struct, frozen=True, eq=False):
    """Keep what is said of a device; ``answer``: whether it is known, or ``None`` if it cannot be kept now."""

    user_id: str
    device_id: str
    fields: DeviceFields
    answer: Tell[bool | None] | None = None
    is_own: bool = False
    """The device says it of itself: then it is known from now on."""
    describes: ClassVar[bool] = True


class ForgetDevice(Struct, frozen=True, eq=False):
    """Forget what is known of a device; ``answer`` as of ``DescribeDevice``."""

    user_id: str
    device_id: str
    answer: Tell[bool | None] | None = None
    describes: ClassVar[bool] = False


class DevicesConnected(Struct, frozen=True):
    """All devices with a connection to this node."""

    devices: frozenset[Pair]


class PresenceDue(Struct, frozen=True):
    """It is time to write what has come together, or to renew the lease."""


# What the store is asked, and answers.


class Description(Struct, frozen=True):
    """What is said of one device."""

    user_id: str
    device_id: str
    fields: DeviceFields
    is_own: bool


class NotePresence(Request["PresenceNoted"], frozen=True, kw_only=True, tag=True):
    """Renew the lease of ``node``, and note who came to it and who left it, in one transaction."""

    node: str
    lease_ms: int
    is_alone: bool
    """Nobody else has the database: whatever other lease there is has ended."""
    came: tuple[Pair, ...] = ()
    left: tuple[Pair, ...] = ()
    descriptions: tuple[Description, ...] = ()
    forgotten: tuple[Pair, ...] = ()


class PresenceNoted(Struct, frozen=True, kw_only=True, tag=True):
    """It is in the database."""

    is_lease_kept: bool
    """It had not ended; else others may have taken the node's devices for gone, and have removed them."""
    unknown: tuple[Pair, ...]
    """Of those that were described or forgotten."""
    has_more: bool
    """There is more to be removed of nodes that are gone."""


class EndPresence(Request["PresenceEnded"], frozen=True, tag=True):
    """The node stops, and all of its connections are gone."""

    node: str


class PresenceEnded(Struct, frozen=True, tag=True):
    """It is in the database."""


class KnownDevice(Struct, frozen=True, kw_only=True):
    """One of a user's devices."""

    device_id: str
    fields: DeviceFields
    last_seen_ms: int
    """When it came or went last; of one that is connected, now. Milliseconds since 1970."""
    nodes: tuple[str, ...]
    """On which it is connected: none, it is offline."""


class Devices(Struct, frozen=True, tag=True):
    """A user's devices, by their ids."""

    devices: tuple[KnownDevice, ...]


class FindDevices(Request[Devices], frozen=True, tag=True):
    """As ``ReadDevices``."""

    user_id: str


class ReadDevices(Struct, frozen=True, eq=False):
    """Ask for the user's devices, and where they are connected."""

    user_id: str
    reply_to: Tell[Devices | ReadFailed]


class WritePresence(Struct, frozen=True, eq=False):
    """Have the store do ``request``; one at a time, since it may hold many rows."""

    request: NotePresence | EndPresence
    reply_to: Tell[PresenceNoted | PresenceEnded | WriteFailed]


PresenceMessage = (
    DeviceCame | DeviceLeft | DescribeDevice | ForgetDevice | DevicesConnected | PresenceDue | PresenceNoted
    | PresenceEnded | WriteFailed
)  # fmt: skip
