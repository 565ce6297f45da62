"""One connection to SQLite or PostgreSQL: opened when needed, dropped when it fails.

What differs between the two databases is in ``sqlite`` and ``postgresql``, beside this; all statements are the same
for both.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol

from sqlalchemy import Dialect

from actors.errors import StoreUnavailable, ValueRefused
from storage.databases.database_url import sqlite_file
from storage.databases.faults import fault
from storage.databases.high_water_mark import HighWaterMark
from storage.databases.postgresql import PostgreSQL
from storage.databases.statements import Row, Statement

if TYPE_CHECKING:
    import sqlalchemy

    from storage.databases.sqlite import SQLite

DEFAULT_LOCK_TIMEOUT_S = 5.0
BRIEFLY_S = 0.2
"""How long to wait for a lock where others wait behind the transaction, and it may as well be tried again."""


class Result(Protocol):
    """What a statement has returned: a cursor of the driver's."""

    def fetchall(self) -> list[Row]:
        """Return every row that was not fetched yet."""


class Transaction:
    """Executes statements on the driver's own cursors.

    On PostgreSQL statements are sent without waiting for those before: they are done in order, and the failure of one
    is raised by whatever waits next, which is ``fetchall`` or the end of the transaction.

    Args:
        connection: the driver's: ``sqlite3.Connection`` or ``psycopg.Connection``.
        dialect: the driver's, for ``Statement.compiled``.
    """

    def __init__(self, connection: Any, dialect: Dialect) -> None:
        self.connection = connection
        self.dialect = dialect

    def execute(self, statement: Statement, parameters: Row = ()) -> Result:
        """Execute ``statement`` with ``parameters`` in its order."""
        compiled = statement.compiled(self.dialect)
        if compiled.arrange is not None:
            parameters = compiled.arrange(parameters)
        result: Result = self.connection.execute(compiled.text, parameters)
        return result

    def execute_many(self, statement: Statement, rows: Sequence[Row]) -> None:
        """Execute ``statement``, which returns nothing, with each of ``rows``."""
        if rows:
            compiled = statement.compiled(self.dialect)
            arranged = rows if compiled.arrange is None else map(compiled.arrange, rows)
            self.connection.cursor().executemany(compiled.text, arranged)


class Database:
    """Transactions on one connection.

    Args:
        url: ``sqlite:///path`` or ``postgresql://user:password@host/database``.
        lock_timeout_s: how long a transaction waits for another's lock before it fails; a statement on PostgreSQL may
            run twice as long.
        is_read_only: let the database refuse to change anything on this connection.
        makes_file: whether a SQLite file that is missing is made.
        checkpoints_aside: let SQLite bring its WAL home on a thread, not within commits.

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
        checkpoints_aside: bool = False,
    ) -> None:
        self._backend = _backend(
            url, lock_timeout_s, is_read_only=is_read_only, makes_file=makes_file, checkpoints_aside=checkpoints_aside
        )
        self._connection: Any = None

    @contextmanager
    def transaction(self, *, writing: bool, waits_briefly: bool = False) -> Iterator[Transaction]:
        """Run the block in one transaction; an exception rolls it back.

        ``waits_briefly``: for another's lock ``BRIEFLY_S`` at most.

        Raises:
            StoreUnavailable: the database failed and nothing was written. If PostgreSQL disappears at the very
                moment of COMMIT, the block may have taken effect.
            ValueRefused: a value of the block can never be written; nothing was.
        """
        backend = self._backend
        try:
            connection = self._opened()
            backend.begin(connection, writing=writing, lock_timeout_s=BRIEFLY_S if waits_briefly else None)
            yield Transaction(connection, backend.dialect)
            backend.check_place()
            backend.commit(connection)
            if writing:
                backend.note_commit()
        except BaseException as error:
            self._fail(error)
            raise

    @contextmanager
    def migration(self) -> Iterator[tuple[Transaction, "sqlalchemy.Connection"]]:
        """Run the block in one writing transaction of SQLAlchemy's, for Alembic, on a connection of its own.

        The other is closed before: a backend knows of one at a time.

        Raises: as ``transaction``.
        """
        # Imported here: a database that is up to date needs no engine.
        from sqlalchemy import create_engine  # noqa: PLC0415
        from sqlalchemy.exc import DBAPIError  # noqa: PLC0415
        from sqlalchemy.pool import NullPool  # noqa: PLC0415

        self.close()
        backend = self._backend
        engine = create_engine(backend.engine_url, creator=backend.connect, poolclass=NullPool, hide_parameters=True)
        try:
            with backend.closing(), engine.begin() as connection:
                connection.exec_driver_sql(backend.begin_at_once)
                yield Transaction(connection.connection.driver_connection, backend.dialect), connection
                backend.check_place()
        except BaseException as error:
            self._fail((isinstance(error, DBAPIError) and error.orig) or error)
            raise

    @property
    def dialect(self) -> Dialect:
        """For ``Statement.compiled``."""
        return self._backend.dialect

    @property
    def tells_timeline(self) -> bool:
        """Whether the server of the transaction that was begun last says on which timeline it writes."""
        return self._backend.tells_timeline

    @property
    def high_water_mark(self) -> HighWaterMark | None:
        """What the database must not be older than, where that can be known."""
        return self._backend.high_water_mark

    def check_high_water_mark(self) -> None:
        """Check that the database has not gone back in time, without a lock. Raises: StoreUnavailable."""
        with self.transaction(writing=False) as transaction:
            self._backend.check_high_water_mark(transaction.connection)

    def close(self) -> None:
        """Close the connection; the next transaction opens another. Idempotent."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with self._backend.closing():
                connection.close()

    def _opened(self) -> Any:
        if self._connection is not None and self._backend.was_hung_up(self._connection):
            self.close()
        if self._connection is None:
            self._connection = self._backend.connect()
        return self._connection

    def _fail(self, error: BaseException) -> None:
        """Roll back what has failed with ``error``, and raise whose fault that was; return if ``error`` says it."""
        backend = self._backend
        self._roll_back()
        if isinstance(error, backend.driver.Error):
            meaning = self._displaced() or fault(error, backend.name, backend.driver)
            if isinstance(meaning, StoreUnavailable):
                self.close()
            # Not from the driver's: its text may quote what users have, and a chain is logged whole.
            raise meaning.with_traceback(error.__traceback__) from None
        if isinstance(error, (OverflowError, UnicodeError)):  # the driver cannot encode a value
            raise ValueRefused(f"{backend.name}: {error}") from error

    def _displaced(self) -> StoreUnavailable | None:
        """Return what has become of an open database's file: that explains whatever SQLite says of its content."""
        if self._connection is None:
            return None
        try:
            self._backend.check_place()
        except StoreUnavailable as error:
            return error
        return None

    def _roll_back(self) -> None:
        if self._connection is not None:
            try:
                self._backend.rollback(self._connection)
            except self._backend.driver.Error:  # it is broken, and closing it rolls back
                self.close()


def _backend(
    url: str, lock_timeout_s: float, *, is_read_only: bool, makes_file: bool, checkpoints_aside: bool
) -> "SQLite | PostgreSQL":
    file = sqlite_file(url)
    if file is None:
        return PostgreSQL(url, lock_timeout_s, is_read_only=is_read_only)
    from storage.databases.sqlite import SQLite  # noqa: PLC0415 - PostgreSQL needs none of it, as SQLite needs no psycopg

    return SQLite(
        file,
        lock_timeout_s,
        is_read_only=is_read_only,
        makes_file=makes_file,
        checkpoints_aside=checkpoints_aside,
    )
