"""The pieces of a snapshot on its way: kept in memory, from one connection to the next, until the last one is in."""

from typing import Any

from syncd_client.data.snapshots import Snapshot, SnapshotPiece


class SnapshotPieces:
    """The pieces of one snapshot that have come, from the first one on. The app sees nothing of them."""

    def __init__(self) -> None:
        self._last: SnapshotPiece | None = None
        self._items: list[Any] = []

    @property
    def cursor(self) -> str | None:
        """Where the service is to go on; ``None``: nothing was collected, or the last piece was."""
        return self._last.next if self._last else None

    def collect(self, piece: SnapshotPiece) -> bool:
        """Keep ``piece``; if it neither starts a list nor continues this one, drop all and return ``False``."""
        if piece.start:
            self.drop()
        elif not self._is_of(piece.revision, piece.epoch):
            self.drop()
            return False
        self._last = piece
        self._items += piece.items
        return True

    def snapshot(self) -> Snapshot | None:
        """Return the list, once its last piece was collected."""
        last = self._last
        if last is None or last.next is not None:
            return None
        return Snapshot(last.revision, last.epoch, tuple(self._items))

    def keep_only(self, revision: int, epoch: str) -> None:
        """Drop the pieces unless they belong to this snapshot."""
        if not self._is_of(revision, epoch):
            self.drop()

    def drop(self) -> None:
        """Keep nothing."""
        self._last = None
        self._items = []

    def _is_of(self, revision: int, epoch: str) -> bool:
        return self._last is not None and (self._last.revision, self._last.epoch) == (revision, epoch)
