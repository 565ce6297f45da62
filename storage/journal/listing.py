"""A list in pages: every page shows the list as it was when the first page was read."""

# How a later page shows the past
# -------------------------------
# No state is kept for a listing. Its bookmark names the revision of the first page. When the list has changed since,
# the operations after that revision say which contents were touched. Every other content is unchanged; each touched one
# is reconstructed from its own operations. Where that is not certain (the history is pruned, or too long to be looked
# through, or a content had several concurrent adds), the listing has expired: a page is never guessed.

from collections import defaultdict
from collections.abc import Iterable, Sequence
from functools import cache
from itertools import takewhile
from typing import Final, NamedTuple

from msgspec import json, structs
from sqlalchemy import BigInteger, bindparam, select, tuple_

from actors.messages.journal import Status
from actors.messages.journal_reads import Bookmark, Item, Page, PageExpired, RegisterPage
from actors.messages.register_kinds import register_kind_of
from crdt.hlc import HLCTimestamp
from storage.databases.database import Transaction
from storage.databases.statements import Row, Statement
from storage.journal.reads import read_head
from storage.journal.registers import newest_update_of
from storage.schema.rows import OPERATION_KINDS, age_of, data_of, item_of, shown_item_of
from storage.schema.rows_in import chunks, places
from storage.schema.tables import entries, operations, registers

MAX_SLICE: Final = 4096
"""Live tags read at once at most; the first slice is as long as the page."""

MAX_LOOKED_THROUGH: Final = 2_000
"""Operations on touched contents that a page may look through, which takes about as long as the page itself."""

_END = (1 << 63) - 1
"""Above every timestamp and every revision."""
_TOP = Bookmark(epoch="", revision=_END, timestamp=_END, added_revision=_END)

_ADD: Final = OPERATION_KINDS["add"]
_REMOVE: Final = OPERATION_KINDS["remove"]
_decode_tags: Final = json.Decoder(tuple[str, ...]).decode

_CONTENT_ID = entries.c.keys().index("content_id")
_AGE = tuple_(entries.c.timestamp, entries.c.added_revision)
_BOOKMARK_AGE = tuple_(bindparam("timestamp", type_=BigInteger), bindparam("added_revision", type_=BigInteger))
_OLDER = Statement(
    select(entries)
    .where(entries.c.line == bindparam("of_line"), _AGE < _BOOKMARK_AGE)
    .order_by(entries.c.timestamp.desc(), entries.c.added_revision.desc())
    .limit(bindparam("size")),
    "of_line",
    "timestamp",
    "added_revision",
    "size",
)
_TOUCHED = select(operations.c.content_id).where(
    operations.c.line == bindparam("of_line"),
    operations.c.revision > bindparam("at"),
)


class _Operation(NamedTuple):
    """What is read of an operation on a touched content: columns of ``operations``."""

    revision: int
    kind: str
    content_id: str
    tags: str
    timestamp: int
    node: str
    device_id: str
    status: str | None
    fields: str | None


_OF_TOUCHED = Statement(
    select(*(operations.c[name] for name in _Operation._fields))
    .where(operations.c.line == bindparam("of_line"), operations.c.content_id.in_(_TOUCHED))
    .order_by(operations.c.revision.desc())
    .limit(bindparam("size")),
    "of_line",
    "at",
    "size",
)


@cache
def _not_older(size: int) -> Statement:
    wanted = places(size)
    # + 0: by the index on age, PostgreSQL might read all that is newer instead of the contents.
    age = tuple_(entries.c.timestamp + 0, entries.c.added_revision)
    return Statement(
        select(entries.c.content_id)
        .where(entries.c.line == bindparam("of_line"), entries.c.content_id.in_(wanted), age >= _BOOKMARK_AGE)
        .distinct(),
        "of_line",
        "timestamp",
        "added_revision",
        *(place.key for place in wanted),
    )


@cache
def _older_registers(*, is_filtered: bool) -> Statement:
    state = registers.c.state
    age = tuple_(registers.c.timestamp, registers.c.revision)
    return Statement(
        select(registers)
        .where(
            registers.c.line == bindparam("of_line"),
            registers.c.revision <= bindparam("at"),
            age < _BOOKMARK_AGE,
            state == bindparam("of_state") if is_filtered else state.is_not(None),
        )
        .order_by(registers.c.timestamp.desc(), registers.c.revision.desc())
        .limit(bindparam("size")),
        "of_line",
        "at",
        "timestamp",
        "added_revision",
        "size",
        *(["of_state"] if is_filtered else []),
    )


def read_page(
    transaction: Transaction, line: str, limit: int, after: Bookmark | None, state: str | None = None
) -> Page | RegisterPage | PageExpired:
    """Return up to ``limit`` items, those that follow ``after``, as the list was at its revision.

    Cost: O(limit), and O(live tags of a content) where there are several; if the list has changed, also a bounded look
    through the history.
    """
    if register_kind_of(line) is not None:
        return _register_page(transaction, line, limit, after, state)
    if after is None:
        return _first_page(transaction, line, limit)
    epoch, head, first_kept = read_head(transaction, line)
    if expired := _expired(after, epoch, head, first_kept):
        return expired
    touched: list[_Operation] = []
    if after.revision < head:
        rows = transaction.execute(_OF_TOUCHED, (line, after.revision, MAX_LOOKED_THROUGH)).fetchall()
        touched = [_Operation(*row) for row in rows]
        if sum(operation.revision > after.revision for operation in touched) != head - after.revision:
            return PageExpired("history_pruned")  # it has a hole, or more was written than may be looked through
    try:
        items = _items_at(touched, after, is_whole=first_kept == 1 and len(touched) < MAX_LOOKED_THROUGH)
    except _Unknown:
        return PageExpired("history_pruned")
    items += _items(transaction, line, after, limit + 1, {operation.content_id for operation in touched})
    return _page(line, after.epoch, after.revision, items, limit)


def _expired(after: Bookmark, epoch: str, head: int, first_kept: int) -> PageExpired | None:
    """Return why what follows ``after`` cannot be told; ``None``: perhaps it can."""
    if after.epoch != epoch or after.revision > head:
        return PageExpired("epoch_changed")
    return PageExpired("history_pruned") if after.revision + 1 < first_kept else None


def _register_page(
    transaction: Transaction, line: str, limit: int, after: Bookmark | None, state: str | None
) -> RegisterPage | PageExpired:
    """Return up to ``limit`` keys with a value, those that follow ``after`` and have not changed since its revision."""
    epoch, head, first_kept = read_head(transaction, line)
    if after is None:
        after = structs.replace(_TOP, epoch=epoch, revision=head)
    elif expired := _expired(after, epoch, head, first_kept):
        return expired
    older = _older_registers(is_filtered=state is not None)
    asked = (line, after.revision, after.timestamp, after.added_revision, limit + 1)
    rows = transaction.execute(older, asked if state is None else (*asked, state)).fetchall()
    items = [newest_update_of(row) for row in rows[:limit]]
    more = None
    if len(rows) > limit:
        last = items[-1]
        more = structs.replace(after, timestamp=last.timestamp.pack(), added_revision=last.revision)
    return RegisterPage(line=line, epoch=epoch, revision=after.revision, items=tuple(items), after=more)


def _first_page(transaction: Transaction, line: str, limit: int) -> Page:
    epoch, head, _ = read_head(transaction, line)
    return _page(line, epoch, head, _items(transaction, line, _TOP, limit + 1, set()), limit)


def _items(transaction: Transaction, line: str, after: Bookmark, count: int, left_out: set[str]) -> list[Item]:
    """Return the first ``count`` items that follow ``after`` in the list as it is now, but none of ``left_out``.

    A content stands where its newest live tag does: at the first one met, unless another one is before ``after``.
    """
    items: list[Item] = []
    met = left_out.copy()
    age, size = (after.timestamp, after.added_revision), count
    while len(items) < count:
        older = transaction.execute(_OLDER, (line, *age, size)).fetchall()
        first_met: dict[str, Row] = {}
        for row in older:
            content_id = row[_CONTENT_ID]
            if content_id not in met:
                met.add(content_id)
                first_met[content_id] = row
        before = _contents_before(transaction, line, after, list(first_met))
        items += [item_of(row) for content_id, row in first_met.items() if content_id not in before]
        if len(older) < size:
            break
        age, size = age_of(item_of(older[-1])), min(2 * size, MAX_SLICE)
    return items[:count]


def _contents_before(transaction: Transaction, line: str, bookmark: Bookmark, content_ids: Sequence[str]) -> set[str]:
    """Return those of ``content_ids`` with a live tag that stands before ``bookmark``, or at it."""
    if bookmark is _TOP:
        return set()
    age = bookmark.timestamp, bookmark.added_revision
    results = [transaction.execute(_not_older(len(wanted)), (line, *age, *wanted)) for wanted in chunks(content_ids)]
    return {content_id for result in results for (content_id,) in result.fetchall()}


def _page(line: str, epoch: str, revision: int, items: list[Item], limit: int) -> Page:
    items.sort(key=age_of, reverse=True)
    after = None
    if len(items) > limit:
        timestamp, added_revision = age_of(items[limit - 1])
        after = Bookmark(epoch=epoch, revision=revision, timestamp=timestamp, added_revision=added_revision)
    # As devices sort: of two stamps of one moment that of the greater node is the later.
    shown = sorted(items[:limit], key=lambda item: (item.timestamp, item.added_revision), reverse=True)
    return Page(line=line, epoch=epoch, revision=revision, items=tuple(shown), after=after)


class _Unknown(Exception):
    """The remaining history does not say whether a content was in the list."""


def _items_at(newest_first: Iterable[_Operation], after: Bookmark, *, is_whole: bool) -> list[Item]:
    """Return the touched contents that were in the list at the bookmark's revision and belong after it.

    ``is_whole``: these are all operations that there ever were on the touched contents.

    Raises:
        _Unknown: that is not certain.
    """
    by_content: dict[str, list[_Operation]] = defaultdict(list)
    for operation in newest_first:
        by_content[operation.content_id].append(operation)
    items = (_item_at(of_content, after.revision, is_whole) for of_content in by_content.values())
    return [item for item in items if item is not None and age_of(item) < (after.timestamp, after.added_revision)]


def _item_at(newest_first: Sequence[_Operation], revision: int, is_whole: bool) -> Item | None:
    """Return one content's item at ``revision``; the first of its operations is later."""
    *_, next_one = takewhile(lambda operation: operation.revision > revision, newest_first)
    earlier = [operation for operation in newest_first if operation.revision <= revision]
    if next_one.kind == _REMOVE:  # it names the tags that it removed, newest first: those were the item
        tag = _decode_tags(next_one.tags)[0]
        added = [add for add in earlier if add.kind == _ADD and _decode_tags(add.tags)[0] == tag]
    elif next_one.status == Status.ADDED:  # so it was not there before
        return None
    else:
        added = _perhaps_live(earlier, is_whole=is_whole)
        if not added:
            return None
    if len(added) != 1:  # of several, a later one may or may not have replaced the tags of the others
        raise _Unknown
    # What it carries is that of the last add, which may have been of another of its tags.
    return _item(added[0], next(operation.fields for operation in earlier if operation.kind == _ADD))


def _perhaps_live(newest_first: Iterable[_Operation], *, is_whole: bool) -> list[_Operation]:
    """Return the adds of one content that may be live behind these operations.

    What left a single tag ends the search: whatever took that later took the content with it, and was recorded.

    Raises:
        _Unknown: there may be others, which were pruned.
    """
    adds: list[_Operation] = []
    for operation in newest_first:
        if operation.kind == _REMOVE:
            return adds
        adds.append(operation)
        if operation.status == Status.ADDED or shown_item_of(operation.fields).is_lone:
            return adds
    if not is_whole:
        raise _Unknown
    return adds


def _item(add: _Operation, fields: str | None) -> Item:
    shown = shown_item_of(fields)
    return Item(
        content_id=add.content_id,
        tag=_decode_tags(add.tags)[0],
        added_revision=add.revision,
        timestamp=HLCTimestamp.unpack(add.timestamp, add.node),
        device_id=add.device_id,
        data=data_of(shown.data),
        position=shown.position,
    )
