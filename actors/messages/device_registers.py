"""What is known of a user's devices: a collection of registers, one for each device."""

from datetime import UTC, datetime
from typing import Any, Final

import msgspec
from msgspec import Struct

from actors.messages.change import AuthorStamp, RegisterAction
from actors.messages.channel import PubNubDeviceUpdate
from actors.messages.devices import DeviceFields, DeviceSeen
from actors.messages.names import Name
from actors.messages.registers import RegisterChange, RegisterUpdate, Values
from actors.messages.sync import DeviceUpdate
from crdt.hlc import HLCTimestamp

KNOWN: Final = "known"
MEMBERS: Final = (KNOWN, *DeviceFields.__struct_fields__)
"""``known`` is true of each that has a value: a device that says nothing of itself is known, too."""


class DeviceChange(DeviceFields, frozen=True, kw_only=True):
    """What is said of a device, or that it is to be forgotten; decoded from WebSocket and HTTP."""

    device_id: Name
    operation: RegisterAction = "update"
    operation_id: Name | None = None
    timestamp: AuthorStamp | None = None
    """As of a ``ProgressChange``."""

    def register_change(self) -> RegisterChange:
        """Return the change of the register."""
        says = None if self.operation == "remove" else _known(self)
        return RegisterChange(key=self.device_id, says=says, operation_id=self.operation_id, timestamp=self.timestamp)


class DeviceItem(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One device of a ``devices_snapshot``."""

    device_id: str
    device_name: str | None = None
    device_type: str | None = None
    platform: str | None = None
    capabilities: dict[str, Any] | None = None
    timestamp: HLCTimestamp


class DevicesSnapshot(Struct, frozen=True, tag="devices_snapshot", tag_field="type", kw_only=True):
    """All devices that are known, at one revision: replaces what the device has."""

    revision: int
    epoch: str
    items: tuple[DeviceItem, ...]


class DevicesSnapshotPiece(
    Struct, frozen=True, tag="devices_snapshot_piece", tag_field="type", omit_defaults=True, kw_only=True
):
    """As ``watchlist_snapshot_piece``, of devices."""

    revision: int
    epoch: str
    start: bool = False
    items: tuple[DeviceItem, ...]
    next: str | None = None


def description(device_id: str, fields: DeviceFields) -> RegisterChange:
    """Return the change that says ``fields`` of a device, or only that it is there; the service stamps it."""
    return RegisterChange(key=device_id, says=_known(fields))


def fields_of(values: Values) -> dict[str, Any]:
    """Return what is said in the value of a device, by the names that it has in every message."""
    return {name: value for name, value in values.items() if name != KNOWN}


def state_of(_values: Values) -> str:
    """Return the one state of devices."""
    return ""


def device_form(update: RegisterUpdate) -> DeviceUpdate:
    """Return what devices are shown of ``update``."""
    return DeviceUpdate(
        device_id=update.key,
        action="update" if update.values else "remove",
        **fields_of(update.values),
        revision=update.revision,
        timestamp=update.timestamp,
    )


def item_form(update: RegisterUpdate) -> DeviceItem:
    """Return what is shown in a snapshot of what ``update`` has left."""
    return DeviceItem(device_id=update.key, **fields_of(update.values), timestamp=update.timestamp)


def channel_form(update: RegisterUpdate, origin: str, epoch: str | None) -> PubNubDeviceUpdate:
    """Return what node ``origin`` tells the others of ``update``."""
    fields = fields_of(update.values)
    if (capabilities := fields.get("capabilities")) is not None:
        fields["capabilities"] = msgspec.json.encode(capabilities).decode()
    return PubNubDeviceUpdate(
        device_id=update.key,
        operation="update" if update.values else "remove",
        **fields,
        timestamp=update.timestamp,
        revision=update.revision,
        origin=origin,
        epoch=epoch,
    )


def shown(message: PubNubDeviceUpdate) -> DeviceUpdate:
    """Return what devices are shown of another node's ``message``."""
    capabilities = message.capabilities
    return DeviceUpdate(
        device_id=message.device_id,
        action=message.operation,
        device_name=message.device_name,
        device_type=message.device_type,
        platform=message.platform,
        capabilities=None if capabilities is None else msgspec.json.decode(capabilities),
        revision=message.revision,
        timestamp=message.timestamp,
    )


def hint(seen: DeviceSeen) -> DeviceUpdate:
    """Return what devices are shown of one that has come online, or gone offline."""
    return DeviceUpdate(device_id=seen.device_id, is_online=seen.is_online, last_seen=time_text(seen.last_seen_ms))


def time_text(time_ms: int) -> str:
    """Return ``time_ms``, milliseconds since 1970, as RFC 3339 has it."""
    return datetime.fromtimestamp(time_ms / 1000, UTC).isoformat(timespec="milliseconds")


def _known(fields: DeviceFields) -> dict[str, Any]:
    return {KNOWN: True, **fields.said()}
