"""The messages of both sides about registers: progress and devices. Shapes: docs/protocol.md."""

from typing import Any, ClassVar, Final, Literal

from msgspec import Struct

from syncd_client.data.collection_names import DEVICES, PROGRESS
from syncd_client.data.hlc import NEVER, Timestamp
from syncd_client.data.snapshots import Snapshot, SnapshotPiece

RegisterAction = Literal["update", "remove"]
Seconds = int | float

DEVICE_MEMBERS: Final = ("device_name", "device_type", "platform", "capabilities")
"""The members of a device's register."""


class ProgressValue(Struct, frozen=True):
    """How far a content was played; seconds."""

    content_id: str
    position: Seconds
    duration: Seconds
    """0: not known."""
    state: str | None = None
    watched: bool | None = None
    timestamp: Timestamp = NEVER
    device_id: str | None = None

    @property
    def key(self) -> str:
        """Names the register."""
        return self.content_id

    @property
    def author(self) -> str | None:
        """The device that said it."""
        return self.device_id

    @property
    def values(self) -> dict[str, Any]:
        """What is known, by the names that writes use."""
        known: dict[str, Any] = {"position_seconds": self.position, "state": self.state or "playing"}
        if self.duration:
            known["duration_seconds"] = self.duration
        if self.watched is not None:
            known["watched"] = self.watched
        return known


class ProgressUpdate(ProgressValue, frozen=True, tag="progress_update", tag_field="type"):
    """After ``revision`` this holds; without one, it is only passed on from a device that is playing."""

    action: RegisterAction = "update"
    revision: int | None = None


class ProgressSnapshot(Snapshot, frozen=True, tag="progress_snapshot", tag_field="type"):
    """All of progress."""

    items: tuple[ProgressValue, ...]


class ProgressSnapshotPiece(SnapshotPiece, frozen=True, tag="progress_snapshot_piece", tag_field="type"):
    """A part of it."""

    items: tuple[ProgressValue, ...]


class DeviceValue(Struct, frozen=True):
    """What a device is."""

    device_id: str
    device_name: str | None = None
    device_type: str | None = None
    platform: str | None = None
    capabilities: dict[str, Any] | None = None
    timestamp: Timestamp = NEVER

    author: ClassVar[None] = None
    """The service does not tell which device said it."""

    @property
    def key(self) -> str:
        """Names the register."""
        return self.device_id

    @property
    def values(self) -> dict[str, Any]:
        """What is known."""
        return {name: value for name in DEVICE_MEMBERS if (value := getattr(self, name)) is not None}


class DeviceUpdate(DeviceValue, frozen=True, tag="device_update", tag_field="type"):
    """After ``revision`` this holds; without one it is a hint: whether the device is connected."""

    action: RegisterAction = "update"
    revision: int | None = None
    is_online: bool | None = None
    last_seen: str | None = None


class DevicesSnapshot(Snapshot, frozen=True, tag="devices_snapshot", tag_field="type"):
    """All devices."""

    items: tuple[DeviceValue, ...]


class DevicesSnapshotPiece(SnapshotPiece, frozen=True, tag="devices_snapshot_piece", tag_field="type"):
    """A part of them."""

    items: tuple[DeviceValue, ...]


RegisterUpdate = ProgressUpdate | DeviceUpdate


class RegisterWrite(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Update or remove one register; answered by ``ack`` or ``error`` with the same ``id``."""

    collection: ClassVar[str]
    key_field: ClassVar[str]
    """The name of the field that holds the key."""

    id: str
    operation: RegisterAction
    operation_id: str | None = None
    """Only without a ``timestamp``, by which the service would know the write again."""
    timestamp: Timestamp | None = None


class ProgressWrite(RegisterWrite, frozen=True, kw_only=True, tag="progress_update", tag_field="type"):
    """A write of progress; seconds."""

    collection = PROGRESS
    key_field = "content_id"

    content_id: str
    position_seconds: Seconds | None = None
    duration_seconds: Seconds | None = None
    state: str | None = None
    watched: bool | None = None


class DeviceWrite(RegisterWrite, frozen=True, kw_only=True, tag="device_update", tag_field="type"):
    """A write of a device."""

    collection = DEVICES
    key_field = "device_id"

    device_id: str
    device_name: str | None = None
    device_type: str | None = None
    platform: str | None = None
    capabilities: dict[str, Any] | None = None


REGISTER_WRITES: Final[dict[str, type[ProgressWrite | DeviceWrite]]] = {
    kind.collection: kind for kind in (ProgressWrite, DeviceWrite)
}
"""By collection."""
