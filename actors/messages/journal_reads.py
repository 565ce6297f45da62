"""What the journal is asked for and answers: where lines stand, what has changed in them, and what they hold.

All values are frozen: Pykka copies nothing. Types without a ``reply_to`` also cross to the store's processes and back;
those that may answer the same request are tagged, so that they can be told apart there.
"""

from typing import Final, Literal

from msgspec import Struct

from actors.messages.collections import WATCHLIST
from actors.messages.failures import ReadFailed
from actors.messages.registers import RegisterUpdate
from actors.runtime.tell import Tell
from crdt.hlc import HLCTimestamp

SLICE_ROWS: Final = 500
"""What is read for a device at once: between two slices of one user the others' reads get their turn."""


class Head(Struct, frozen=True, kw_only=True):
    """Where a line stands; revision 0: nothing was ever written."""

    line: str
    revision: int
    clock: HLCTimestamp
    """The greatest timestamp committed; physical 0 if there is none."""
    epoch: str = ""
    """The database's."""


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
    """That of the last one; if there is none, the revision asked for."""
    head: int
    """Where the line stands."""
    updates: tuple[bytes, ...]
    """The JSON of a ``watchlist_update``, ``list_update`` or ``progress_update`` each: no object is made of what only
    passes through."""
    revisions: tuple[int, ...] | None = None
    """Of the ``updates`` of registers, whose history keeps each key's newest alone: revisions that are missing were
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
    """The stamp of the last item shown, packed."""
    added_revision: int
    """That of the last item shown."""


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
    """With registers, only those in this state: see ``RegisterKind``."""


class ReadSnapshotPage(Struct, frozen=True, eq=False):
    """As ``ReadPage``, for devices."""

    user_id: str
    limit: int
    reply_to: Tell["SnapshotPage | PageExpired | ReadFailed"]
    after: Bookmark | None = None
    collection: str = WATCHLIST
