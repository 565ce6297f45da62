"""What the journal is told and answers: operations, the updates they became, and their outcomes.

All values are frozen: Pykka copies nothing. What names no ``reply_to`` also crosses to the store's processes and back;
those that may answer one request are tagged, so that they can be told apart there.
"""

from enum import StrEnum
from typing import Final, Literal

from msgspec import Struct

from actors.messages.change import Change
from actors.messages.collections import WATCHLIST
from actors.messages.devices import ReadDevices, WritePresence
from actors.messages.failures import ReadFailed
from actors.messages.lists import DeleteList, PutList, ReadLists
from actors.messages.registers import ReadRegister, RegisterChange, RegisterOperation, RegisterUpdate
from actors.messages.trace import Trace
from actors.runtime.tell import Tell
from crdt.hlc import HLCTimestamp

SLICE_ROWS: Final = 500
"""What is read for a device at once: between two slices of one user the others' reads get their turn."""


class Operation(Struct, frozen=True, kw_only=True, omit_defaults=True, tag=True):
    """A change of a set that somebody wants, stamped by ``WatchlistSync``; not yet in the journal."""

    line: str
    device_id: str
    change: Change
    timestamp: HLCTimestamp
    """The author's own stamp, or the service's."""
    is_stamped_here: bool = False
    """Its author has left the stamp out, which is to be later than all that its line has by then."""
    removed_tags: tuple[str, ...] = ()
    """A remove that names its tags (a foreign publisher's) takes exactly these, seen or not."""

    @property
    def content_id(self) -> str:
        """Of the change."""
        return self.change.content_id


class Update(Struct, frozen=True, kw_only=True):
    """A committed operation: what ``operations`` holds and every device of the user is shown."""

    line: str
    revision: int
    """1, 2, 3 … per line, without gaps."""
    change: Change
    """Without the author's ``tag``, ``observed`` and ``timestamp``: they led to what follows. ``data`` and ``position``
    are the item's, after it."""
    tags: tuple[str, ...]
    """An add's one tag; a remove's tags, newest first, never empty."""
    timestamp: HLCTimestamp
    device_id: str

    @property
    def content_id(self) -> str:
        """Of the change."""
        return self.change.content_id


AnyOperation = Operation | RegisterOperation
AnyUpdate = Update | RegisterUpdate


class Status(StrEnum):
    """What became of one operation."""

    ADDED = "added"
    EXISTING = "existing"  # it is in the list: it was before this add, or a concurrent add outlived this remove
    REMOVED = "removed"
    UPDATED = "updated"  # of a register, as the next
    SUPERSEDED = "superseded"  # a later word was there already, and the update says it
    NOT_FOUND = "not_found"
    REFUSED = "refused"


Quota = Literal[
    "items_per_list", "tags_per_item", "gaps_per_replica", "replicas_per_user", "lists_per_user", "keys_per_user"
]  # fmt: skip
"""What bounds what one user makes grow in the journal: the names of its settings, without ``max_``."""


class Outcome(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The answer to one operation.

    ``update`` is the journal's record of it, also when a retry gets the first answer; ``None``: nothing was
    written. Of a register there is ``register`` in its place, which says what is there now: also when the operation
    was superseded. ``own_stamp`` is that of a word that holds where ``register`` has a later one, of what it did
    not say. ``is_new`` is true only in the answer to the commit that wrote it: such an update must be relayed.
    ``begins_list``, then, says that there was no such list before. ``reason`` says in one sentence why an operation
    was refused, ``field`` which part of it is to blame, ``retry_after_s`` that the same may succeed later, and
    ``quota`` which bound was met. Of an add that was taken, ``quota`` says that the oldest tags had to go for it.
    """

    status: Status
    update: Update | None = None
    register: RegisterUpdate | None = None
    own_stamp: HLCTimestamp | None = None
    forgotten: tuple[RegisterUpdate, ...] = ()
    """What had to go for it, at the revisions before, if it is new."""
    is_new: bool = False
    begins_list: bool = False
    reason: str | None = None
    field: str | None = None
    retry_after_s: float | None = None
    quota: Quota | None = None

    @property
    def exceeds_quota(self) -> bool:
        """Whether it was refused because of a bound: then nothing happened, and nothing of it is remembered."""
        return self.quota is not None and self.status is Status.REFUSED

    @property
    def revision(self) -> int | None:
        """Of its update."""
        return None if (shown := self.shown) is None else shown.revision

    @property
    def timestamp(self) -> HLCTimestamp | None:
        """Of its update; of a word on a register its own if it holds, else that of the later one."""
        return self.own_stamp or (None if (shown := self.shown) is None else shown.timestamp)

    @property
    def shown(self) -> AnyUpdate | None:
        """What devices are shown of it, if it is new."""
        return self.update or self.register

    @property
    def news(self) -> tuple[AnyUpdate, ...]:
        """The updates that it has added to the history, in order."""
        return (*self.forgotten, self.shown) if self.is_new and self.shown is not None else ()


class DeviceWrite(Struct, frozen=True, eq=False, kw_only=True):
    """A change that a device or a foreign publisher wants; its shape is valid, nothing else is known."""

    user_id: str
    device_id: str
    change: Change | RegisterChange
    answer: Tell[Outcome] | None
    """Must be told exactly once. Never raises; the device may have gone meanwhile. ``None``: nobody waits."""
    removed_tags: tuple[str, ...] = ()
    """As in ``Operation``: only a foreign publisher names the tags it removes."""
    trace: Trace | None = None
    """If the write is followed."""
    collection: str = WATCHLIST


class Committed(Struct, frozen=True):
    """One transaction's outcomes for one ``Commit.reply_to``, in the order asked (new revisions ascend)."""

    commits: tuple["Commit", ...]
    outcomes: tuple[Outcome, ...]
    epoch: str | None = None
    """Of what was committed; ``None``: nothing was."""


class Commit(Struct, frozen=True, eq=False):
    """Put ``operation`` into the journal. What follows ``reply_to`` is carried through for its use."""

    operation: AnyOperation
    reply_to: Tell[Committed]
    write: DeviceWrite | None = None
    """What the operation was made of."""
    accepted_s: float = 0.0
    """When the write came, on the asker's monotonic clock."""


class Head(Struct, frozen=True, kw_only=True):
    """Where a line stands; revision 0: nothing was ever written."""

    line: str
    revision: int
    clock: HLCTimestamp
    """The greatest timestamp committed; physical 0 if there is none."""
    epoch: str = ""
    """Of the database."""


class LoadHeads(Struct, frozen=True, eq=False):
    """Ask where these lines stand."""

    lines: tuple[str, ...]
    reply_to: Tell["HeadsLoaded"]


class HeadsLoaded(Struct, frozen=True):
    """The answer to ``LoadHeads``, same order; ``None``: the store is unavailable, ask again later."""

    heads: tuple[Head, ...] | None


class ReadChanges(Struct, frozen=True, eq=False):
    """Ask for up to ``limit`` updates after ``revision``.

    ``epoch``: the asker's, from an earlier answer; ``None`` accepts any. ``prefers_list``: where there are more than
    ``limit`` updates, and no fewer than the list has items, the list is to be read instead.
    """

    user_id: str
    revision: int
    limit: int
    reply_to: Tell["Changes | ChangesExpired | ReadFailed"]
    epoch: str | None = None
    prefers_list: bool = False
    collection: str = WATCHLIST


class Changes(Struct, frozen=True, kw_only=True, tag=True):
    """Consecutive updates of a line that follow the revision asked for, as every device is shown them."""

    line: str
    epoch: str
    revision: int
    """Of the last one; if there is none, the revision asked for."""
    head: int
    """Where the line stands."""
    updates: tuple[bytes, ...]
    """The JSON of a ``watchlist_update``, ``list_update`` or ``progress_update`` each: it only passes through."""
    revisions: tuple[int, ...] | None = None
    """Theirs, of registers, whose history keeps each key's newest: those before ``revision`` that are missing were
    superseded. ``None``: they are consecutive, and end with ``revision``."""

    @property
    def has_more(self) -> bool:
        """Whether the journal goes on after ``revision``."""
        return self.revision < self.head


ExpiryReason = Literal["history_pruned", "epoch_changed"]
"""Older than the kept history; or the database was restored or emptied."""


class ChangesExpired(Struct, frozen=True, tag=True):
    """What follows the revision asked for cannot be told, or not as soon: the whole list has to be read instead."""

    reason: ExpiryReason | Literal["list_is_shorter"]
    head: int
    """Where the line stands."""


class Item(Struct, frozen=True, kw_only=True):
    """One content in a list: the newest of its live tags."""

    content_id: str
    tag: str
    added_revision: int
    timestamp: HLCTimestamp
    device_id: str
    data: bytes | None = None
    """As JSON: it only passes through, and may be hundreds of objects for each of 1,000 items."""
    position: str | None = None


class Bookmark(Struct, frozen=True, kw_only=True):
    """Where a page of a listing ended: what follows is the same list, as it was at ``revision``."""

    epoch: str
    revision: int
    timestamp: int
    """Of the last item shown, packed."""
    added_revision: int
    """Of the last item shown."""


class Page(Struct, frozen=True, kw_only=True, tag=True):
    """A part of a list at one revision, newest first."""

    line: str
    epoch: str
    revision: int
    items: tuple[Item, ...]
    after: Bookmark | None = None
    """Asks for the next part; ``None``: that was all."""


class RegisterPage(Struct, frozen=True, kw_only=True, tag=True):
    """A part of the keys that have a value, those of the newest stamps first.

    What has changed after ``revision``, that of the first page, is not in later ones: it is in the changes since then.
    """

    line: str
    epoch: str
    revision: int
    items: tuple[RegisterUpdate, ...]
    after: Bookmark | None = None
    """As of a ``Page``."""


class SnapshotPage(Struct, frozen=True, kw_only=True, tag=True):
    """A ``Page`` as devices are shown it."""

    epoch: str
    revision: int
    items: bytes
    """The JSON of a ``SnapshotItem`` each, with commas between."""
    after: Bookmark | None = None


class PageExpired(Struct, frozen=True, tag=True):
    """The list as it was at the bookmark's revision cannot be told any more."""

    reason: ExpiryReason


class ReadPage(Struct, frozen=True, eq=False):
    """Ask for up to ``limit`` items: the newest, or those that follow ``after``."""

    user_id: str
    limit: int
    reply_to: Tell["Page | RegisterPage | PageExpired | ReadFailed"]
    after: Bookmark | None = None
    collection: str = WATCHLIST
    state: str | None = None
    """Of registers: only those of this state, see ``RegisterKind``."""


class ReadSnapshotPage(Struct, frozen=True, eq=False):
    """As ``ReadPage``, for devices."""

    user_id: str
    limit: int
    reply_to: Tell["SnapshotPage | PageExpired | ReadFailed"]
    after: Bookmark | None = None
    collection: str = WATCHLIST


class Settled(Struct, frozen=True):
    """Every commit that was told before ``Settle`` is answered."""


class Settle(Struct, frozen=True, eq=False):
    """Ask to be told when every commit told before is answered: a barrier, which orders nothing else."""

    reply_to: Tell[Settled]


class Probe(Struct, frozen=True):
    """Look whether the database can be written and read, as far as nobody's use of it shows that. Not answered."""


JournalMessage = (
    Commit | LoadHeads | ReadChanges | ReadPage | ReadSnapshotPage | ReadLists | ReadDevices | ReadRegister
    | PutList | DeleteList | WritePresence | Settle | Probe
)  # fmt: skip
