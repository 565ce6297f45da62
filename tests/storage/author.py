"""An author of operations, with contents by short names."""

from itertools import count
from uuid import UUID, uuid5

from actors.messages.change import Change
from actors.messages.journal import Operation
from crdt.hlc import HLCTimestamp

NOW_MS = 1_700_000_000_000


class Author:
    """Writes operations of one user, each a millisecond after the other; contents go by short names."""

    def __init__(self, user_id: str = "ann") -> None:
        self.user_id = user_id
        self._now_ms = count(NOW_MS)

    def content(self, name: str) -> str:
        return str(uuid5(UUID(int=0), name))

    def add(
        self,
        name: str,
        *,
        device: str = "tv",
        operation_id: str | None = None,
        tag: str | None = None,
        observed: int | None = None,
        user: str | None = None,
        timestamp: HLCTimestamp | None = None,
    ) -> Operation:
        return Operation(
            line=user or self.user_id,
            device_id=device,
            change=Change("add", self.content(name), operation_id, tag, observed),
            timestamp=timestamp or self._stamp(),
        )

    def remove(
        self,
        name: str,
        *,
        device: str = "tv",
        operation_id: str | None = None,
        observed: int | None = None,
        tags: tuple[str, ...] = (),
        user: str | None = None,
        timestamp: HLCTimestamp | None = None,
    ) -> Operation:
        return Operation(
            line=user or self.user_id,
            device_id=device,
            change=Change("remove", self.content(name), operation_id, observed=observed),
            timestamp=timestamp or self._stamp(),
            removed_tags=tags,
        )

    def _stamp(self) -> HLCTimestamp:
        return HLCTimestamp(next(self._now_ms), 0, "node-1")
