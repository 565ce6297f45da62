"""What the journal is told and answers: operations, the updates they became, and their outcomes.

All values are frozen: Pykka copies nothing. Types without a ``reply_to`` also cross to the store's processes and back;
those that may answer the same request are tagged, so that they can be told apart there.
"""

from enum import StrEnum
from typing import Literal

from msgspec import Struct

from actors.messages.change import Change
from actors.messages.collections import WATCHLIST
from actors.messages.devices import ReadDevices, WritePresence
from actors.messages.journal_reads import LoadHeads, ReadChanges, ReadPage, ReadSnapshotPage
from actors.messages.lists import DeleteList, PutList, ReadLists
from actors.messages.registers import ReadRegister, RegisterChange, RegisterOperation, RegisterUpdate
from actors.messages.trace import Trace
from actors.runtime.tell import Tell
from crdt.hlc import HLCTimestamp


class Operation(Struct, frozen=True, kw_only=True, omit_defaults=True, tag=True):
    """A change of a set that somebody wants, stamped by ``WatchlistSync``; not yet in the journal."""

    line: str
    device_id: str
    change: Change
    timestamp: HLCTimestamp
    """The author's own stamp, or the service's."""
    is_stamped_here: bool = False
    """Its author sent no stamp: the one it gets is to be later than all that its line has by then."""
    removed_tags: tuple[str, ...] = ()
    """A remove that names its tags (a foreign publisher's) takes exactly these, seen or not."""

    @property
    def content_id(self) -> str:
        """That of the change."""
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
        """That of the change."""
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
    """The answer to one operation."""

    status: Status
    update: Update | None = None
    """The journal's record of it, also when a retry gets the first answer; ``None``: nothing was written."""
    register: RegisterUpdate | None = None
    """For a register, in place of ``update``: what is there now, even if the operation was superseded."""
    own_stamp: HLCTimestamp | None = None
    """The operation's stamp, if it holds although ``register`` has a later one, of members that it did not say."""
    forgotten: tuple[RegisterUpdate, ...] = ()
    """Keys that had to go to make room for it, at the revisions just before, if it is new."""
    is_new: bool = False
    """Only in the answer to the commit that wrote it: such an update must be relayed."""
    begins_list: bool = False
    """It is new, and there was no such list before."""
    reason: str | None = None
    """Why it was refused, in one sentence."""
    field: str | None = None
    """Which part of it is to blame for that."""
    retry_after_s: float | None = None
    """It was refused, and the same may succeed later."""
    quota: Quota | None = None
    """Which bound was met. Of an add that was accepted: the oldest tags had to go for it."""

    @property
    def exceeds_quota(self) -> bool:
        """Whether it was refused because of a bound: then nothing happened, and nothing of it is remembered."""
        return self.quota is not None and self.status is Status.REFUSED

    @property
    def revision(self) -> int | None:
        """That of its update."""
        shown = self.shown
        return None if shown is None else shown.revision

    @property
    def timestamp(self) -> HLCTimestamp | None:
        """That of its update; for a register the operation's own if it holds, else that of the later one."""
        if self.own_stamp is not None:
            return self.own_stamp
        shown = self.shown
        return None if shown is None else shown.timestamp

    @property
    def shown(self) -> AnyUpdate | None:
        """What devices are shown of it, if it is new."""
        return self.update or self.register

    @property
    def news(self) -> tuple[AnyUpdate, ...]:
        """The updates that it has added to the history, in order."""
        if not self.is_new or self.shown is None:
            return ()
        return (*self.forgotten, self.shown)


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
    """If the write is traced."""
    collection: str = WATCHLIST


class Committed(Struct, frozen=True):
    """One transaction's outcomes for one ``Commit.reply_to``, in the order asked (new revisions ascend)."""

    commits: tuple["Commit", ...]
    outcomes: tuple[Outcome, ...]
    epoch: str | None = None
    """The epoch of what was committed; ``None``: nothing was."""


class Commit(Struct, frozen=True, eq=False):
    """Put ``operation`` into the journal. The fields after ``reply_to`` are carried through for whoever is told."""

    operation: AnyOperation
    reply_to: Tell[Committed]
    write: DeviceWrite | None = None
    """From which the operation was made."""
    accepted_s: float = 0.0
    """When the write came, on the asker's monotonic clock."""


class Settled(Struct, frozen=True):
    """Every commit that was told before ``Settle`` is answered."""


class Settle(Struct, frozen=True, eq=False):
    """Ask to be told when every commit told before is answered: a barrier, which orders nothing else."""

    reply_to: Tell[Settled]


class Probe(Struct, frozen=True):
    """Check that the database can be written and read, unless its use has just shown that. Not answered."""


JournalMessage = (
    Commit | LoadHeads | ReadChanges | ReadPage | ReadSnapshotPage | ReadLists | ReadDevices | ReadRegister
    | PutList | DeleteList | WritePresence | Settle | Probe
)  # fmt: skip
