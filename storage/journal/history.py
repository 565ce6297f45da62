"""How much of a line's history is kept. Its own writes delete the rest, a little at a time."""

from msgspec import Struct
from sqlalchemy import bindparam, delete, select

from storage.databases.database import Transaction
from storage.databases.statements import Statement
from storage.journal.answers import AnswerKeeping
from storage.rules.list_journal import JournalHead
from storage.schema.tables import operations

DEFAULT_MAX_OPERATIONS = 10_000
DEFAULT_MAX_AGE_MS = 30 * 24 * 3600 * 1000
DEFAULT_MIN_ANSWER_AGE_MS = 30 * 24 * 3600 * 1000

PRUNE_EVERY = 100
"""Revisions between two prunings of a line's history: 99 of 100 writes cost nothing, and at most 99 operations too many
are kept. A user who stops writing keeps the history, so that an absent device still finds it."""


class HistoryLimits(Struct, frozen=True):
    """An operation beyond either maximum is deleted; a device that needs it gets a snapshot."""

    max_operations: int = DEFAULT_MAX_OPERATIONS
    max_age_ms: int = DEFAULT_MAX_AGE_MS
    min_answer_age_ms: int = DEFAULT_MIN_ANSWER_AGE_MS
    """How long the answer to an ``operation_id`` is kept at least, however many operations followed."""
    prune_every: int = PRUNE_EVERY
    """Revisions between two prunings."""


DEFAULT_HISTORY = HistoryLimits()

_OF_LINE = operations.c.line == bindparam("of_line")
_FIRST_YOUNG = Statement(
    select(operations.c.revision)
    .where(
        _OF_LINE,
        operations.c.revision >= bindparam("first_kept"),
        operations.c.recorded_ms >= bindparam("born_after_ms"),
    )
    .order_by(operations.c.revision)
    .limit(1),
    "of_line",
    "first_kept",
    "born_after_ms",
)
_DELETE_OLDER = Statement(
    delete(operations).where(_OF_LINE, operations.c.revision < bindparam("first_kept")), "of_line", "first_kept"
)


def is_due(before: int, after: int, every: int = PRUNE_EVERY) -> bool:
    """Return whether the commit that moves a line's head from ``before`` to ``after`` has to prune."""
    return before // every != after // every


def prune(
    transaction: Transaction,
    line: str,
    head: JournalHead,
    now_ms: int,
    limits: HistoryLimits,
    answers: AnswerKeeping,
) -> int:
    """Delete what is beyond the limits in a history that ends at ``head``; return the first revision kept.

    The answers that are still needed are moved to ``answers``.

    Cost: O(operations deleted).
    """
    first_kept = head.revision - limits.max_operations + 1
    young = transaction.execute(_FIRST_YOUNG, (line, first_kept, now_ms - limits.max_age_ms)).fetchall()
    first_kept = young[0][0] if young else head.revision + 1
    drop_before(transaction, line, head, first_kept, now_ms, answers)
    return first_kept


def drop_before(
    transaction: Transaction, line: str, head: JournalHead, first_kept: int, now_ms: int, answers: AnswerKeeping
) -> None:
    """Delete the operations before revision ``first_kept``; the answers that are still needed are moved."""
    answers.keep_dropped(transaction, line, range(head.first_revision, first_kept), now_ms)
    transaction.execute(_DELETE_OLDER, (line, first_kept))
