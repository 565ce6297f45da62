"""One user's lists on this device: what messages and calls change in them, and what is to be stored of that."""

from collections.abc import Callable, Iterable
from typing import Any, Final
from uuid import UUID

from msgspec import UNSET, structs

from syncd_client.collection import Collection
from syncd_client.hlc import Timestamp, follow, tick
from syncd_client.ids import canonical
from syncd_client.item_fields import check_data, check_position
from syncd_client.messages import Action, WatchlistSnapshot, WatchlistUpdate
from syncd_client.user_state import Changes, ConfirmedItem, Head, ListHead, PendingWrite, UserState
from syncd_client.write_queue import WriteQueue

MAX_TAGS: Final = 2
"""Under so many tags an add is sent, one after the other, if the service has no room for them; then without one."""


class UserLists:
    """The watchlist and the other lists of one user, their one queue, and the numbering of what is in it.

    Args:
        user_id: whose lists they are.
        stored: what is kept of the user; ``None``: nothing.
        new_replica: gives a name that nobody ever had.
    """

    def __init__(self, user_id: str, stored: UserState | None, new_replica: Callable[[], str]) -> None:
        self.user_id = user_id
        self._new_replica = new_replica
        state = stored or UserState(Head(replica=new_replica()))
        self.queue = WriteQueue(state.queue)
        self._head = head = state.head
        """Up to date in what is not a single list's."""
        self._saved_head = None if stored is None else head
        self._changes = Changes(head=head)
        items: dict[str | None, list[ConfirmedItem]] = {}
        for item in state.items:
            items.setdefault(item.list, []).append(item)
        self.watchlist = Collection(None, head.of_list(None), items.get(None, ()), self.queue)
        self._lists = {
            list_id: Collection(list_id, place, items.get(list_id, ()), self.queue)
            for list_id, place in head.other_lists.items()
        }
        self._followed: dict[str | None, Collection] = {None: self.watchlist}
        self.follow(write.list for write in self.queue if write.list is not None)

    @property
    def followed(self) -> tuple[Collection, ...]:
        """What the service is asked for: the watchlist, then the lists in the order in which they were first wanted."""
        return tuple(self._followed.values())

    def follow(self, list_ids: Iterable[str]) -> bool:
        """Ask the service for these lists, too; return whether one of them was not asked for before."""
        count = len(self._followed)
        for list_id in list_ids:
            self._followed[list_id] = self._list(list_id)
        return len(self._followed) > count

    def collection(self, list_id: str | None) -> Collection:
        """Return a list as it is known, followed or not; ``None``: the watchlist."""
        return self.watchlist if list_id is None else self._list(list_id)

    @property
    def head(self) -> Head:
        """Where all lists stand."""
        watchlist = self.watchlist
        lists = {list_id: each.head for list_id, each in self._lists.items() if each.head != ListHead()}
        return structs.replace(
            self._head,
            adds=self._adds_of(watchlist),
            revision=watchlist.revision,
            epoch=watchlist.epoch,
            lists=lists or UNSET,
        )

    def take_changes(self) -> Changes | None:
        """Return what is to be stored since the last call, if anything."""
        changes, head = self._changes, self.head
        if self._saved_head == head and not (changes.are_visible or changes.queue):
            return None
        changes.head = self._saved_head = head
        self._changes = Changes(head=head)
        for collection in (self.watchlist, *self._lists.values()):
            changes.items |= collection.unsaved
            collection.unsaved = {}
        return changes

    # What the user writes

    def enqueue(
        self,
        operation: Action,
        content_id: str | UUID,
        now_ms: int,
        list_id: str | None = None,
        data: dict[str, Any] | None = None,
        position: str | None = None,
    ) -> PendingWrite:
        """Number and stamp a write and put it at the end of the queue.

        Raises:
            ValueError: ``content_id`` is no UUID, ``data`` or ``position`` is none that the service keeps.
            TypeError: ``data`` is not what JSON can hold.
        """
        content, data, position = canonical(content_id), check_data(data), check_position(position)
        collection = self.collection(list_id)
        tag = self._next_tag(collection) if operation == "add" else None
        replica, number = self._head.replica, self._head.operations + 1
        timestamp = tick(self._head.clock, now_ms, replica)
        self._head = structs.replace(self._head, operations=number, clock=timestamp)
        write = PendingWrite(
            operation_id=f"{replica}.{number}",
            operation=operation,
            content_id=content,
            tag=tag,
            observed=collection.revision,
            timestamp=timestamp,
            data=data,
            position=position,
            list=list_id,
        )
        self._put(write)
        self._show_again(collection)
        return write

    def acknowledge(self, write: PendingWrite, revision: int | None, timestamp: Timestamp) -> None:
        """Note the service's yes: settled once ``revision`` is reached; ``None``: nothing had to change."""
        self._follow_clock(timestamp)
        self.queue.answer(write.operation_id, revision or 0)
        if timestamp > write.timestamp:
            self._unstamp_behind(write, timestamp)
        self._settle(self.collection(write.list))

    def unstamp(self, write: PendingWrite) -> None:
        """Leave the stamp to the service."""
        self._put(structs.replace(write, is_unstamped=True))

    def retag(self, write: PendingWrite) -> None:
        """Number an add again, for a service that keeps no more of its replica; the last time leave that to it.

        The stamp, too, then: what has waited for long is refused unless it has a tag or no stamp.
        """
        self._leave_replica(write)
        refused_tags = write.refused_tags + 1
        if refused_tags >= MAX_TAGS:
            self._put(structs.replace(write, tag=None, is_unstamped=True, refused_tags=refused_tags))
            return
        tag = self._next_tag(self.collection(write.list))
        self._put(structs.replace(write, tag=tag, refused_tags=refused_tags))

    def refuse(self, write: PendingWrite) -> None:
        """Undo what the service does not accept."""
        self._drop(write.operation_id, self.collection(write.list))
        self._leave_replica(write)

    # What the service says

    def apply_update(self, collection: Collection, update: WatchlistUpdate, revision: int) -> None:
        """Apply the update of the next revision."""
        collection.apply_update(update, revision)
        self._follow_clock(update.timestamp)
        self._changes.are_visible = True
        self._settle(collection)

    def apply_snapshot(self, collection: Collection, snapshot: WatchlistSnapshot) -> None:
        """Put a snapshot in the place of what was confirmed."""
        is_other_journal = collection.apply_snapshot(snapshot)
        for item in snapshot.items:
            self._follow_clock(item.timestamp)
        self._changes.are_visible = True
        self._settle(collection, all_answered=is_other_journal)
        if is_other_journal:  # the old numbers mean nothing now: what is still wanted is wanted as of here
            for write in list(self.queue.of_list(collection.list_id)):
                self._put(structs.replace(write, observed=snapshot.revision))

    # Within

    def _list(self, list_id: str) -> Collection:
        if list_id not in self._lists:
            self._lists[list_id] = Collection(list_id, ListHead(), (), self.queue)
        return self._lists[list_id]

    def _adds_of(self, collection: Collection) -> int:
        """Return how many adds to a list are numbered under the replica that there is now."""
        return collection.head.adds if collection.head.replica == self._head.replica else 0

    def _next_tag(self, collection: Collection) -> str:
        replica, adds = self._head.replica, self._adds_of(collection) + 1
        collection.head = structs.replace(collection.head, replica=replica, adds=adds)
        return f"{replica}:{adds}"

    def _leave_replica(self, write: PendingWrite) -> None:
        """Number adds under another name: the service would remember a gap in the old one's for ever."""
        if write.tag is not None and write.tag.startswith(f"{self._head.replica}:"):
            self._head = structs.replace(self._head, replica=self._new_replica())

    def _unstamp_behind(self, write: PendingWrite, timestamp: Timestamp) -> None:
        """Leave stamps to the service that are not above its own: by them it would take ``write`` for unseen."""
        of_content = [each for each in self.queue.of_list(write.list) if each.content_id == write.content_id]
        for each in of_content[of_content.index(write) + 1 :]:
            if each.timestamp <= timestamp:
                self.unstamp(each)

    def _follow_clock(self, timestamp: Timestamp) -> None:
        clock = follow(self._head.clock, timestamp)
        if clock is not self._head.clock:
            self._head = structs.replace(self._head, clock=clock)

    def _settle(self, collection: Collection, *, all_answered: bool = False) -> None:
        revision = None if all_answered else collection.revision
        for operation_id in self.queue.settled(collection.list_id, revision):
            self._drop(operation_id, collection)

    def _put(self, write: PendingWrite) -> None:
        self.queue.put(write)
        self._changes.queue[write.operation_id] = write

    def _drop(self, operation_id: str, collection: Collection) -> None:
        self.queue.drop(operation_id)
        self._changes.queue[operation_id] = None
        self._show_again(collection)

    def _show_again(self, collection: Collection) -> None:
        collection.look_again()
        self._changes.are_visible = True
