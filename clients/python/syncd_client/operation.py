"""A change of the user, as the app holds it."""

import asyncio
from collections.abc import Generator
from typing import Any

from syncd_client.messages import Action
from syncd_client.store import StorageKind


class Operation:
    """A change that is shown already. ``id`` is what ``Confirmed`` or ``Refused`` will name.

    ``await operation`` returns when the change is kept on this device: ``"persistent"``, it outlives the process;
    ``"memory"``, it does not, unless a ``Storage`` event tells of better. Thread: the event loop.
    """

    __slots__ = ("_kept", "content_id", "id", "operation")

    def __init__(
        self, operation_id: str, operation: Action, content_id: str, kept: asyncio.Future[StorageKind]
    ) -> None:
        self.id = operation_id
        self.operation = operation
        self.content_id = content_id
        self._kept = kept

    @property
    def kept(self) -> StorageKind | None:
        """What ``await`` returns; ``None``: it is not known yet."""
        return self._kept.result() if self._kept.done() else None

    def __await__(self) -> Generator[Any, None, StorageKind]:
        return asyncio.shield(self._kept).__await__()

    def __repr__(self) -> str:
        return f"Operation(id={self.id!r}, operation={self.operation!r}, content_id={self.content_id!r})"
