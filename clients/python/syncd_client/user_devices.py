"""The user's devices, as an app sees them."""

from functools import partial
from typing import Any

from syncd_client.core.core import Core
from syncd_client.data.device_registers import DeviceItem
from syncd_client.operation import Operation
from syncd_client.user_list import ListCalls


class UserDevices:
    """``client.devices``: followed from its first use on, whoever is signed in.

    Thread: as the client's.
    """

    def __init__(self, client: ListCalls) -> None:
        self._client = client

    @property
    def items(self) -> tuple[DeviceItem, ...]:
        """All that are known, by their ids: the same tuple until something changes."""
        return self._client._engine_now().core.devices

    def get(self, device_id: str) -> DeviceItem | None:
        """Return one device; ``None``: it is not known. Cost: O(n)."""
        return next((item for item in self.items if item.device_id == device_id), None)

    def update(
        self,
        device_id: str,
        *,
        device_name: str | None = None,
        device_type: str | None = None,
        platform: str | None = None,
        capabilities: dict[str, Any] | None = None,
    ) -> Operation | None:
        """Say what a device is, this one or another; what is left out stays. ``None``: all of that is known already.

        Args:
            device_id: which one: as in its tokens.
            device_name: for people; 1 to 128 characters, like the next two.
            device_type: such as ``tv``.
            platform: such as ``webos``.
            capabilities: at most 1 KiB of JSON, which replaces what is known.

        Raises:
            NotSignedInError: nobody's list is open.
            ValueError: the service would refuse one of them.
            TypeError: ``capabilities`` is not what JSON can hold.
        """
        self._client._check("devices.update")
        call = partial(
            Core.update_device,
            device_id=device_id,
            device_name=device_name,
            device_type=device_type,
            platform=platform,
            capabilities=capabilities,
        )
        operations = self._client._engine_now().enqueue([call])
        return operations[0] if operations else None

    def forget(self, device_id: str) -> Operation:
        """Forget a device; its tokens stay valid, and it is known again as soon as it connects.

        Raises:
            NotSignedInError: nobody's list is open.
            ValueError: no device can be called so.
        """
        self._client._check("devices.forget")
        return self._client._engine_now().enqueue([partial(Core.forget_device, device_id=device_id)])[0]
