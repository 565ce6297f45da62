"""The user's devices, as far as this device knows: what they are, and which of them are online."""

from collections.abc import Iterable
from typing import Any

from msgspec import Struct

from syncd_client.data.collection_names import DEVICES
from syncd_client.data.register_messages import DEVICE_MEMBERS
from syncd_client.data.registers import Registers
from syncd_client.data.user_state import ConfirmedItem, ListHead
from syncd_client.data.write_queue import WriteQueue


class DeviceItem(Struct, frozen=True):
    """One of the user's devices; ``pending``: the service has not confirmed it yet."""

    device_id: str
    device_name: str | None
    device_type: str | None
    platform: str | None
    capabilities: dict[str, Any] | None
    """Not to be changed in place."""
    is_online: bool | None
    """``None``: not known, as this device is not live itself."""
    last_seen: str | None
    """When it last came or went, or now if it is online: RFC 3339; ``None``: not known."""
    pending: bool


class DeviceRegisters(Registers[DeviceItem]):
    """By device id."""

    merges_updates = False

    def __init__(self, head: ListHead, items: Iterable[ConfirmedItem], queue: WriteQueue) -> None:
        super().__init__(DEVICES, head, items, queue)
        self._hints: dict[str, tuple[bool, str]] | None = None
        """By device id, whether it is online and when it was last seen; ``None``: there is no connection to say so."""

    def begin_hints(self) -> None:
        """Count every device as offline until the connection says otherwise, unless it is telling already."""
        if self._hints is None:
            self._set_hints({})

    def end_hints(self) -> None:
        """Forget which devices are online: the connection has ended."""
        self._set_hints(None)

    def hint(self, device_id: str, *, is_online: bool, last_seen: str) -> None:
        """Note whether a device is online, even one that is not known otherwise."""
        if self._hints is not None:
            self._set_hints(self._hints | {device_id: (is_online, last_seen)})

    def _set_hints(self, hints: dict[str, tuple[bool, str]] | None) -> None:
        before = self.items
        self._hints = hints
        self.look_again()
        self._has_news = self._has_news or self.items != before

    def _view(self) -> tuple[DeviceItem, ...]:
        hints = self._hints
        items: list[DeviceItem] = []
        for device_id, register in sorted(self._shown().items()):
            is_online, last_seen = (None, None) if hints is None else hints.get(device_id, (False, None))
            said = {name: register.values.get(name) for name in DEVICE_MEMBERS}
            item = DeviceItem(
                device_id=device_id, **said, is_online=is_online, last_seen=last_seen, pending=register.pending
            )
            items.append(item)
        return tuple(items)
