"""Revoked tokens on SQLite or PostgreSQL: ``actors.ports.RevocationStore``.

Versions count 1, 2, 3 …; the counter is locked while a revocation is written, so versions follow the order of commits:
a node that asks for those after the last version it saw misses none, whichever node wrote them.
"""

from collections.abc import Callable

from sqlalchemy import bindparam, delete, insert, select, update

from storage.databases.database import Database, Transaction
from storage.databases.statements import Statement, for_update
from storage.journal.reads import read_epoch
from storage.schema.tables import REVOCATIONS, meta, revocations

KEPT_LONGER_S = 3600
"""How much longer than the token: nodes' clocks may differ."""

_LOCK_VERSION = Statement(for_update(select(meta.c.value).where(meta.c.key == REVOCATIONS)))
_MOVE_VERSION = Statement(update(meta).where(meta.c.key == REVOCATIONS).values(value=bindparam("version")))
_FIND = Statement(select(revocations.c.expires_at).where(revocations.c.token_id == bindparam("id")))
_INSERT = Statement(insert(revocations))
_DELETE = Statement(delete(revocations).where(revocations.c.token_id == bindparam("id")))
_DELETE_ENDED = Statement(delete(revocations).where(revocations.c.expires_at < bindparam("ended_at")))
_NEWER = Statement(
    select(revocations).where(revocations.c.version > bindparam("after")).order_by(revocations.c.version)
)


class SqlRevocationStore:
    """``actors.ports.RevocationStore``, which documents every method, in SQL.

    Args:
        database: migrated, and this store's own.
        now_s: the wall clock, seconds since 1970; decides only when the revocation of an expired token is deleted.
    """

    def __init__(self, database: Database, now_s: Callable[[], float]) -> None:
        self._database = database
        self._now_s = now_s
        self._epoch: str | None = None
        """The epoch whose versions were asked for; ``None``: this process has not asked yet."""

    def revoke(self, token_id: str, expires_at: int | None) -> None:
        """Refuse ``token_id`` from now on, until ``expires_at``."""
        with self._database.transaction(writing=True) as transaction:
            ((last,),) = transaction.execute(_LOCK_VERSION).fetchall()
            version = int(last) + 1
            if not _is_revoked_until(transaction, token_id, expires_at):
                transaction.execute(_DELETE, (token_id,))
                transaction.execute(_INSERT, (token_id, expires_at, version))
                transaction.execute(_MOVE_VERSION, (str(version),))
            transaction.execute(_DELETE_ENDED, (int(self._now_s()) - KEPT_LONGER_S,))

    def revoked(self, after: int) -> tuple[int, list[tuple[str, int | None]]]:
        """Return the newest version, and the revocations newer than version ``after``; in a new epoch, all."""
        with self._database.transaction(writing=False) as transaction:
            epoch, self._epoch = self._epoch, read_epoch(transaction)
            if epoch != self._epoch:  # versions may have been given a second time
                after = 0
            rows = transaction.execute(_NEWER, (after,)).fetchall()
        newest = rows[-1][-1] if rows else after
        return newest, [(token_id, expires_at) for token_id, expires_at, _ in rows]

    def close(self) -> None:
        """Close the connection; idempotent."""
        self._database.close()


def _is_revoked_until(transaction: Transaction, token_id: str, expires_at: int | None) -> bool:
    """Return whether ``token_id`` is refused at least until ``expires_at`` already."""
    return any(
        end is None or (expires_at is not None and expires_at <= end)
        for (end,) in transaction.execute(_FIND, (token_id,)).fetchall()
    )
