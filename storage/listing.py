"""A list in pages: every page shows the list as it was when the first page was read."""

# How a later page shows the past
# -------------------------------
# No state is kept for a listing. Its bookmark names the revision of the first page. When the list has changed since,
# the operations after that revision say which contents were touched. Every other content is unchanged; each touched one
# is reconstructed from its own operations. Where that is not certain (the history is pruned, or a content was added
# several times), the listing has expired: a page is never guessed.

from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import takewhile
from uuid import UUID

from sqlalchemy import BigInteger, BindParameter, bindparam, select, true, tuple_

from actors.messages.journal import Bookmark, Changes, Item, Page, PageExpired, Update
from crdt.hlc import HLCTimestamp
from storage.database import Transaction
from storage.reads import SnapshotReason, read_updates
from storage.rows import update_of
from storage.statements import Row, Statement
from storage.tables import EPOCH, entries, heads, meta, operations

_END = (1 << 63) - 1
"""Above every timestamp and every revision."""

_OF_USER: BindParameter[str] = bindparam("of_user")
_AT = bindparam("at", type_=BigInteger)
_TOUCHED = select(operations.c.content_id).where(operations.c.user_id == _OF_USER, operations.c.revision > _AT)
_OTHER = entries.alias("other")
_ENTRY_AGE = tuple_(entries.c.timestamp, entries.c.added_revision)
_BOOKMARK_AGE = tuple_(bindparam("timestamp", type_=BigInteger), bindparam("added_revision", type_=BigInteger))
# No EXISTS and no equality: PostgreSQL would make a join of the one, and of the other expect so few rows that it would
# sort the whole list. One index has the order of the page, another the newest tag: few rows are read but not shown.
_NEWEST_OF_CONTENT = (
    select(_OTHER.c.timestamp, _OTHER.c.added_revision)
    .where(_OTHER.c.user_id == entries.c.user_id, _OTHER.c.content_id == entries.c.content_id)
    .order_by(_OTHER.c.timestamp.desc(), _OTHER.c.added_revision.desc())
    .limit(1)
    .scalar_subquery()
)
_PAGE = (
    select(entries)
    .where(
        entries.c.user_id == _OF_USER,
        _ENTRY_AGE < _BOOKMARK_AGE,
        entries.c.content_id.not_in(_TOUCHED),
        _ENTRY_AGE >= _NEWEST_OF_CONTENT,
    )
    .order_by(entries.c.timestamp.desc(), entries.c.added_revision.desc())
    .limit(bindparam("size"))
    .subquery("page")
)
# At least one row, as in ``reads``; one statement, and therefore one revision, at any isolation level.
_HEAD_AND_PAGE = Statement(
    select(meta.c.value, heads.c.revision, heads.c.first_revision, _PAGE)
    .select_from(meta.outerjoin(heads, heads.c.user_id == _OF_USER).outerjoin(_PAGE, true()))
    .where(meta.c.key == EPOCH),
    "of_user",
    "at",
    "timestamp",
    "added_revision",
    "size",
)
_OF_TOUCHED = Statement(
    select(heads.c.first_revision, operations)
    .join(heads, heads.c.user_id == operations.c.user_id)
    .where(
        operations.c.user_id == _OF_USER,
        operations.c.revision <= bindparam("up_to"),
        operations.c.content_id.in_(_TOUCHED.where(operations.c.revision <= bindparam("up_to"))),
    )
    .order_by(operations.c.revision),
    "of_user",
    "at",
    "up_to",
)


def read_changes(
    transaction: Transaction, user_id: str, revision: int, limit: int, epoch: str | None
) -> Changes | Page:
    """Return up to ``limit`` updates after ``revision``, or the first page of the list with its reason."""
    updates = read_updates(transaction, user_id, revision, limit, epoch)
    return updates if isinstance(updates, Changes) else _first_page(transaction, user_id, limit, updates)


def read_page(transaction: Transaction, user_id: str, limit: int, after: Bookmark | None) -> Page | PageExpired:
    """Return up to ``limit`` items, those that follow ``after``, as the list was at its revision.

    Cost: O(limit), and O(live tags of a content) where there are several; O(history) as well if the list has changed.
    """
    if after is None:
        return _first_page(transaction, user_id, limit, None)
    rows = _rows(transaction, user_id, limit, after)
    epoch, head, first_kept = rows[0][:3]
    head, first_kept = head or 0, first_kept or 1
    if after.epoch != epoch or after.revision > head:
        return PageExpired("epoch_changed")
    if after.revision + 1 < first_kept:
        return PageExpired("history_pruned")
    items = _items(rows)
    if after.revision < head:
        touched = transaction.execute(_OF_TOUCHED, (user_id, after.revision, head)).fetchall()
        history = [update_of(row[1:]) for row in touched]
        if sum(update.revision > after.revision for update in history) != head - after.revision:
            return PageExpired("history_pruned")  # another node pruned between the two statements
        try:
            items += _items_at(history, after, is_whole=touched[0][0] == 1)
        except _Unknown:
            return PageExpired("history_pruned")
    return _page(user_id, after.epoch, after.revision, items, limit)


def _first_page(transaction: Transaction, user_id: str, limit: int, reason: SnapshotReason | None) -> Page:
    everything = Bookmark(epoch="", revision=_END, timestamp=_END, added_revision=_END)
    rows = _rows(transaction, user_id, limit, everything)
    epoch, head = rows[0][:2]
    return _page(user_id, epoch, head or 0, _items(rows), limit, reason)


def _rows(transaction: Transaction, user_id: str, limit: int, after: Bookmark) -> list[Row]:
    parameters = (user_id, after.revision, after.timestamp, after.added_revision, limit + 1)
    return transaction.execute(_HEAD_AND_PAGE, parameters).fetchall()


def _page(
    user_id: str, epoch: str, revision: int, items: list[Item], limit: int, reason: SnapshotReason | None = None
) -> Page:
    items.sort(key=_age, reverse=True)
    shown = tuple(items[:limit])
    after = None
    if len(items) > limit:
        timestamp, added_revision = _age(shown[-1])
        after = Bookmark(epoch=epoch, revision=revision, timestamp=timestamp, added_revision=added_revision)
    return Page(user_id=user_id, epoch=epoch, revision=revision, items=shown, after=after, reason=reason)


def _age(item: Item) -> tuple[int, int]:
    """Return the key that the statement orders by."""
    return item.timestamp.pack(), item.added_revision


class _Unknown(Exception):
    """The remaining history does not say whether a content was in the list."""


def _items_at(history: Iterable[Update], after: Bookmark, *, is_whole: bool) -> list[Item]:
    """Return the touched contents that were in the list at the bookmark's revision and belong after it.

    ``history``: every kept operation on the touched contents, in order; ``is_whole``: none was pruned.

    Raises:
        _Unknown: that is not certain.
    """
    by_content: dict[UUID, list[Update]] = defaultdict(list)
    for update in history:
        by_content[update.change.content_id].append(update)
    items = (_item_at(updates, after.revision, is_whole) for updates in by_content.values())
    return [item for item in items if item is not None and _age(item) < (after.timestamp, after.added_revision)]


def _item_at(updates: Sequence[Update], revision: int, is_whole: bool) -> Item | None:
    """Return one content's item at ``revision``; ``updates``: those kept of the content, at least one of them later."""
    earlier = [update for update in updates if update.revision <= revision]
    later = updates[len(earlier)]
    if later.change.action == "remove":  # it names the tags that it removed, newest first: those were the item
        added = [update for update in earlier if update.change.action == "add" and update.tags[0] == later.tags[0]]
    elif is_whole or any(update.change.action == "remove" for update in earlier):
        added = list(takewhile(lambda update: update.change.action == "add", reversed(earlier)))
        if not added:
            return None
    else:  # an add may have been pruned
        added = []
    if len(added) != 1:  # of several, a later one may or may not have replaced the tags of the others
        raise _Unknown
    return _item(added[0])


def _item(add: Update) -> Item:
    return Item(
        content_id=add.content_id,
        tag=add.tags[0],
        added_revision=add.revision,
        timestamp=add.timestamp,
        device_id=add.device_id,
    )


def _items(rows: Sequence[Row]) -> list[Item]:
    return [
        Item(
            content_id=content_id,
            tag=tag,
            added_revision=added_revision,
            timestamp=HLCTimestamp.unpack(timestamp, node),
            device_id=device_id,
        )
        for _, _, _, _, content_id, tag, added_revision, timestamp, node, device_id in rows
        if content_id is not None
    ]
