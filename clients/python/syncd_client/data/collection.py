"""One of a user's lists on this device, the watchlist or another: what the service says is in it, and up to where."""

from collections.abc import Iterable

from msgspec import structs

from syncd_client.data.collection_names import collection_of_list
from syncd_client.data.followed_collection import FollowedCollection
from syncd_client.data.list_view import Item, list_view
from syncd_client.data.messages import SnapshotItem, WatchlistUpdate
from syncd_client.data.user_state import ConfirmedItem, ListHead
from syncd_client.data.write_queue import WriteQueue


class Collection(FollowedCollection[WatchlistUpdate, SnapshotItem, Item]):
    """A list.

    Args:
        list_id: which one; ``None``: the watchlist.
        head, items, queue: as for any collection.
    """

    def __init__(self, list_id: str | None, head: ListHead, items: Iterable[ConfirmedItem], queue: WriteQueue) -> None:
        super().__init__(collection_of_list(list_id), head, items, queue)
        self._list_id = list_id

    def _view(self) -> tuple[Item, ...]:
        return list_view(self._confirmed.values(), self._queue.of(self.name))

    def _apply(self, update: WatchlistUpdate, revision: int) -> None:
        """Apply it; its data and position are what holds after it, even where the item there is newer."""
        if update.action == "remove":
            self._remove(update.content_id)
            return
        item = self._item(update, revision)
        before = self._confirmed.get(update.content_id)
        if before is not None and before.age_key > item.age_key:
            item = structs.replace(before, data=item.data, position=item.position)
        self._put(item)

    def _item(self, value: WatchlistUpdate | SnapshotItem, rank: int) -> ConfirmedItem:
        return ConfirmedItem(
            value.content_id, value.timestamp, rank, value.device_id, value.data, value.position, self._list_id
        )
