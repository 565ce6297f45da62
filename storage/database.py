"""One connection to SQLite or PostgreSQL: opened when needed, dropped when it fails.

Everything that differs between the two databases is here; all other statements are the same for both.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from selectors import EVENT_READ, DefaultSelector

from sqlalchemy import URL, Connection, create_engine, event, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError, DataError, DBAPIError, IntegrityError, NotSupportedError, ProgrammingError
from sqlalchemy.pool import ConnectionPoolEntry, NullPool

from actors.errors import StoreUnavailable

DEFAULT_LOCK_TIMEOUT_S = 5.0
CONNECT_TIMEOUT_S = 5
IDLE_TIMEOUT_MS = 10_000
"""Ends the transaction of a node that stalls: its locks block other nodes' writes to the same users."""
PEER_TIMEOUT_MS = 10_000
"""How long a PostgreSQL server may leave sent bytes unacknowledged before it counts as gone."""


class Database:
    """Transactions on one connection.

    Args:
        url: ``sqlite:///path`` or ``postgresql://user:password@host/database``.
        lock_timeout_s: how long a transaction waits for another's lock before it fails; a statement on PostgreSQL may
            run twice as long.

        is_read_only: let the database refuse to change anything on this connection.

    Raises:
        ImportError: its driver is not installed.
        ValueError: the URL names another kind of database, or is not a URL.

    Thread: one at a time.
    """

    def __init__(self, url: str, lock_timeout_s: float = DEFAULT_LOCK_TIMEOUT_S, *, is_read_only: bool = False) -> None:
        self._url = _with_driver(url)
        self._lock_timeout_s = lock_timeout_s
        self._is_read_only = is_read_only
        self._is_sqlite = self._url.get_backend_name() == "sqlite"
        # No pool: the one connection stays open between transactions, and a dropped one must really be gone.
        self._engine = create_engine(self._url, poolclass=NullPool, connect_args=self._connect_args())
        event.listen(self._engine, "connect", self._on_connect)
        self._connection: Connection | None = None

    @contextmanager
    def transaction(self, *, writing: bool) -> Iterator[Connection]:
        """Run the block in one transaction; an exception rolls it back.

        ``writing`` acquires SQLite's one write lock at once: a lock acquired later could fail half-way, because a
        reader with an old snapshot may not become a writer.

        Raises:
            StoreUnavailable: the database failed and nothing was written. If PostgreSQL disappears at the very
                moment of COMMIT, the block may have taken effect.
        """
        try:
            if self._connection is not None and self._was_hung_up(self._connection):
                self.close()
            connection = self._connection or self._connect()
            with connection.begin():
                if self._is_sqlite:
                    connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")
                yield connection
        except DBAPIError as error:
            if _is_our_bug(error):
                raise
            self.close()
            raise StoreUnavailable(f"{self._url.get_backend_name()}: {error.orig}") from error

    def close(self) -> None:
        """Close the connection; the next transaction opens another. Idempotent."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(DBAPIError):  # it may be broken: that is why it is closed
                connection.invalidate()
            connection.close()

    def _was_hung_up(self, connection: Connection) -> bool:
        """Return whether a server that has restarted since the last transaction has closed this connection.

        Between transactions a server sends nothing: anything to read means that it has closed the connection.
        """
        if self._is_sqlite:
            return False
        with DefaultSelector() as selector:
            selector.register(connection.connection.driver_connection, EVENT_READ)  # type: ignore[arg-type]
            return bool(selector.select(timeout=0))

    def _connect(self) -> Connection:
        if self._is_sqlite and self._url.database:
            try:
                _create_private_file(Path(self._url.database))
            except OSError as error:
                raise StoreUnavailable(f"sqlite: {error}") from error
        self._connection = self._engine.connect()
        return self._connection

    def _connect_args(self) -> dict[str, object]:
        if self._is_sqlite:
            # isolation_level=None: we send BEGIN. Another thread than the journal's opens the connection.
            return {"timeout": self._lock_timeout_s, "isolation_level": None, "check_same_thread": False}
        return {
            "connect_timeout": CONNECT_TIMEOUT_S,
            "tcp_user_timeout": PEER_TIMEOUT_MS,
            "keepalives_idle": 5,
            "keepalives_interval": 2,
            "keepalives_count": 3,
        }

    def _on_connect(self, connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
        cursor = connection.cursor()
        for statement in (*self._settings(), *self._refusals()):
            cursor.execute(statement)
        cursor.close()
        connection.commit()

    def _settings(self) -> tuple[str, ...]:
        if self._is_sqlite:
            # FULL: in WAL mode anything less may lose acknowledged transactions in a power failure.
            return ("PRAGMA journal_mode = WAL", "PRAGMA synchronous = FULL")
        lock_timeout_ms = int(self._lock_timeout_s * 1000)
        return (
            "SET plan_cache_mode = force_custom_plan",  # a plan made on empty tables would scan full ones for ever
            f"SET lock_timeout = {lock_timeout_ms}",
            f"SET statement_timeout = {2 * lock_timeout_ms}",
            f"SET idle_in_transaction_session_timeout = {IDLE_TIMEOUT_MS}",
        )

    def _refusals(self) -> tuple[str, ...]:
        if not self._is_read_only:
            return ()
        return ("PRAGMA query_only = ON",) if self._is_sqlite else ("SET default_transaction_read_only = on",)


def parsed_url(text: str) -> URL | None:
    """Return ``text`` as a URL; ``None``: it is not one. SQLAlchemy's errors may hold part of a password."""
    try:
        return make_url(text)
    except (ArgumentError, ValueError):
        return None


def _with_driver(text: str) -> URL:
    url = parsed_url(text)
    if url is None:
        raise ValueError(
            "this is not the URL of a database: write sqlite:///path or postgresql://user:password@host/database,"
            " with special characters of the password percent-encoded"
        )
    if url.drivername in ("postgresql", "postgres"):
        return url.set(drivername="postgresql+psycopg")
    if url.get_backend_name() not in ("sqlite", "postgresql"):
        raise ValueError(f"the journal needs sqlite or postgresql, not {url.drivername!r}")
    return url


def _create_private_file(path: Path) -> None:
    """Create ``path`` for its owner only, unless it exists; SQLite gives its WAL the same mode."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # O_EXCL: an existing file must not even be opened. Closing it again would drop every lock that another connection
    # of this process holds on it (POSIX), and with them SQLite's safety.
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL, 0o600))


def _is_our_bug(error: DBAPIError) -> bool:
    """Return whether a working database refused a wrong statement or value; any other failure is the database's own."""
    if isinstance(error, DataError | IntegrityError | NotSupportedError | ProgrammingError):
        return True
    sqlstate = getattr(error.orig, "sqlstate", None) or ""
    return str(sqlstate).startswith("54")  # PostgreSQL, "program limit exceeded": a text too long for its index
