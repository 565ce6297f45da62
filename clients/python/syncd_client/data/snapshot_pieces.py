"""The pieces of a list that is on its way: in memory, from one connection to the next, until the last one is in."""

from typing import Any

from syncd_client.data.snapshots import Snapshot, SnapshotPiece


class SnapshotPieces:
    """What has come of one list, from its first piece on. The app sees nothing of it."""

    def __init__(self) -> None:
        self._last: SnapshotPiece | None = None
        self._items: list[Any] = []

    @property
    def cursor(self) -> str | None:
        """Where the service is asked to go on; ``None``: nothing was collected."""
        return self._last.next if self._last else None

    def collect(self, piece: SnapshotPiece) -> bool:
        """Keep ``piece``; ``False``, and nothing is kept, if it neither starts a list nor continues this one."""
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
        """Drop what is of another list than this one."""
        if not self._is_of(revision, epoch):
            self.drop()

    def drop(self) -> None:
        """Keep nothing."""
        self._last = None
        self._items = []

    def _is_of(self, revision: int, epoch: str) -> bool:
        return self._last is not None and (self._last.revision, self._last.epoch) == (revision, epoch)
