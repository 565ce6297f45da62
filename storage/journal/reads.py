"""Reads of the journal: heads, and updates after a revision."""

from collections.abc import Sequence
from functools import cache

from sqlalchemy import bindparam, select

from actors.messages.collections import list_in, parts_of
from actors.messages.journal_reads import Changes, ChangesExpired, Head
from actors.messages.register_kinds import register_kind_of
from crdt.hlc import HLCTimestamp
from storage.databases.database import Transaction
from storage.databases.statements import Statement
from storage.journal.registers import read_register_changes
from storage.schema.rows import SHOWN, head_of, shown_json
from storage.schema.rows_in import chunks, places
from storage.schema.tables import EPOCH, heads, meta, operations

# At least one row, also for a user who never wrote: then every column but the epoch is NULL.
_EPOCH = meta.c.value
_CURRENT_EPOCH = Statement(select(_EPOCH).where(meta.c.key == EPOCH))
_WITH_HEAD = meta.outerjoin(heads, heads.c.line == bindparam("of_line"))
_HEAD = Statement(
    select(_EPOCH, heads.c.revision, heads.c.first_revision).select_from(_WITH_HEAD).where(meta.c.key == EPOCH),
    "of_line",
)
_ITEMS = Statement(
    select(heads.c["items"], heads.c.counted_revision).where(heads.c.line == bindparam("of_line")), "of_line"
)
_UPDATES = Statement(
    select(*(operations.c[name] for name in SHOWN))
    .where(
        operations.c.line == bindparam("of_line"),
        operations.c.revision > bindparam("after"),
        operations.c.revision <= bindparam("up_to"),
    )
    .order_by(operations.c.revision),
    "of_line",
    "after",
    "up_to",
)


_DELETED_REVISION = Statement(select(heads.c.deleted_revision).where(heads.c.line == bindparam("of_line")))


@cache
def _heads(size: int) -> Statement:
    with_heads = meta.outerjoin(heads, heads.c.line.in_(places(size)))
    return Statement(select(_EPOCH, heads).select_from(with_heads).where(meta.c.key == EPOCH))


def read_epoch(transaction: Transaction) -> str:
    """Return the database's epoch."""
    ((epoch,),) = transaction.execute(_CURRENT_EPOCH).fetchall()
    return str(epoch)


def read_head(transaction: Transaction, line: str) -> tuple[str, int, int]:
    """Return the epoch, the line's head, and the first revision that the history still has."""
    ((epoch, head, first_kept),) = transaction.execute(_HEAD, (line,)).fetchall()
    if head is None:
        head = _first_head(transaction, line)
        first_kept = head + 1
    return epoch, head, first_kept


def _first_head(transaction: Transaction, line: str) -> int:
    """Return the revision that the first of a ``line`` without a head will follow.

    There may have been a list of that name before: whoever has seen it must not take the next one for the same.
    """
    if list_in(line) is None:
        return 0
    deleted = transaction.execute(_DELETED_REVISION, (parts_of(line)[0],)).fetchall()
    return deleted[0][0] if deleted else 0


def read_heads(transaction: Transaction, lines: Sequence[str]) -> list[Head]:
    """Return each line's head, same order."""
    results = [transaction.execute(_heads(len(some)), some) for some in chunks(lines)]
    rows = [row for result in results for row in result.fetchall()]
    epoch = rows[0][0] if rows else ""
    known = {row[1]: head_of(row[1:]) for row in rows if row[1] is not None}
    return [
        Head(line=line, revision=known[line].revision, clock=known[line].clock, epoch=epoch)
        if line in known
        else Head(line=line, revision=_first_head(transaction, line), clock=HLCTimestamp(0, 0, ""), epoch=epoch)
        for line in lines
    ]


def read_changes(
    transaction: Transaction,
    line: str,
    revision: int,
    limit: int,
    epoch: str | None,
    *,
    prefers_list: bool = False,
) -> Changes | ChangesExpired:
    """Return up to ``limit`` updates after ``revision``, or why they are not available; see ``ReadChanges``.

    A list that is shorter once is so from then on, as no update adds more than one item: who has a part of it and asks
    again, from the same revision, is told the same.

    Cost: O(updates).
    """
    current_epoch, head, first_kept = read_head(transaction, line)
    if revision > head or epoch not in (None, current_epoch):
        return ChangesExpired("epoch_changed", head)
    if revision + 1 < first_kept:
        return ChangesExpired("history_pruned", head)
    kind = register_kind_of(line)
    if kind is not None:
        return read_register_changes(transaction, line, kind, revision, limit, current_epoch, head)
    if prefers_list and head - revision > limit and head - revision >= _most_items(transaction, line, head):
        return ChangesExpired("list_is_shorter", head)
    up_to = min(head, revision + limit)
    updates: tuple[bytes, ...] = ()
    if up_to > revision:
        rows = transaction.execute(_UPDATES, (line, revision, up_to)).fetchall()
        list_id = list_in(line)
        updates = tuple([shown_json(list_id, *row) for row in rows])
    if len(updates) != up_to - revision:  # it has a hole
        return ChangesExpired("history_pruned", head)
    return Changes(line=line, epoch=current_epoch, revision=up_to, head=head, updates=updates)


def _most_items(transaction: Transaction, line: str, head: int) -> int:
    """Return how many items the list of a line that was written to has, at most.

    A release that does not count them may have written the last revisions, and added one with each.
    """
    ((items, counted_revision),) = transaction.execute(_ITEMS, (line,)).fetchall()
    return int(items + head - counted_revision)
