"""One user's list on this device: what messages and calls change in it, and what is to be stored of that."""

from collections.abc import Callable
from typing import Final

from msgspec import structs

from syncd_client.hlc import Timestamp, follow, tick
from syncd_client.list_view import Item, list_view
from syncd_client.messages import Action, WatchlistSnapshot, WatchlistUpdate
from syncd_client.snapshot_pieces import SnapshotPieces
from syncd_client.user_state import Changes, ConfirmedItem, Head, PendingWrite, UserState
from syncd_client.write_queue import WriteQueue

MAX_TAGS: Final = 2
"""Under so many tags an add is sent, one after the other, if the service has no room for them; then without one."""


class Watchlist:
    """Confirmed items, queue and numbering of one user, and the pieces that have come of its next list.

    Args:
        user_id: whose list it is.
        stored: what is kept of the user; ``None``: nothing.
        new_replica: gives a name that nobody ever had.
    """

    def __init__(self, user_id: str, stored: UserState | None, new_replica: Callable[[], str]) -> None:
        self.user_id = user_id
        self._new_replica = new_replica
        state = stored or UserState(Head(replica=new_replica()))
        self.queue = WriteQueue(state.queue)
        self.pieces = SnapshotPieces()
        self._head = state.head
        self._saved_head = None if stored is None else state.head
        self._confirmed = {item.content_id: item for item in state.items}
        self._changes = Changes(head=state.head)
        self._items: tuple[Item, ...] | None = None

    @property
    def revision(self) -> int:
        """The last one applied."""
        return self._head.revision

    @property
    def epoch(self) -> str | None:
        """The journal that ``revision`` counts in, once known."""
        return self._head.epoch

    @property
    def items(self) -> tuple[Item, ...]:
        """The list, newest first. Cost: O(n log n) after a change, else O(1)."""
        if self._items is None:
            self._items = list_view(self._confirmed.values(), self.queue)
        return self._items

    def take_changes(self) -> Changes | None:
        """Return what is to be stored since the last call, if anything."""
        changes = self._changes
        if self._saved_head is self._head and not (changes.are_visible or changes.queue):
            return None
        changes.head = self._saved_head = self._head
        self._changes = Changes(head=self._head)
        if changes.are_visible:
            self._items = None
        return changes

    # What the user writes

    def enqueue(self, operation: Action, content_id: str, now_ms: int) -> PendingWrite:
        """Number and stamp a write and put it at the end of the queue; ``content_id`` is canonical."""
        head = self._head
        number, adds = head.operations + 1, head.adds + (operation == "add")
        timestamp = tick(head.clock, now_ms, head.replica)
        self._head = structs.replace(head, operations=number, adds=adds, clock=timestamp)
        write = PendingWrite(
            operation_id=f"{head.replica}.{number}",
            operation=operation,
            content_id=content_id,
            tag=f"{head.replica}:{adds}" if operation == "add" else None,
            observed=head.revision,
            timestamp=timestamp,
        )
        self._put(write)
        self._changes.are_visible = True
        return write

    def acknowledge(self, write: PendingWrite, revision: int | None, timestamp: Timestamp) -> None:
        """Note the service's yes: settled once ``revision`` is reached; ``None``: nothing had to change."""
        self._follow(timestamp)
        self.queue.answer(write.operation_id, revision or 0)
        if timestamp > write.timestamp:
            self._unstamp_behind(write, timestamp)
        self._settle()

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
        self._head = head = structs.replace(self._head, adds=self._head.adds + 1)
        self._put(structs.replace(write, tag=f"{head.replica}:{head.adds}", refused_tags=refused_tags))

    def refuse(self, write: PendingWrite) -> None:
        """Undo what the service does not accept."""
        self._drop(write.operation_id)
        self._leave_replica(write)

    # What the service says

    def adopt_epoch(self, epoch: str) -> None:
        """Note the journal that the revisions to come count in."""
        if epoch != self._head.epoch:
            self._head = structs.replace(self._head, epoch=epoch)

    def apply_update(self, update: WatchlistUpdate, revision: int) -> None:
        """Apply the update of the next revision."""
        self._head = structs.replace(self._head, revision=revision)
        self._follow(update.timestamp)
        if update.action == "add":
            item = ConfirmedItem(update.content_id, update.timestamp, revision, update.device_id)
            before = self._confirmed.get(update.content_id, item)
            self._confirmed[update.content_id] = max(before, item, key=lambda item: item.age_key)
        else:
            self._confirmed.pop(update.content_id, None)
        self._changes.items[update.content_id] = self._confirmed.get(update.content_id)
        self._changes.are_visible = True
        self._settle()

    def apply_snapshot(self, snapshot: WatchlistSnapshot) -> None:
        """Put a snapshot in the place of what was confirmed."""
        is_other_journal = snapshot.revision < self._head.revision or self._head.epoch not in (None, snapshot.epoch)
        self._head = structs.replace(self._head, revision=snapshot.revision, epoch=snapshot.epoch)
        self._confirmed = {
            item.content_id: ConfirmedItem(item.content_id, item.timestamp, -place, item.device_id)
            for place, item in enumerate(snapshot.items)
        }
        for item in snapshot.items:
            self._follow(item.timestamp)
        self._changes.replaces_items = True
        self._changes.items = dict(self._confirmed)
        self._changes.are_visible = True
        self._settle(all_answered=is_other_journal)
        if is_other_journal:  # the old numbers mean nothing now: what is still wanted is wanted as of here
            for write in list(self.queue):
                self._put(structs.replace(write, observed=snapshot.revision))

    # Within

    def _leave_replica(self, write: PendingWrite) -> None:
        """Number adds under another name: the service would remember a gap in the old one's for ever."""
        if write.tag is not None and write.tag.startswith(f"{self._head.replica}:"):
            self._head = structs.replace(self._head, replica=self._new_replica(), adds=0)

    def _unstamp_behind(self, write: PendingWrite, timestamp: Timestamp) -> None:
        """Leave stamps to the service that are not above its own: by them it would take ``write`` for unseen."""
        of_content = [each for each in self.queue if each.content_id == write.content_id]
        for each in of_content[of_content.index(write) + 1 :]:
            if each.timestamp <= timestamp:
                self.unstamp(each)

    def _follow(self, timestamp: Timestamp) -> None:
        clock = follow(self._head.clock, timestamp)
        if clock is not self._head.clock:
            self._head = structs.replace(self._head, clock=clock)

    def _settle(self, *, all_answered: bool = False) -> None:
        for operation_id in self.queue.settled(None if all_answered else self._head.revision):
            self._drop(operation_id)

    def _put(self, write: PendingWrite) -> None:
        self.queue.put(write)
        self._changes.queue[write.operation_id] = write

    def _drop(self, operation_id: str) -> None:
        self.queue.drop(operation_id)
        self._changes.queue[operation_id] = None
        self._changes.are_visible = True
