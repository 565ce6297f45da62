"""One user's connections whose devices do not read: what is sent meanwhile is buffered once for all, bounded."""

from collections import deque
from collections.abc import Iterator
from itertools import islice

from msgspec import Struct

from actors.messages.connection import MAX_WAITING_BYTES, MAX_WAITING_FRAMES, ConnectionInfo, Deliver


class _Place(Struct, frozen=True):
    """Where a connection came in, as counts of all that was ever buffered here."""

    deliveries: int
    frames: int
    bytes: int


class SlowConsumers:
    """A device that does not read costs nothing per message: neither a mailbox nor a copy."""

    def __init__(self) -> None:
        self._buffered: deque[Deliver] = deque()
        self._all = _Place(0, 0, 0)
        self._places: dict[ConnectionInfo, _Place] = {}  # oldest first

    def __contains__(self, connection: ConnectionInfo) -> bool:
        return connection in self._places

    def __len__(self) -> int:
        return len(self._places)

    def __iter__(self) -> Iterator[ConnectionInfo]:
        return iter(self._places)

    def add(self, connection: ConnectionInfo, frames: int, size_bytes: int) -> None:
        """Buffer what comes from now on for ``connection``, for which ``frames`` of ``size_bytes`` wait already."""
        ever = self._all
        self._places[connection] = _Place(ever.deliveries, ever.frames - frames, ever.bytes - size_bytes)

    def buffer(self, delivery: Deliver) -> None:
        """Buffer ``delivery`` for everybody here."""
        ever = self._all
        self._all = _Place(
            ever.deliveries + 1, ever.frames + len(delivery.frames), ever.bytes + sum(map(len, delivery.frames))
        )
        self._buffered.append(delivery)

    def over_bound(self) -> list[ConnectionInfo]:
        """Return those for whom more waits than may wait for one device."""
        frames, size_bytes = self._all.frames - MAX_WAITING_FRAMES, self._all.bytes - MAX_WAITING_BYTES
        return [
            connection
            for connection, place in self._places.items()
            if place.frames < frames or place.bytes < size_bytes
        ]

    def remove(self, connection: ConnectionInfo) -> list[Deliver]:
        """Forget ``connection``, if it is here, and return what was buffered for it, oldest first."""
        place = self._places.pop(connection, None)
        if place is None:
            return []
        first = self._all.deliveries - len(self._buffered)
        buffered = list(islice(self._buffered, place.deliveries - first, None))
        oldest = next(iter(self._places.values()), self._all)
        for _ in range(oldest.deliveries - first):
            self._buffered.popleft()
        return buffered
