"""A change by the user, as the app holds it."""

import asyncio
from collections.abc import Generator
from typing import Any

from syncd_client.data.collection_names import DEVICES
from syncd_client.data.messages import Action
from syncd_client.data.register_messages import RegisterAction
from syncd_client.data.user_state import PendingWrite, StorageKind


class Operation:
    """A change that is shown already. ``Confirmed`` or ``Refused`` will have its ``id``.

    ``await operation`` returns when the change is kept on this device: ``"persistent"``, it outlives the process;
    ``"memory"``, it does not, unless a ``Storage`` event later says otherwise. Thread: the event loop.
    """

    __slots__ = ("_kept", "content_id", "device_id", "id", "operation")

    def __init__(self, write: PendingWrite, kept: asyncio.Future[StorageKind]) -> None:
        self.id = write.operation_id
        self.operation: Action | RegisterAction = write.operation
        is_of_device = write.registers == DEVICES
        self.content_id = "" if is_of_device else write.content_id
        """Empty if it is about a device."""
        self.device_id = write.content_id if is_of_device else None
        self._kept = kept

    @property
    def kept(self) -> StorageKind | None:
        """What ``await`` returns; ``None``: not known yet."""
        return self._kept.result() if self._kept.done() else None

    def __await__(self) -> Generator[Any, None, StorageKind]:
        return asyncio.shield(self._kept).__await__()

    def __repr__(self) -> str:
        about = f"content_id={self.content_id!r}" if self.device_id is None else f"device_id={self.device_id!r}"
        return f"Operation(id={self.id!r}, operation={self.operation!r}, {about})"
