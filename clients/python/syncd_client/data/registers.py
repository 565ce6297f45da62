"""A collection of registers on this device, one value for each key: what the service says, and the user's writes."""

from collections.abc import Iterable
from typing import Any, ClassVar, TypeVar

from msgspec import Struct

from syncd_client.data.followed_collection import FollowedCollection
from syncd_client.data.hlc import Timestamp
from syncd_client.data.register_messages import DeviceUpdate, DeviceValue, ProgressUpdate, ProgressValue
from syncd_client.data.user_state import ConfirmedItem, ListHead
from syncd_client.data.write_queue import WriteQueue

T = TypeVar("T")


class ShownRegister(Struct):
    """A register to show, the user's own writes included."""

    timestamp: Timestamp
    author: str | None
    """The device that said it, where that is known."""
    values: dict[str, Any]
    pending: bool = False


class Registers(FollowedCollection[ProgressUpdate | DeviceUpdate, ProgressValue | DeviceValue, T]):
    """Values by key; of two writes the one with the later stamp holds, member by member.

    Args:
        name, head, items, queue: as for any collection.
    """

    merges_updates: ClassVar[bool]
    """Whether an update absorbs those before it that were not sent yet."""
    unsaid: ClassVar[dict[str, Any]] = {}
    """The members that an update resets if it does not name them."""

    def __init__(self, name: str, head: ListHead, items: Iterable[ConfirmedItem], queue: WriteQueue) -> None:
        super().__init__(name, head, items, queue)
        self._has_news = False

    def take_news(self) -> bool:
        """Return whether it looks different since the last call because of something that is not stored."""
        has_news, self._has_news = self._has_news, False
        return has_news

    def after(self, before: dict[str, Any], said: dict[str, Any] | None) -> dict[str, Any]:
        """Return the members after an update that names some of them."""
        return before | self.unsaid | (said or {})

    def _shown(self) -> dict[str, ShownRegister]:
        """Return what to show by key: what is confirmed, with the later writes of the queue on top."""
        shown = {
            key: ShownRegister(item.timestamp, item.device_id, item.data or {}) for key, item in self._confirmed.items()
        }
        pending: set[str] = set()
        for write in self._queue.of(self.name):
            key = write.content_id
            confirmed = self._confirmed.get(key)
            is_latest = confirmed is None or write.timestamp > confirmed.timestamp
            if write.operation == "remove":
                pending.discard(key)
                if is_latest:
                    shown.pop(key, None)
                continue
            pending.add(key)
            if is_latest:
                before = shown[key].values if key in shown else {}
                shown[key] = ShownRegister(write.timestamp, None, self.after(before, write.data))
        for key in pending & shown.keys():
            shown[key].pending = True
        return shown

    def _apply(self, update: ProgressUpdate | DeviceUpdate, revision: int) -> None:
        if update.action == "remove":
            self._remove(update.key)
        else:
            self._put(self._item(update, revision))

    def _item(self, value: ProgressValue | DeviceValue, rank: int) -> ConfirmedItem:
        return ConfirmedItem(value.key, value.timestamp, rank, value.author, value.values, registers=self.name)
