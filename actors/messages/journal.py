"""What the journal takes and answers: operations, the updates they became, and their outcomes.

All values are frozen: Pykka copies nothing, and these cross from the event loop to the journal's thread and back.
"""

from collections.abc import Callable
from enum import StrEnum
from typing import TypeVar

from msgspec import Struct

from actors.messages.sync import WatchlistAction
from actors.tracing import Trace
from crdt.hlc import HLCTimestamp

M_contra = TypeVar("M_contra", contravariant=True)
Tell = Callable[[M_contra], None]
"""Where a message goes: ``ref.tell`` in the service, ``list.append`` in a test. Must not block and must not raise."""


class Operation(Struct, frozen=True, kw_only=True):
    """A change somebody wants, stamped by ``WatchlistSync``; not yet in the journal."""

    user_id: str
    device_id: str
    action: WatchlistAction
    content_id: str
    """Canonical lower-case UUID."""
    timestamp: HLCTimestamp
    operation_id: str | None = None
    """Chosen by the author; a second operation of the user with this id gets the first one's outcome."""
    tag: str | None = None
    """The author's own tag of an add; without it the journal mints one."""
    observed: int | None = None
    """The author had seen every revision up to this one; ``None``: all that is in the journal at commit."""
    removed_tags: tuple[str, ...] = ()
    """A remove that names its tags (a foreign publisher's) takes exactly these, seen or not."""


class Update(Struct, frozen=True, kw_only=True):
    """A committed operation: what ``operations`` holds and every device of the user is shown."""

    user_id: str
    revision: int
    """1, 2, 3 … per user, without gaps."""
    action: WatchlistAction
    content_id: str
    tags: tuple[str, ...]
    """An add's one tag; a remove's tags, newest first, never empty."""
    timestamp: HLCTimestamp
    device_id: str
    operation_id: str | None = None


class Status(StrEnum):
    """What became of one operation."""

    ADDED = "added"
    EXISTING = "existing"  # it is in the list: it was before this add, or a concurrent add outlived this remove
    REMOVED = "removed"
    NOT_FOUND = "not_found"
    REFUSED = "refused"


class Outcome(Struct, frozen=True, kw_only=True):
    """The answer to one operation.

    ``update`` is the journal's record of it, also when a retry gets the first answer; ``None``: nothing was written.
    ``is_new`` is true only in the answer to the commit that wrote it: such an update must be relayed.
    ``reason`` says in one sentence why an operation was refused, ``field`` which part of it is to blame, and
    ``retry_after_s`` that the same may succeed later.
    """

    status: Status
    update: Update | None = None
    is_new: bool = False
    reason: str | None = None
    field: str | None = None
    retry_after_s: float | None = None

    @property
    def revision(self) -> int | None:
        """Of its update."""
        return None if self.update is None else self.update.revision


class Committed(Struct, frozen=True):
    """One transaction's outcomes for one ``Commit.reply_to``, in the order asked (new revisions ascend)."""

    commits: tuple["Commit", ...]
    outcomes: tuple[Outcome, ...]


class Commit(Struct, frozen=True, eq=False):
    """Put ``operation`` into the journal. What follows ``reply_to`` is carried through for its use."""

    operation: Operation
    reply_to: Tell[Committed]
    answer: Tell[Outcome] | None = None
    """The writer's."""
    accepted_s: float = 0.0
    """When the write came, on the asker's monotonic clock."""
    trace: Trace | None = None
    """Of a followed write."""


class Head(Struct, frozen=True, kw_only=True):
    """Where a user's journal stands; revision 0: nothing was ever written."""

    user_id: str
    revision: int
    clock: HLCTimestamp
    """The greatest timestamp committed; physical 0 for a new user."""
    epoch: str = ""
    """Of the database."""


class LoadHeads(Struct, frozen=True, eq=False):
    """Ask where these users stand."""

    user_ids: tuple[str, ...]
    reply_to: Tell["HeadsLoaded"]


class HeadsLoaded(Struct, frozen=True):
    """The answer to ``LoadHeads``, same order; ``None``: the store is unavailable, ask again later."""

    heads: tuple[Head, ...] | None


class ReadSince(Struct, frozen=True, eq=False):
    """Ask for every update after ``revision``.

    ``epoch``: the asker's, from an earlier answer; ``None`` accepts any.
    """

    user_id: str
    revision: int
    reply_to: Tell["Changes | Snapshot | ReadFailed"]
    epoch: str | None = None


class Changes(Struct, frozen=True, kw_only=True):
    """Every update of ``user_id`` after the revision asked for, in order, up to ``revision`` inclusive."""

    user_id: str
    epoch: str
    revision: int
    updates: tuple[Update, ...]
    has_more: bool = False
    """The journal goes on after ``revision``; only if a limit was asked for."""


class Item(Struct, frozen=True, kw_only=True):
    """One content in a watchlist: the newest of its live tags."""

    content_id: str
    tag: str
    added_revision: int
    timestamp: HLCTimestamp
    device_id: str


class Snapshot(Struct, frozen=True, kw_only=True):
    """The whole watchlist at one revision, newest first.

    ``reason``: why changes could not be given instead: ``history_pruned`` (older than the kept history) or
    ``epoch_changed`` (the database was restored or emptied).
    """

    user_id: str
    epoch: str
    revision: int
    items: tuple[Item, ...]
    reason: str


class Bookmark(Struct, frozen=True, kw_only=True):
    """Where a page of a listing ended: what follows is the same list, as it was at ``revision``."""

    epoch: str
    revision: int
    timestamp: int
    """Of the last item shown, packed."""
    added_revision: int
    """Of the last item shown."""


class Page(Struct, frozen=True, kw_only=True):
    """A part of the watchlist at one revision, newest first; ``after`` asks for the next part, ``None``: that was all.

    ``reason``: why a list is given instead of changes, as in ``Snapshot``.
    """

    user_id: str
    epoch: str
    revision: int
    items: tuple[Item, ...]
    after: Bookmark | None = None
    reason: str | None = None


class PageExpired(Struct, frozen=True):
    """The list as it was at the bookmark's revision cannot be told any more; ``reason`` as in ``Snapshot``."""

    reason: str


class ReadPage(Struct, frozen=True, eq=False):
    """Ask for up to ``limit`` items: the newest, or those that follow ``after``."""

    user_id: str
    limit: int
    reply_to: Tell["Page | PageExpired | ReadFailed"]
    after: Bookmark | None = None


class ReadChanges(Struct, frozen=True, eq=False):
    """Ask for up to ``limit`` updates after ``revision``; a first page of ``limit`` items when they cannot be had.

    ``epoch``: as in ``ReadSince``.
    """

    user_id: str
    revision: int
    limit: int
    reply_to: Tell["Changes | Page | ReadFailed"]
    epoch: str | None = None


class ReadFailed(Struct, frozen=True):
    """The store could not answer now; ``reason`` for the operator's log and the 503."""

    reason: str


JournalMessage = Commit | LoadHeads | ReadSince | ReadPage | ReadChanges
