"""Revoked tokens on SQLite or PostgreSQL: ``actors.ports.RevocationStore``.

Versions count 1, 2, 3 …; the counter is locked while a revocation is written, so versions follow the order of commits:
a node that asks for those after the last version it saw misses none, whichever node wrote them.
"""

from collections.abc import Callable

from sqlalchemy import Connection, delete, insert, select, update

from storage.database import Database
from storage.tables import REVOCATIONS, meta, revocations

KEPT_LONGER_S = 3600
"""How much longer than the token: nodes' clocks may differ."""

_LOCK_VERSION = select(meta.c.value).where(meta.c.key == REVOCATIONS).with_for_update()


class SqlRevocationStore:
    """``actors.ports.RevocationStore``, which documents every method, in SQL.

    Args:
        database: migrated, and this store's own.
        now_s: the wall clock, seconds since 1970; decides only when the revocation of an expired token is deleted.
    """

    def __init__(self, database: Database, now_s: Callable[[], float]) -> None:
        self._database = database
        self._now_s = now_s

    def revoke(self, token_id: str, expires_at: int | None) -> None:
        """Refuse ``token_id`` from now on, until ``expires_at``."""
        with self._database.transaction(writing=True) as connection:
            version = int(connection.scalars(_LOCK_VERSION).one()) + 1
            if not _is_revoked_until(connection, token_id, expires_at):
                connection.execute(delete(revocations).where(revocations.c.token_id == token_id))
                connection.execute(
                    insert(revocations), {"token_id": token_id, "expires_at": expires_at, "version": version}
                )
                connection.execute(update(meta).where(meta.c.key == REVOCATIONS).values(value=str(version)))
            ended = revocations.c.expires_at < int(self._now_s()) - KEPT_LONGER_S
            connection.execute(delete(revocations).where(ended))

    def revoked(self, after: int) -> tuple[int, list[tuple[str, int | None]]]:
        """Return the newest version, and the revocations newer than version ``after``."""
        with self._database.transaction(writing=False) as connection:
            newer = select(revocations).where(revocations.c.version > after).order_by(revocations.c.version)
            rows = connection.execute(newer).all()
            return max((row.version for row in rows), default=after), [(row.token_id, row.expires_at) for row in rows]

    def close(self) -> None:
        """Close the connection; idempotent."""
        self._database.close()


def _is_revoked_until(connection: Connection, token_id: str, expires_at: int | None) -> bool:
    row = connection.execute(select(revocations).where(revocations.c.token_id == token_id)).first()
    if row is None:
        return False
    return row.expires_at is None or (expires_at is not None and expires_at <= row.expires_at)
