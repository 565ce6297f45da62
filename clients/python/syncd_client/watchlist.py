"""One user's list on this device: what the service has confirmed, with the user's own wishes on top."""

import re
from typing import Final

from msgspec import Struct, structs

from syncd_client.hlc import NEVER, Timestamp, follow, tick
from syncd_client.messages import Action, WatchlistSnapshot, WatchlistUpdate
from syncd_client.stored import Changes, ConfirmedItem, Head, Operation, Stored
from syncd_client.write_queue import WriteQueue

_UUID: Final = re.compile("[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


class Item(Struct, frozen=True):
    """A content in the list as the app sees it; ``pending``: the service has not confirmed it yet."""

    content_id: str
    timestamp: Timestamp
    device_id: str | None
    pending: bool


class Watchlist:
    """Confirmed items, queue and numbering of one user; collects what is to be stored until ``take_changes``."""

    def __init__(self, stored: Stored) -> None:
        self.queue = WriteQueue(stored.queue)
        self._head = stored.head
        self._saved_head: Head | None = stored.head
        self._confirmed = {item.content_id: item for item in stored.items}
        self._changes = Changes(head=stored.head)
        self._items: tuple[Item, ...] | None = None

    @classmethod
    def new(cls, replica: str) -> "Watchlist":
        """Return the empty list of a user who was never here; it is to be stored as ``replica``."""
        watchlist = cls(Stored(Head(replica=replica)))
        watchlist._saved_head = None
        return watchlist

    @property
    def revision(self) -> int:
        """The last one applied."""
        return self._head.revision

    @property
    def epoch(self) -> str | None:
        """The journal that ``revision`` counts in, once known."""
        return self._head.epoch

    def take_changes(self) -> Changes | None:
        """Return what changed since the last call, if anything."""
        changes = self._changes
        if self._saved_head is self._head and not changes.are_visible:
            return None
        changes.head = self._saved_head = self._head
        self._changes = Changes(head=self._head)
        if changes.are_visible:
            self._items = None
        return changes

    # The user's wishes

    def want(self, action: Action, content_id: str, wall_ms: int) -> Operation:
        """Number and stamp a wish and put it at the end of the queue.

        Raises:
            ValueError: ``content_id`` is no UUID.
        """
        content_id = content_id.lower()
        if not _UUID.fullmatch(content_id):
            raise ValueError(f"content_id must be a UUID, not {content_id!r}")
        head = self._head
        number, adds = head.operations + 1, head.adds + (action == "add")
        stamp = tick(head.clock, wall_ms, head.replica)
        self._head = structs.replace(head, operations=number, adds=adds, clock=stamp)
        operation = Operation(
            operation_id=f"{head.replica}.{number}",
            operation=action,
            content_id=content_id,
            tag=f"{head.replica}:{adds}" if action == "add" else None,
            observed=head.revision,
            timestamp=stamp,
        )
        self._put(operation)
        return operation

    def answered(self, operation: Operation, revision: int | None, stamp: Timestamp | None) -> None:
        """Take in the service's yes; the operation is settled once its revision is reached."""
        self._follow(stamp or NEVER)
        self.queue.answer(operation.operation_id, revision or 0)
        self._settle()

    def refused(self, operation: Operation, new_replica: str | None) -> None:
        """Undo a wish. A refused add leaves a gap in its replica's counting: the next one counts anew."""
        self._drop(operation.operation_id)
        if new_replica is not None:
            self._head = structs.replace(self._head, replica=new_replica, adds=0)

    def leave_stamp_to_service(self, operation: Operation) -> None:
        """Ask for the same again, without our stamp."""
        self.queue.put_back(operation.operation_id)
        self._put(structs.replace(operation, is_stamped_by_service=True))

    # What the service says

    def take_epoch(self, epoch: str) -> None:
        """Note the journal that the revisions to come count in."""
        if epoch != self._head.epoch:
            self._head = structs.replace(self._head, epoch=epoch)

    def take_update(self, update: WatchlistUpdate, revision: int) -> None:
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
        self._settle()

    def take_snapshot(self, snapshot: WatchlistSnapshot) -> None:
        """Replace the confirmed items; if the journal is another one, revisions in the queue lose their meaning."""
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
        self._settle(all_answered=is_other_journal)
        if is_other_journal:
            for operation in list(self.queue):
                self._put(structs.replace(operation, observed=snapshot.revision))

    def _follow(self, stamp: Timestamp) -> None:
        clock = follow(self._head.clock, stamp)
        if clock is not self._head.clock:
            self._head = structs.replace(self._head, clock=clock)

    def _settle(self, *, all_answered: bool = False) -> None:
        for operation_id in self.queue.settled(None if all_answered else self._head.revision):
            self._drop(operation_id)

    def _put(self, operation: Operation) -> None:
        self.queue.put(operation)
        self._changes.operations[operation.operation_id] = operation

    def _drop(self, operation_id: str) -> None:
        self.queue.drop(operation_id)
        self._changes.operations[operation_id] = None

    # The app's view

    @property
    def items(self) -> tuple[Item, ...]:
        """The list, newest first. Cost: O(n log n) after a change, else O(1)."""
        if self._items is None:
            self._items = self._view()
        return self._items

    def _view(self) -> tuple[Item, ...]:
        shown = dict(self._confirmed)
        pending: set[str] = set()
        for operation in self.queue:
            content_id = operation.content_id
            if operation.operation == "remove":
                shown.pop(content_id, None)
            else:
                wished = ConfirmedItem(content_id, operation.timestamp, 0, None)
                shown[content_id] = max(shown.get(content_id, wished), wished, key=lambda item: item.age_key)
                pending.add(content_id)
        newest_first = sorted(shown.values(), key=lambda item: item.age_key, reverse=True)
        return tuple(
            Item(item.content_id, item.timestamp, item.device_id, item.content_id in pending) for item in newest_first
        )
