"""Live frames that wait while a connection is being brought up to date from the journal."""

from actors.messages.connection import MAX_WAITING_BYTES, MAX_WAITING_FRAMES, Deliver


class PendingFrames:
    """A bounded queue that may forget frames, but never that there were any.

    Above the bound everything pending is dropped: the journal has it too, and ``newest`` says to ask it again.
    """

    __slots__ = ("_bytes", "_frames", "deliveries", "newest")

    def __init__(self) -> None:
        self.deliveries: list[Deliver] = []
        self.newest: dict[str, int] = {}
        """Collection -> the highest revision of it that was ever added."""
        self._frames = 0
        self._bytes = 0

    def add(self, delivery: Deliver) -> None:
        """Queue ``delivery``; without frames it only names a revision. One that alone is too large is dropped."""
        if delivery.frames:
            self.deliveries.append(delivery)
        self._frames += len(delivery.frames)
        self._bytes += sum(map(len, delivery.frames))
        if delivery.first_revision is not None:
            newest = delivery.first_revision + len(delivery.frames) - 1
            self.newest[delivery.collection] = max(self.newest.get(delivery.collection, 0), newest)
        if self._frames > MAX_WAITING_FRAMES or self._bytes > MAX_WAITING_BYTES:
            self.deliveries.clear()
            self._frames = self._bytes = 0
