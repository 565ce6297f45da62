"""First answers: an operation that comes again under its ``operation_id`` is answered as at first, and changes nothing.

A recorded operation is its own answer while the history keeps it. The table ``answers`` holds the rest: answers to what
changed nothing, and those of operations that the history dropped while they were young.
"""

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Final

from sqlalchemy import Dialect, bindparam, delete, insert, select, text

from storage.databases.database import Transaction
from storage.databases.statements import Row, Statement, for_update
from storage.rules.list_journal import ListAnswer
from storage.schema.rows import DONE, OPERATION_KINDS, answer_of, recorded_answer_of
from storage.schema.rows_in import rows_in
from storage.schema.tables import answers, operations

MARGIN_MS = 24 * 3600 * 1000
"""How much longer an answer is kept than it is needed: an author's clock may be ahead, and nodes' may differ."""

PRUNE_ANSWERS_EVERY = 100
"""Answers kept between two prunings, each of which deletes twice as many at most: no commit stalls, and it keeps up."""

_INSERT = Statement(insert(answers))
# As text: both databases know this syntax, but SQLAlchemy has a different construct for each of them. A conflict: a
# node of an older release, which knows no ``answers``, has applied the operation again. The first answer holds.
_KEEP_DROPPED = Statement(
    text(
        "INSERT INTO answers (user_id, operation_id, kind, content_id, status,"
        " revision, tags, timestamp, node, device_id, recorded_ms)"
        " SELECT user_id, operation_id, kind, content_id,"
        " coalesce(status, CASE kind WHEN :add_kind THEN :added ELSE :removed END),"
        " revision, tags, timestamp, node, device_id, recorded_ms"
        " FROM operations WHERE user_id = :of_line AND revision < :first_kept"
        " AND operation_id IS NOT NULL AND recorded_ms >= :since_ms"
        " ON CONFLICT DO NOTHING"
    ).bindparams(add_kind=OPERATION_KINDS["add"], added=str(DONE["add"]), removed=str(DONE["remove"])),
    "of_line",
    "first_kept",
    "since_ms",
)
_OLDEST = Statement(
    for_update(
        select(answers.c.line, answers.c.operation_id)
        .where(answers.c.recorded_ms < bindparam("since_ms"))
        .order_by(answers.c.recorded_ms)
        .limit(bindparam("size")),
        skip_locked=True,  # what another node is deleting is not waited for
    ),
    "since_ms",
    "size",
)
_DELETE = Statement(
    delete(answers).where(answers.c.line == bindparam("of_line"), answers.c.operation_id == bindparam("of_id")),
    "of_line",
    "of_id",
)
# A table finds its columns by name in Python, each time.
_RECORDED_ID: Final = operations.c.operation_id
_ANSWERED_ID: Final = answers.c.operation_id
_OPERATION_ID = operations.c.keys().index("operation_id")


def compile_keeping(dialect: Dialect) -> None:
    """Compile what ``AnswerKeeping`` executes in commits, but where history is dropped."""
    for statement in (_INSERT, _OLDEST, _DELETE):
        statement.compiled(dialect)


def read_answers(
    transaction: Transaction, operation_ids: Sequence[tuple[str, str]]
) -> Iterator[tuple[str, str, ListAnswer]]:
    """Ask for the answer to each pair of line and ``operation_id``, and return an iterator that waits for them.

    It yields line, ``operation_id`` and answer. If there are two answers, the first that was given comes last.
    """
    recorded = rows_in(transaction, _RECORDED_ID, operation_ids)
    unrecorded = rows_in(transaction, _ANSWERED_ID, operation_ids)
    return chain(
        ((row[0], row[_OPERATION_ID], recorded_answer_of(row)) for row in recorded),
        ((row[0], row[1], answer_of(row)) for row in unrecorded),
    )


class AnswerKeeping:
    """What is kept in ``answers``, and until when.

    Args:
        min_age_ms: how long an ``operation_id`` is known at least.

    Thread: one at a time, as its store.
    """

    def __init__(self, min_age_ms: int) -> None:
        self._min_age_ms = min_age_ms
        self._kept = PRUNE_ANSWERS_EVERY  # due at once: a daemon that is restarted again and again prunes, too

    def known_since_ms(self, now_ms: int) -> int:
        """Return since when every ``operation_id`` is known."""
        return now_ms - self._min_age_ms

    def keep(self, transaction: Transaction, new: Sequence[Row]) -> None:
        """Keep answers: rows of ``answers``."""
        transaction.execute_many(_INSERT, new)
        self._kept += len(new)

    def keep_dropped(self, transaction: Transaction, line: str, dropped: range, now_ms: int) -> None:
        """Keep the answers in the revisions of the line's history that are about to be ``dropped``.

        Cost: O(operations dropped).
        """
        transaction.execute(_KEEP_DROPPED, (line, dropped.stop, self._needed_since_ms(now_ms)))
        self._kept += len(dropped)  # at most

    def prune(self, transaction: Transaction, now_ms: int) -> None:
        """Delete a slice of what is too old, if enough has been kept since the last time.

        Cost: O(answers kept since the last time).
        """
        if self._kept < PRUNE_ANSWERS_EVERY:
            return
        oldest = transaction.execute(_OLDEST, (self._needed_since_ms(now_ms), 2 * self._kept))
        self._kept = 0
        transaction.execute_many(_DELETE, oldest.fetchall())

    def _needed_since_ms(self, now_ms: int) -> int:
        return self.known_since_ms(now_ms) - MARGIN_MS
