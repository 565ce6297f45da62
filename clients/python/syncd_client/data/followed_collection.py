"""What every collection has on this device, be it a list or registers: up to where it is known, and what is known."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from typing import Any, Generic, TypeVar

from msgspec import structs

from syncd_client.data.hlc import Timestamp
from syncd_client.data.snapshot_pieces import SnapshotPieces
from syncd_client.data.snapshots import Snapshot
from syncd_client.data.user_state import ConfirmedItem, ListHead
from syncd_client.data.write_queue import WriteQueue

U = TypeVar("U")
"""An update, as the service sends it."""
V = TypeVar("V")
"""An item of a snapshot, as the service sends it."""
T = TypeVar("T")
"""An item, as an app sees it."""


class FollowedCollection(ABC, Generic[U, V, T]):
    """What the service says is in a collection, and the pieces of its next snapshot that have come so far.

    Args:
        name: what the service calls it, as in ``since``.
        head: where it stands.
        items: all that is confirmed.
        queue: the user's, with the writes of all collections.
    """

    def __init__(self, name: str, head: ListHead, items: Iterable[ConfirmedItem], queue: WriteQueue) -> None:
        self.name = name
        self.head = head
        self.pieces = SnapshotPieces()
        self.unsaved: dict[str, ConfirmedItem | None] = {}
        """By key, the items that changed since they were stored; ``None``: the item is gone."""
        self._queue = queue
        self._confirmed = {item.content_id: item for item in items}
        self._items: tuple[T, ...] | None = None

    @property
    def revision(self) -> int:
        """The revision up to which the collection is known."""
        return self.head.revision

    @property
    def epoch(self) -> str | None:
        """The journal that ``revision`` counts in, once known."""
        return self.head.epoch

    @property
    def items(self) -> tuple[T, ...]:
        """The collection as the app sees it. Cost: O(n log n) after ``look_again``, else O(1)."""
        if self._items is None:
            self._items = self._view()
        return self._items

    @property
    def stamps(self) -> Iterator[Timestamp]:
        """The stamps of all that is confirmed."""
        return (item.timestamp for item in self._confirmed.values())

    def look_again(self) -> None:
        """Note that the collection may look different now."""
        self._items = None

    def adopt_epoch(self, epoch: str) -> None:
        """Note the journal that the revisions to come count in."""
        if epoch != self.head.epoch:
            self.head = structs.replace(self.head, epoch=epoch)

    def apply_update(self, update: U, revision: int) -> None:
        """Apply an update, after which the collection is known up to ``revision``."""
        self.head = structs.replace(self.head, revision=revision)
        self._apply(update, revision)
        self.look_again()

    def apply_snapshot(self, snapshot: Snapshot) -> bool:
        """Replace what was confirmed by a snapshot; return whether that comes from another journal."""
        is_other_journal = snapshot.revision < self.head.revision or self.head.epoch not in (None, snapshot.epoch)
        self.head = structs.replace(self.head, revision=snapshot.revision, epoch=snapshot.epoch)
        self.unsaved |= dict.fromkeys(item.key for item in self._confirmed.values())
        items = [self._item(value, -place) for place, value in enumerate(snapshot.items)]
        self._confirmed = {item.content_id: item for item in items}
        self.unsaved |= {item.key: item for item in self._confirmed.values()}
        self.look_again()
        return is_other_journal

    def _put(self, item: ConfirmedItem) -> None:
        self._confirmed[item.content_id] = self.unsaved[item.key] = item

    def _remove(self, content_id: str) -> None:
        if removed := self._confirmed.pop(content_id, None):
            self.unsaved[removed.key] = None

    @abstractmethod
    def _view(self) -> tuple[T, ...]:
        """Return the items to show."""

    @abstractmethod
    def _apply(self, update: U, revision: int) -> None:
        """Put or remove what ``update`` is about."""

    @abstractmethod
    def _item(self, value: U | V, rank: int) -> ConfirmedItem:
        """Return what an update, or an item of a snapshot, confirms."""


AnyCollection = FollowedCollection[Any, Any, Any]
