"""Which lists a user has beside the watchlist, as the service said last; not stored."""

from typing import Never

from syncd_client.data.collection_names import LISTS
from syncd_client.data.followed_collection import FollowedCollection
from syncd_client.data.messages import ListName
from syncd_client.data.user_state import ConfirmedItem, ListHead
from syncd_client.data.write_queue import WriteQueue


class Catalogue(FollowedCollection[Never, Never, ListName]):
    """The lists by their ids. It has no revisions and stays at 0: the service sends all of it each time."""

    def __init__(self, queue: WriteQueue) -> None:
        super().__init__(LISTS, ListHead(), (), queue)
        self._told: tuple[ListName, ...] = ()
        self._has_news = False

    def tell(self, lists: tuple[ListName, ...]) -> None:
        """Note which lists there are now."""
        if lists != self._told:
            self._told, self._has_news = lists, True
            self.look_again()

    def take_news(self) -> bool:
        """Return whether it looks different since the last call."""
        has_news, self._has_news = self._has_news, False
        return has_news

    def adopt_epoch(self, epoch: str) -> None:
        """Ignore it: without revisions there is nothing to count."""

    def _view(self) -> tuple[ListName, ...]:
        return self._told

    def _apply(self, update: Never, revision: int) -> None:
        raise AssertionError("there is no such message")

    def _item(self, value: Never, rank: int) -> ConfirmedItem:
        raise AssertionError("there is no such message")
