"""How much a user has in the tables of what is bounded, counted where that was not done, and which replicas may go."""

from collections.abc import Collection, Sequence

from msgspec import structs
from sqlalchemy import bindparam, delete, func, select

from storage.databases.database import Transaction
from storage.databases.statements import Statement
from storage.rules.bounds import UNUSED_DAYS
from storage.rules.list_journal import JournalHead
from storage.schema.rows import DAY_MS
from storage.schema.tables import contexts, entries

_COUNT = Statement(
    select(
        select(func.count(entries.c.content_id.distinct()))
        .where(entries.c.line == bindparam("of_line"))
        .scalar_subquery(),
        select(func.count()).where(contexts.c.line == bindparam("of_same_line")).scalar_subquery(),
    ),
    "of_line",
    "of_same_line",
)
_UNUSED = Statement(
    select(contexts.c.replica)
    .where(contexts.c.line == bindparam("of_line"), contexts.c.used_day < bindparam("before_day"))
    .order_by(contexts.c.used_day)
    .limit(bindparam("size")),
    "of_line",
    "before_day",
    "size",
)
_FORGET = Statement(
    delete(contexts).where(contexts.c.line == bindparam("of_line"), contexts.c.replica == bindparam("of_replica")),
    "of_line",
    "of_replica",
)


def counted(transaction: Transaction, line: str, head: JournalHead) -> JournalHead:
    """Return the line's ``head`` with the counts of what is bounded.

    Cost: O(live tags + replicas) if a release that does not count has written the journal; none otherwise.
    """
    if head.is_counted:
        return head
    ((items, replicas),) = transaction.execute(_COUNT, (line, line)).fetchall()
    return structs.replace(head, items=items, replicas=replicas)


def unused_replicas(transaction: Transaction, line: str, count: int, known: Collection[str], now_ms: int) -> list[str]:
    """Return up to ``count`` replicas of the line, none of ``known``, that were not used for long; the oldest first.

    Cost: O(count + known).
    """
    if count <= 0:
        return []
    oldest = transaction.execute(_UNUSED, (line, now_ms // DAY_MS - UNUSED_DAYS, count + len(known)))
    return [replica for (replica,) in oldest.fetchall() if replica not in known][:count]


def forget_replicas(transaction: Transaction, replicas: Sequence[tuple[str, str]]) -> None:
    """Delete what was seen of ``replicas``, each with its line."""
    transaction.execute_many(_FORGET, replicas)
