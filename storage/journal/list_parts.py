"""Deletes a long list a part at a time: others' commits take their turns between two parts.

What is left is a list in its own right, at a revision of its own and with no past: whoever reads it or writes to it
meanwhile, or finds it after a crash, has a shorter list, and is shown the whole of that.
"""

from typing import Final

from msgspec import structs
from sqlalchemy import bindparam, delete, func, select, update

from storage.databases.database import Transaction
from storage.databases.statements import Statement
from storage.journal.answers import AnswerKeeping
from storage.journal.history import drop_before
from storage.rules.list_journal import JournalHead
from storage.schema.tables import contexts, entries, heads

DROPPED_AT_ONCE: Final = 500
"""Rows, of operations, live tags and contexts each. Measured with SQLite: 500 live tags with data take 12 ms."""

_OF_LINE: Final = entries.c.line == bindparam("of_line")
_NEXT_CONTENT: Final = Statement(
    select(entries.c.content_id).where(_OF_LINE).order_by(entries.c.content_id).limit(1).offset(DROPPED_AT_ONCE)
)
_UP_TO: Final = _OF_LINE, entries.c.content_id <= bindparam("last")
_COUNT_UP_TO: Final = Statement(select(func.count(entries.c.content_id.distinct())).where(*_UP_TO), "of_line", "last")
_DROP_UP_TO: Final = Statement(delete(entries).where(*_UP_TO), "of_line", "last")
_NEXT_REPLICA: Final = Statement(
    select(contexts.c.replica)
    .where(contexts.c.line == bindparam("of_line"))
    .order_by(contexts.c.replica)
    .limit(1)
    .offset(DROPPED_AT_ONCE)
)
_DROP_REPLICAS: Final = Statement(
    delete(contexts).where(contexts.c.line == bindparam("of_line"), contexts.c.replica <= bindparam("last")),
    "of_line",
    "last",
)
_MOVED: Final = ("revision", "first_revision", "items", "replicas", "counted_revision")
_MOVE: Final = Statement(
    update(heads)
    .where(heads.c.line == bindparam("of_line"))
    .values({name: bindparam(f"new_{name}") for name in _MOVED}),
    "of_line",
    *(f"new_{name}" for name in _MOVED),
)


def drop_part(
    transaction: Transaction, line: str, head: JournalHead, now_ms: int, answers: AnswerKeeping
) -> JournalHead | None:
    """Drop a part of a list whose ``head`` is locked, and return the head that it has then.

    ``None``: it is short enough to be dropped at once. The answers to its operations are kept.
    """
    shorter = _without_operations(transaction, line, head, now_ms, answers)
    shorter = shorter or _without_items(transaction, line, head, now_ms, answers)
    shorter = shorter or _without_contexts(transaction, line, head)
    if shorter is not None:
        counted_revision = shorter.revision if shorter.is_counted else 0
        moved = shorter.revision, shorter.first_revision, shorter.items, shorter.replicas, counted_revision
        transaction.execute(_MOVE, (line, *moved))
    return shorter


def _without_operations(
    transaction: Transaction, line: str, head: JournalHead, now_ms: int, answers: AnswerKeeping
) -> JournalHead | None:
    first_kept = head.first_revision + DROPPED_AT_ONCE
    if first_kept > head.revision:
        return None
    drop_before(transaction, line, head, first_kept, now_ms, answers)
    return structs.replace(head, first_revision=first_kept)


def _without_items(
    transaction: Transaction, line: str, head: JournalHead, now_ms: int, answers: AnswerKeeping
) -> JournalHead | None:
    following = transaction.execute(_NEXT_CONTENT, (line,)).fetchall()
    if not following:
        return None
    ((last,),) = following
    ((items,),) = transaction.execute(_COUNT_UP_TO, (line, last)).fetchall()
    drop_before(transaction, line, head, head.revision + 1, now_ms, answers)
    transaction.execute(_DROP_UP_TO, (line, last))
    # No operation says that they are gone, so nobody can be told what led to this revision.
    revision = head.revision + 1
    return structs.replace(head, revision=revision, first_revision=revision + 1, items=head.items - items)


def _without_contexts(transaction: Transaction, line: str, head: JournalHead) -> JournalHead | None:
    following = transaction.execute(_NEXT_REPLICA, (line,)).fetchall()
    if not following:
        return None
    ((last,),) = following
    transaction.execute(_DROP_REPLICAS, (line, last))
    return structs.replace(head, replicas=head.replicas - DROPPED_AT_ONCE - 1)
