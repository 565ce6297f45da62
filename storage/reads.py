"""Reads of the journal: heads, updates after a revision, the whole list at one revision."""

from collections.abc import Sequence
from typing import Literal

from sqlalchemy import Connection, bindparam, select

from actors.messages.journal import Changes, Head, Item, Snapshot
from crdt.hlc import HLCTimestamp
from storage.rows import head_of, live_of, update_of
from storage.tables import EPOCH, entries, heads, meta, operations
from storage.user_journal import LiveTag

SnapshotReason = Literal["history_pruned", "epoch_changed"]

# At least one row, also for a user who never wrote: then every column but the epoch is NULL.
_EPOCH = meta.c.value.label("epoch")
_WITH_HEADS = meta.outerjoin(heads, heads.c.user_id.in_(bindparam("wanted", expanding=True)))
_HEADS = select(_EPOCH, heads).select_from(_WITH_HEADS).where(meta.c.key == EPOCH)
_WITH_HEAD = meta.outerjoin(heads, heads.c.user_id == bindparam("of_user"))
_WITH_ENTRIES = _WITH_HEAD.outerjoin(entries, entries.c.user_id == heads.c.user_id)
_HEAD = select(_EPOCH, heads.c.revision, heads.c.first_revision).select_from(_WITH_HEAD).where(meta.c.key == EPOCH)
_LIST = select(_EPOCH, heads.c.revision, entries).select_from(_WITH_ENTRIES).where(meta.c.key == EPOCH)

_UPDATES = (
    select(operations)
    .where(
        operations.c.user_id == bindparam("of_user"),
        operations.c.revision > bindparam("after"),
        operations.c.revision <= bindparam("up_to"),
    )
    .order_by(operations.c.revision)
)


def read_heads(connection: Connection, user_ids: Sequence[str]) -> list[Head]:
    """Return each user's head, same order."""
    rows = connection.execute(_HEADS, {"wanted": user_ids}).all()
    epoch = rows[0].epoch
    known = {row.user_id: head_of(row) for row in rows if row.user_id is not None}
    return [
        Head(user_id=user_id, revision=known[user_id].revision, clock=known[user_id].clock, epoch=epoch)
        if user_id in known
        else Head(user_id=user_id, revision=0, clock=HLCTimestamp(0, 0, ""), epoch=epoch)
        for user_id in user_ids
    ]


def read_since(connection: Connection, user_id: str, revision: int, epoch: str | None) -> Changes | Snapshot:
    """Return every update after ``revision``, or a snapshot with its reason.

    Cost: O(updates), or O(items) for the snapshot.
    """
    updates = read_updates(connection, user_id, revision, None, epoch)
    return updates if isinstance(updates, Changes) else _snapshot(connection, user_id, updates)


def read_updates(
    connection: Connection, user_id: str, revision: int, limit: int | None, epoch: str | None
) -> Changes | SnapshotReason:
    """Return up to ``limit`` updates after ``revision``, or why they are not available.

    Cost: O(updates).
    """
    head_row = connection.execute(_HEAD, {"of_user": user_id}).one()
    head, first_kept = head_row.revision or 0, head_row.first_revision or 1
    if revision > head or epoch not in (None, head_row.epoch):
        return "epoch_changed"
    if revision + 1 < first_kept:
        return "history_pruned"
    up_to = head if limit is None else min(head, revision + limit)
    span = {"of_user": user_id, "after": revision, "up_to": up_to}
    updates = tuple(map(update_of, connection.execute(_UPDATES, span)))
    if len(updates) != up_to - revision:  # another node pruned between the two statements
        return "history_pruned"
    return Changes(user_id=user_id, epoch=head_row.epoch, revision=up_to, updates=updates, has_more=up_to < head)


def _snapshot(connection: Connection, user_id: str, reason: SnapshotReason) -> Snapshot:
    """Return the whole list, newest first.

    Cost: O(items). One statement, and therefore one revision, at any isolation level.
    """
    rows = connection.execute(_LIST, {"of_user": user_id}).all()
    newest: dict[str, LiveTag] = {}
    for row in rows:
        if row.content_id is not None:
            live = live_of(row)
            if live.content_id not in newest or newest[live.content_id].age_key < live.age_key:
                newest[live.content_id] = live
    return Snapshot(
        user_id=user_id,
        epoch=rows[0].epoch,
        revision=rows[0].revision or 0,
        items=tuple(map(_item, sorted(newest.values(), key=lambda live: live.age_key, reverse=True))),
        reason=reason,
    )


def _item(live: LiveTag) -> Item:
    return Item(
        content_id=live.content_id,
        tag=str(live.tag),
        added_revision=live.added_revision,
        timestamp=live.timestamp,
        device_id=live.device_id,
    )
