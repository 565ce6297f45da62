"""One of a user's lists on this device, the watchlist or another: what the service says is in it, and up to where."""

from collections.abc import Iterable

from msgspec import structs

from syncd_client.list_view import Item, list_view
from syncd_client.messages import WatchlistSnapshot, WatchlistUpdate
from syncd_client.snapshot_pieces import SnapshotPieces
from syncd_client.user_state import ConfirmedItem, ListHead
from syncd_client.write_queue import WriteQueue


class Collection:
    """Confirmed items of one list, and the pieces that have come of its next state.

    Args:
        list_id: which one; ``None``: the watchlist.
        head: where it stands.
        queue: the user's, with the writes of all lists.
    """

    def __init__(self, list_id: str | None, head: ListHead, items: Iterable[ConfirmedItem], queue: WriteQueue) -> None:
        self.list_id = list_id
        self.head = head
        self.pieces = SnapshotPieces()
        self.unsaved: dict[str, ConfirmedItem | None] = {}
        """By key, the items that have changed since they were stored."""
        self._queue = queue
        self._confirmed = {item.content_id: item for item in items}
        self._items: tuple[Item, ...] | None = None

    @property
    def revision(self) -> int:
        """The last one applied."""
        return self.head.revision

    @property
    def epoch(self) -> str | None:
        """The journal that ``revision`` counts in, once known."""
        return self.head.epoch

    @property
    def items(self) -> tuple[Item, ...]:
        """The list as the app sees it. Cost: O(n log n) after ``look_again``, else O(1)."""
        if self._items is None:
            self._items = list_view(self._confirmed.values(), self._queue.of_list(self.list_id))
        return self._items

    def look_again(self) -> None:
        """Note that the list may look different now."""
        self._items = None

    def adopt_epoch(self, epoch: str) -> None:
        """Note the journal that the revisions to come count in."""
        if epoch != self.head.epoch:
            self.head = structs.replace(self.head, epoch=epoch)

    def apply_update(self, update: WatchlistUpdate, revision: int) -> None:
        """Apply the update of the next revision; of data and position it says what holds after it."""
        self.head = structs.replace(self.head, revision=revision)
        content_id = update.content_id
        if update.action == "add":
            stamp, device_id, data, position = update.timestamp, update.device_id, update.data, update.position
            item = ConfirmedItem(content_id, stamp, revision, device_id, data, position, self.list_id)
            before = self._confirmed.get(content_id)
            if before is not None and before.age_key > item.age_key:
                item = structs.replace(before, data=data, position=position)
            self._confirmed[content_id] = self.unsaved[item.key] = item
        elif removed := self._confirmed.pop(content_id, None):
            self.unsaved[removed.key] = None
        self.look_again()

    def apply_snapshot(self, snapshot: WatchlistSnapshot) -> bool:
        """Put a snapshot in the place of what was confirmed; return whether it is of another journal than that."""
        is_other_journal = snapshot.revision < self.head.revision or self.head.epoch not in (None, snapshot.epoch)
        self.head = structs.replace(self.head, revision=snapshot.revision, epoch=snapshot.epoch)
        self.unsaved |= dict.fromkeys(item.key for item in self._confirmed.values())
        self._confirmed = {
            item.content_id: ConfirmedItem(
                item.content_id, item.timestamp, -place, item.device_id, item.data, item.position, self.list_id
            )
            for place, item in enumerate(snapshot.items)
        }
        self.unsaved |= {item.key: item for item in self._confirmed.values()}
        self.look_again()
        return is_other_journal
