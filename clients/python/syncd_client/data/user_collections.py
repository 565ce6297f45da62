"""One user's collections on this device: what messages and calls change in them, and what of that is to be stored."""

from collections.abc import Callable, Iterable
from typing import Any, Final

from msgspec import UNSET, structs

from syncd_client.data.catalogue import Catalogue
from syncd_client.data.collection import Collection
from syncd_client.data.collection_names import DEVICES, PROGRESS, WATCHLIST, collection_of_list, list_in
from syncd_client.data.device_registers import DeviceRegisters
from syncd_client.data.followed_collection import AnyCollection
from syncd_client.data.hlc import NEVER, Timestamp, follow, tick
from syncd_client.data.item_fields import check_data, check_position
from syncd_client.data.messages import Action, WatchlistUpdate
from syncd_client.data.progress_registers import ProgressRegisters
from syncd_client.data.register_messages import RegisterAction, RegisterUpdate
from syncd_client.data.registers import Registers
from syncd_client.data.snapshots import Snapshot
from syncd_client.data.user_state import Changes, ConfirmedItem, Head, ListHead, PendingWrite, UserState
from syncd_client.data.write_queue import WriteQueue

MAX_TAGS: Final = 2
"""How many tags an add is tried with, one after the other, if the service has no room for them; then it has none."""


class UserCollections:
    """All collections of one user, the queue of writes to them, and the numbering of those writes.

    Args:
        user_id: whose they are.
        stored: what is kept of the user; ``None``: nothing.
        new_replica: gives a name that nobody ever had.
    """

    def __init__(self, user_id: str, stored: UserState | None, new_replica: Callable[[], str]) -> None:
        self.user_id = user_id
        self._new_replica = new_replica
        state = stored or UserState(Head(replica=new_replica()))
        self.queue = WriteQueue(state.queue)
        self._head = head = state.head
        """Up to date except for what belongs to a single collection: see ``head``."""
        self._seen = NEVER
        """The greatest stamp that the service has sent in this run."""
        self._saved_head = None if stored is None else head
        self._changes = Changes(head=head)
        items: dict[str, list[ConfirmedItem]] = {}
        for item in state.items:
            items.setdefault(item.collection, []).append(item)
        self.watchlist = Collection(None, head.of_list(None), items.get(WATCHLIST, ()), self.queue)
        self._lists = {
            list_id: Collection(list_id, place, items.get(collection_of_list(list_id), ()), self.queue)
            for list_id, place in head.other_lists.items()
        }
        self.progress = ProgressRegisters(head.of(PROGRESS), items.get(PROGRESS, ()), self.queue)
        self.devices = DeviceRegisters(head.of(DEVICES), items.get(DEVICES, ()), self.queue)
        self.catalogue = Catalogue(self.queue)
        self._followed: dict[str, AnyCollection] = {WATCHLIST: self.watchlist}
        self.follow(write.collection for write in self.queue)

    @property
    def followed(self) -> tuple[AnyCollection, ...]:
        """What the service is asked for: the watchlist, then the others in the order in which they were wanted."""
        return tuple(self._followed.values())

    def follow(self, collections: Iterable[str]) -> bool:
        """Follow these, too; return whether one of them was not followed before."""
        count = len(self._followed)
        for collection in collections:
            self._followed[collection] = self._named(collection)
        return len(self._followed) > count

    def collection(self, list_id: str | None) -> Collection:
        """Return a list as it is known, followed or not; ``None``: the watchlist."""
        return self.watchlist if list_id is None else self._list(list_id)

    @property
    def head(self) -> Head:
        """Where all collections stand, to be stored."""
        watchlist = self.watchlist
        lists = {list_id: each.head for list_id, each in self._lists.items() if each.head != ListHead()}
        registers = {each.name: each.head for each in (self.progress, self.devices) if each.head != ListHead()}
        return structs.replace(
            self._head,
            adds=self._adds_of(watchlist),
            revision=watchlist.revision,
            epoch=watchlist.epoch,
            lists=lists or UNSET,
            registers=registers or UNSET,
        )

    def take_changes(self) -> Changes | None:
        """Return what is to be stored since the last call, if anything."""
        changes, head = self._changes, self.head
        if self._saved_head == head and not (changes.are_visible or changes.queue):
            return None
        changes.head = self._saved_head = head
        self._changes = Changes(head=head)
        for collection in self._kept:
            changes.items |= collection.unsaved
            collection.unsaved = {}
        return changes

    def take_news(self) -> bool:
        """Return whether something that is not stored looks different since the last call."""
        return any([self.progress.take_news(), self.devices.take_news(), self.catalogue.take_news()])  # all are asked

    # What the user writes

    def enqueue(
        self,
        operation: Action,
        content_id: str,
        now_ms: int,
        list_id: str | None = None,
        data: dict[str, Any] | None = None,
        position: str | None = None,
    ) -> PendingWrite:
        """Number and stamp a write and put it at the end of the queue; ``content_id`` is canonical.

        Raises:
            ValueError: the service would refuse ``data`` or ``position``.
            TypeError: ``data`` is not what JSON can hold.
        """
        data, position = check_data(data), check_position(position)
        collection = self.collection(list_id)
        tag = self._next_tag(collection) if operation == "add" else None
        operation_id, timestamp = self._next_number(now_ms)
        write = PendingWrite(
            operation_id=operation_id,
            operation=operation,
            content_id=content_id,
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

    def write(
        self,
        registers: Registers[Any],
        operation: RegisterAction,
        key: str,
        says: dict[str, Any] | None,
        at_ms: int,
    ) -> PendingWrite:
        """Number a write of a register, stamp it as of ``at_ms``, and put it at the end of the queue.

        Where updates merge, it absorbs the earlier ones that were not sent yet: they would say nothing new.
        """
        for earlier in self.queue.unsent_updates(registers.name, key) if registers.merges_updates else ():
            says = None if says is None else (earlier.data or {}) | says
            self._drop(earlier.operation_id, registers)
        operation_id, timestamp = self._next_number(at_ms)
        write = PendingWrite(
            operation_id=operation_id,
            operation=operation,
            content_id=key,
            tag=None,
            observed=0,
            timestamp=timestamp,
            data=says,
            registers=registers.name,
        )
        self._put(write)
        self._show_again(registers)
        return write

    def acknowledge(
        self, write: PendingWrite, revision: int | None, timestamp: Timestamp, *, is_superseded: bool = False
    ) -> None:
        """Note the service's yes: settled once ``revision`` is reached; ``None``: nothing had to change.

        ``is_superseded``: the write had no effect, and ``timestamp`` is that of the later one that holds.
        """
        self._follow_clock(timestamp if write.is_unstamped else max(timestamp, write.timestamp))
        self.queue.answer(write.operation_id, revision or 0)
        if timestamp > write.timestamp and not is_superseded:
            self._unstamp_behind(write, timestamp)
        self._settle(self._named(write.collection))

    def stamp_again(self, write: PendingWrite, now_ms: int) -> None:
        """Give a write another stamp, as the service says this one is too far ahead; or leave stamping to the service.

        If the wall clock is behind the stamp, it was ahead and is right again. Then our clock goes back to where it
        would be without the stamp, and all writes from this one on get new ones: the service cannot have accepted any.
        """
        if now_ms < write.timestamp.physical:
            clock, ahead = self._without_stamps_from(write)
            if tick(clock, now_ms, self._head.replica).physical < write.timestamp.physical:
                for each in ahead:
                    clock = tick(clock, now_ms, self._head.replica)
                    self._put(structs.replace(each, timestamp=clock))
                    self._show_again(self._named(each.collection))
                self._head = structs.replace(self._head, clock=clock)
                return
        self._unstamp(write)

    def _without_stamps_from(self, write: PendingWrite) -> tuple[Timestamp, list[PendingWrite]]:
        """Return our clock as if ``write`` and those behind it in the queue had not been stamped; and those writes."""
        queue = list(self.queue)
        place = queue.index(write)
        stamps = [self._seen, *(each.timestamp for each in queue[:place])]
        for collection in self._kept:
            stamps += collection.stamps
        return max(stamps), queue[place:]

    def _unstamp(self, write: PendingWrite) -> None:
        self._put(structs.replace(write, is_unstamped=True))

    def retag(self, write: PendingWrite) -> None:
        """Give an add a new tag, as the service has no room for this one; after ``MAX_TAGS`` leave the tag to it.

        Then the stamp, too: a write that has waited for long is refused if it has a stamp but no tag.
        """
        self._leave_replica(write)
        refused_tags = write.refused_tags + 1
        if refused_tags >= MAX_TAGS:
            self._put(structs.replace(write, tag=None, is_unstamped=True, refused_tags=refused_tags))
            return
        tag = self._next_tag(self.collection(write.list))
        self._put(structs.replace(write, tag=tag, refused_tags=refused_tags))

    def refuse(self, write: PendingWrite) -> None:
        """Undo a write that the service does not accept."""
        self._drop(write.operation_id, self._named(write.collection))
        self._leave_replica(write)

    # What the service says

    def apply_update(self, collection: AnyCollection, update: WatchlistUpdate | RegisterUpdate, revision: int) -> None:
        """Apply the update after which ``collection`` is known up to ``revision``."""
        collection.apply_update(update, revision)
        self._follow_clock(update.timestamp)
        self._changes.are_visible = True
        self._settle(collection)

    def apply_snapshot(self, collection: AnyCollection, snapshot: Snapshot) -> None:
        """Replace what was confirmed by a snapshot."""
        is_other_journal = collection.apply_snapshot(snapshot)
        for item in snapshot.items:
            self._follow_clock(item.timestamp)
        self._changes.are_visible = True
        self._settle(collection, all_answered=is_other_journal)
        if is_other_journal:  # revisions before it mean nothing now: what is still wanted is wanted as of here
            for write in list(self.queue.of(collection.name)):
                if write.registers is None:
                    self._put(structs.replace(write, observed=snapshot.revision))

    # Within

    @property
    def _kept(self) -> tuple[AnyCollection, ...]:
        """The collections that are stored."""
        return self.watchlist, *self._lists.values(), self.progress, self.devices

    def _named(self, collection: str) -> AnyCollection:
        match collection:
            case self.progress.name:
                return self.progress
            case self.devices.name:
                return self.devices
            case self.catalogue.name:
                return self.catalogue
            case _:
                return self.collection(list_in(collection))

    def _next_number(self, at_ms: int) -> tuple[str, Timestamp]:
        """Return the next operation's id and stamp."""
        replica, number = self._head.replica, self._head.operations + 1
        timestamp = tick(self._head.clock, at_ms, replica)
        self._head = structs.replace(self._head, operations=number, clock=timestamp)
        return f"{replica}.{number}", timestamp

    def _list(self, list_id: str) -> Collection:
        if list_id not in self._lists:
            self._lists[list_id] = Collection(list_id, ListHead(), (), self.queue)
        return self._lists[list_id]

    def _adds_of(self, collection: Collection) -> int:
        """Return how many adds to a list were numbered under the current replica."""
        return collection.head.adds if collection.head.replica == self._head.replica else 0

    def _next_tag(self, collection: Collection) -> str:
        replica, adds = self._head.replica, self._adds_of(collection) + 1
        collection.head = structs.replace(collection.head, replica=replica, adds=adds)
        return f"{replica}:{adds}"

    def _leave_replica(self, write: PendingWrite) -> None:
        """Number adds under a new replica: the service would remember a gap in the old one's numbers for ever."""
        if write.tag is not None and write.tag.startswith(f"{self._head.replica}:"):
            self._head = structs.replace(self._head, replica=self._new_replica())

    def _unstamp_behind(self, write: PendingWrite, timestamp: Timestamp) -> None:
        """Leave the stamps that are not above the service's own to it: by them it would hold ``write`` to be unseen."""
        of_content = self.queue.of_content(write.collection, write.content_id)
        for each in of_content[of_content.index(write) + 1 :]:
            if each.timestamp <= timestamp:
                self._unstamp(each)

    def _follow_clock(self, timestamp: Timestamp) -> None:
        self._seen = follow(self._seen, timestamp)
        clock = follow(self._head.clock, timestamp)
        if clock is not self._head.clock:
            self._head = structs.replace(self._head, clock=clock)

    def _settle(self, collection: AnyCollection, *, all_answered: bool = False) -> None:
        revision = None if all_answered else collection.revision
        for operation_id in self.queue.settled(collection.name, revision):
            self._drop(operation_id, collection)

    def _put(self, write: PendingWrite) -> None:
        self.queue.put(write)
        self._changes.queue[write.operation_id] = write

    def _drop(self, operation_id: str, collection: AnyCollection) -> None:
        self.queue.drop(operation_id)
        self._changes.queue[operation_id] = None
        self._show_again(collection)

    def _show_again(self, collection: AnyCollection) -> None:
        collection.look_again()
        self._changes.are_visible = True
