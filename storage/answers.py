"""First answers: an operation that comes again under its ``operation_id`` is answered as at first, and changes nothing.

A recorded operation is its own answer while the history keeps it. The table ``answers`` holds the rest: answers to what
changed nothing, and those of operations that the history dropped while they were young.
"""

from collections.abc import Iterator, Sequence

from sqlalchemy import Connection, bindparam, delete, insert, select, text

from storage.rows import DONE, KINDS, answer_of, answer_params, recorded_answer_of
from storage.rows_in import rows_in
from storage.tables import answers, operations
from storage.user_journal import Answer

MARGIN_MS = 24 * 3600 * 1000
"""An answer is kept for so much longer than it is needed: an author's clock may be ahead, and nodes' may differ."""

PRUNE_EVERY = 100
"""Answers kept between two prunings, each of which deletes twice as many at most: no commit stalls, and it keeps up."""

_INSERT = insert(answers)
# As text: both databases know this syntax, but SQLAlchemy has a different construct for each of them. A conflict: a
# node of an older release, which knows no ``answers``, has applied the operation again. The first answer holds.
_KEEP_DROPPED = text(
    "INSERT INTO answers (user_id, operation_id, kind, content_id, status,"
    " revision, tags, timestamp, node, device_id, recorded_ms)"
    " SELECT user_id, operation_id, kind, content_id,"
    " coalesce(status, CASE kind WHEN :add_kind THEN :added ELSE :removed END),"
    " revision, tags, timestamp, node, device_id, recorded_ms"
    " FROM operations WHERE user_id = :of_user AND revision < :first_kept"
    " AND operation_id IS NOT NULL AND recorded_ms >= :since_ms"
    " ON CONFLICT DO NOTHING"
).bindparams(add_kind=KINDS["add"], added=str(DONE["add"]), removed=str(DONE["remove"]))
_OLDEST = (
    select(answers.c.user_id.label("of_user"), answers.c.operation_id.label("of_id"))
    .where(answers.c.recorded_ms < bindparam("since_ms"))
    .order_by(answers.c.recorded_ms)
    .limit(bindparam("size"))
    .with_for_update(skip_locked=True)  # what another node is deleting is not waited for
)
_DELETE = delete(answers).where(answers.c.user_id == bindparam("of_user"), answers.c.operation_id == bindparam("of_id"))


def read_answers(connection: Connection, operation_ids: Sequence[tuple[str, str]]) -> Iterator[tuple[str, str, Answer]]:
    """Yield user, ``operation_id`` and answer for each pair of the former that was used; the first answer last."""
    for row in rows_in(connection, operations.c.operation_id, operation_ids):
        yield row.user_id, row.operation_id, recorded_answer_of(row)
    for row in rows_in(connection, answers.c.operation_id, operation_ids):
        yield row.user_id, row.operation_id, answer_of(row)


class AnswerKeeping:
    """What is kept in ``answers``, and until when.

    Args:
        min_age_ms: how long an ``operation_id`` is known at least.

    Thread: one at a time, as its store.
    """

    def __init__(self, min_age_ms: int) -> None:
        self._min_age_ms = min_age_ms
        self._kept = PRUNE_EVERY  # due at once: also a daemon that is restarted again and again prunes

    def known_since_ms(self, now_ms: int) -> int:
        """Return since when every ``operation_id`` is known."""
        return now_ms - self._min_age_ms

    def keep(self, connection: Connection, new: Sequence[tuple[str, str, Answer]], now_ms: int) -> None:
        """Keep answers, each with its user and ``operation_id``."""
        if new:
            connection.execute(_INSERT, [answer_params(*one, now_ms) for one in new])
            self._kept += len(new)

    def keep_dropped(self, connection: Connection, user_id: str, first_kept: int, now_ms: int) -> None:
        """Keep the answers in the user's history before revision ``first_kept``, which is about to be dropped.

        Cost: O(operations dropped).
        """
        dropped = {"of_user": user_id, "first_kept": first_kept, "since_ms": self._needed_since_ms(now_ms)}
        self._kept += connection.execute(_KEEP_DROPPED, dropped).rowcount

    def prune(self, connection: Connection, now_ms: int) -> None:
        """Delete a slice of what is too old, if enough has been kept since the last time.

        Cost: O(answers kept since the last time).
        """
        if self._kept < PRUNE_EVERY:
            return
        oldest = {"since_ms": self._needed_since_ms(now_ms), "size": 2 * self._kept}
        self._kept = 0
        if old := connection.execute(_OLDEST, oldest).mappings().all():
            connection.execute(_DELETE, [dict(row) for row in old])

    def _needed_since_ms(self, now_ms: int) -> int:
        return self.known_since_ms(now_ms) - MARGIN_MS
