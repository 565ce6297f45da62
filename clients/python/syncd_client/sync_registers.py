"""Progress, devices and the catalogue of lists, for code without asyncio: see ``syncd_client.sync``."""

from typing import Any
from uuid import UUID

from syncd_client import user_catalogue, user_devices, user_progress
from syncd_client.data.device_registers import DeviceItem
from syncd_client.data.messages import ListName
from syncd_client.data.progress_registers import ProgressItem
from syncd_client.operation import Operation as AwaitedOperation
from syncd_client.sync_list import ListCalls, Operation


class UserProgress:
    """As ``syncd_client.UserProgress``. Thread: any."""

    def __init__(self, progress: user_progress.UserProgress, client: ListCalls) -> None:
        self._progress = progress
        self._client = client

    @property
    def items(self) -> tuple[ProgressItem, ...]:
        """All contents of which something is known, the newest play first: the same tuple until something changes."""
        return self._client._read(lambda: self._progress.items)

    @property
    def continue_watching(self) -> tuple[ProgressItem, ...]:
        """The contents that were begun and are not watched yet."""
        return self._client._read(lambda: self._progress.continue_watching)

    def get(self, content_id: str | UUID) -> ProgressItem | None:
        """Return how far one content was played; ``None``: it is not known."""
        return self._client._read(lambda: self._progress.get(content_id))

    def update(
        self,
        content_id: str | UUID,
        position_seconds: float,
        duration_seconds: float | None = None,
        *,
        state: str = "playing",
        watched: bool | None = None,
    ) -> None:
        """Say how far a content was played; call it as often as the player reports."""
        self._client._call(
            "progress.update",
            lambda: self._progress.update(content_id, position_seconds, duration_seconds, state=state, watched=watched),
        )

    def remove(self, content_id: str | UUID) -> Operation:
        """Forget how far a content was played."""
        return self._client._change("progress.remove", lambda: [self._progress.remove(content_id)])[0]

    def flush(self) -> None:
        """Queue and store what ``update`` holds back."""
        self._client._call("progress.flush", self._progress.flush)


class UserDevices:
    """As ``syncd_client.UserDevices``. Thread: any."""

    def __init__(self, devices: user_devices.UserDevices, client: ListCalls) -> None:
        self._devices = devices
        self._client = client

    @property
    def items(self) -> tuple[DeviceItem, ...]:
        """All that are known, by their ids: the same tuple until something changes."""
        return self._client._read(lambda: self._devices.items)

    def get(self, device_id: str) -> DeviceItem | None:
        """Return one device; ``None``: it is not known."""
        return self._client._read(lambda: self._devices.get(device_id))

    def update(
        self,
        device_id: str,
        *,
        device_name: str | None = None,
        device_type: str | None = None,
        platform: str | None = None,
        capabilities: dict[str, Any] | None = None,
    ) -> Operation | None:
        """Say what a device is, this one or another; what is left out stays. ``None``: all of that is known already."""

        def update() -> list[AwaitedOperation]:
            operation = self._devices.update(
                device_id,
                device_name=device_name,
                device_type=device_type,
                platform=platform,
                capabilities=capabilities,
            )
            return [] if operation is None else [operation]

        operations = self._client._change("devices.update", update)
        return operations[0] if operations else None

    def forget(self, device_id: str) -> Operation:
        """Forget a device; its tokens stay valid, and it is known again as soon as it connects."""
        return self._client._change("devices.forget", lambda: [self._devices.forget(device_id)])[0]


class UserCatalogue:
    """As ``syncd_client.UserCatalogue``. Thread: any."""

    def __init__(self, catalogue: user_catalogue.UserCatalogue, client: ListCalls) -> None:
        self._catalogue = catalogue
        self._client = client

    @property
    def items(self) -> tuple[ListName, ...]:
        """The lists beside the watchlist, by their ids: the same tuple until something changes."""
        return self._client._read(lambda: self._catalogue.items)
