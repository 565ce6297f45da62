"""One connection to SQLite or PostgreSQL: opened when needed, dropped when it fails.

What differs between the two databases is in ``storage.sqlite`` and ``storage.postgresql``; all other statements are the
same for both.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from sqlalchemy import Connection, create_engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from actors.errors import StoreUnavailable, ValueRefused
from storage.database_url import sqlite_file
from storage.faults import fault
from storage.postgresql import PostgreSQL
from storage.sqlite import SQLite

DEFAULT_LOCK_TIMEOUT_S = 5.0


class Database:
    """Transactions on one connection.

    Args:
        url: ``sqlite:///path`` or ``postgresql://user:password@host/database``.
        lock_timeout_s: how long a transaction waits for another's lock before it fails; a statement on PostgreSQL may
            run twice as long.
        is_read_only: let the database refuse to change anything on this connection.
        makes_file: whether a SQLite file that is missing is made.

    Raises:
        ImportError: PostgreSQL's driver is not installed.
        ValueError: the URL names another kind of database, or is not a URL.

    Thread: one at a time.
    """

    def __init__(
        self,
        url: str,
        lock_timeout_s: float = DEFAULT_LOCK_TIMEOUT_S,
        *,
        is_read_only: bool = False,
        makes_file: bool = True,
    ) -> None:
        file = sqlite_file(url)
        self._backend = (
            PostgreSQL(url, lock_timeout_s, is_read_only=is_read_only)
            if file is None
            else SQLite(file, lock_timeout_s, is_read_only=is_read_only, makes_file=makes_file)
        )
        # No pool: the one connection stays open between transactions, and a dropped one must really be gone.
        # hide_parameters: an error is logged, and what users have is not.
        self._engine = create_engine(
            self._backend.engine_url, creator=self._backend.connect, poolclass=NullPool, hide_parameters=True
        )
        self._connection: Connection | None = None

    @contextmanager
    def transaction(self, *, writing: bool) -> Iterator[Connection]:
        """Run the block in one transaction; an exception rolls it back.

        Raises:
            StoreUnavailable: the database failed and nothing was written. If PostgreSQL disappears at the very
                moment of COMMIT, the block may have taken effect.
            ValueRefused: a value of the block can never be written; nothing was.
        """
        try:
            if self._connection is not None and self._backend.was_hung_up(self._connection):
                self.close()
            if self._connection is None:
                self._connection = self._engine.connect()
            connection = self._connection
            with connection.begin():
                self._backend.begin(connection, writing=writing)
                yield connection
                self._backend.check_place()
        except DBAPIError as error:
            meaning = fault(error, self._backend.name)
            if isinstance(meaning, StoreUnavailable):
                self.close()
            raise meaning from error
        except (OverflowError, UnicodeError) as error:  # sqlite3 and psycopg cannot encode a value
            raise ValueRefused(f"{self._backend.name}: {error}") from error

    def close(self) -> None:
        """Close the connection; the next transaction opens another. Idempotent."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(DBAPIError):  # it may be broken: that is why it is closed
                connection.invalidate()
            connection.close()
