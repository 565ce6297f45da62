"""What is PostgreSQL's own: how to connect, and how a transaction begins."""

from selectors import EVENT_READ, DefaultSelector
from typing import TYPE_CHECKING

from sqlalchemy import Connection

from actors.errors import StoreUnavailable
from storage.database_url import postgresql_parameters

if TYPE_CHECKING:
    import psycopg

IDLE_TIMEOUT_MS = 10_000
"""Ends the transaction of a node that stalls: its locks block other nodes' writes to the same users."""

DEFAULTS = {
    "connect_timeout": 5,
    "tcp_user_timeout": 10_000,  # ms that a server may leave sent bytes unacknowledged before it counts as gone
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
}
"""libpq's connection parameters that a URL may set otherwise."""

OURS = {
    "client_encoding": "UTF8",
    "autocommit": True,  # we send BEGIN
}
"""What no URL can set."""


class PostgreSQL:
    """A server or several, of which libpq chooses one. Nothing is set for longer than a transaction: see ``begin``.

    Args:
        url: with libpq's connection parameters after the ``?``.
        lock_timeout_s: how long a statement waits for a lock; it may run twice as long.
        is_read_only: let the server refuse to change anything.

    Raises:
        ImportError: psycopg or libpq is not installed.
        ValueError: as ``postgresql_parameters`` raises it.
    """

    name = "postgresql"
    engine_url = "postgresql+psycopg://"

    def __init__(self, url: str, lock_timeout_s: float, *, is_read_only: bool = False) -> None:
        self._parameters = {**DEFAULTS, **postgresql_parameters(url), **OURS}
        lock_timeout_ms = int(lock_timeout_s * 1000)
        # One message, hence one round trip. The server's defaults are not ours: at a higher isolation level two nodes
        # that write at once fail each other. SET without LOCAL would stay behind in a pooler's session.
        self._begin = (
            f"BEGIN ISOLATION LEVEL READ COMMITTED{' READ ONLY' if is_read_only else ''};"
            f"SET LOCAL lock_timeout = {lock_timeout_ms};"
            f"SET LOCAL statement_timeout = {2 * lock_timeout_ms};"
            f"SET LOCAL idle_in_transaction_session_timeout = {IDLE_TIMEOUT_MS};"
            "SET LOCAL plan_cache_mode = force_custom_plan"  # one made on empty tables would scan full ones for ever
        )

    def connect(self) -> "psycopg.Connection":
        """Return a new connection of psycopg's. Raises: psycopg.Error; StoreUnavailable, the encoding is wrong."""
        import psycopg  # noqa: PLC0415 - SQLite needs none of it

        connection = psycopg.connect(**self._parameters)
        try:
            _check_encoding(connection)
            if _is_pooled(connection):
                connection.prepare_threshold = None
        except BaseException:
            connection.close()
            raise
        return connection

    def begin(self, connection: Connection, *, writing: bool) -> None:
        """Begin a transaction, a reading one just as a writing one."""
        connection.exec_driver_sql(self._begin)

    def check_place(self) -> None:
        """Do nothing: COMMIT goes to the server that the connection was made to."""

    def was_hung_up(self, connection: Connection) -> bool:
        """Return whether a server that has restarted since the last transaction has closed this connection.

        Between transactions a server sends nothing: anything to read means that it has closed the connection.
        """
        with DefaultSelector() as selector:
            selector.register(connection.connection.driver_connection, EVENT_READ)  # type: ignore[arg-type]
            return bool(selector.select(timeout=0))


def _check_encoding(connection: "psycopg.Connection") -> None:
    encoding = connection.info.parameter_status("server_encoding")
    if encoding != "UTF8":
        raise StoreUnavailable(
            f"postgresql: the database's encoding is {encoding}, which cannot hold every name:"
            " CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0"
        )


def _is_pooled(connection: "psycopg.Connection") -> bool:
    """Return whether a pooler such as PgBouncer is between: it gives each transaction another session of the server's.

    Whoever answered our greeting told a process id to cancel by; a pooler makes one up. What is prepared stays in one
    session, so behind a pooler nothing is prepared. Otherwise it saves a third of a small commit's time.
    """
    ((backend_pid,),) = connection.execute("SELECT pg_backend_pid()").fetchall()
    return bool(backend_pid != connection.info.backend_pid)
