"""What is PostgreSQL's own: how to connect, and how a transaction begins and ends."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from selectors import EVENT_READ, DefaultSelector
from typing import TYPE_CHECKING

from actors.errors import StoreUnavailable
from storage.databases.database_url import postgresql_parameters
from storage.databases.statements import standard_sql

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

# Whoever is answered relies on it: a server that crashes must not forget a commit, however it is configured otherwise.
_DURABLE = (
    "set_config('synchronous_commit', coalesce(nullif(current_setting('synchronous_commit'), 'off'), 'on'), true)"
)

_OF_REPLICATION = "syncrep.c"
"""Where the server's code warns that it does not wait for a standby any more. The texts are in its own language."""

_NOT_NOW = "55000"
"""SQLSTATE: object not in prerequisite state. A standby knows its timeline when it is promoted."""


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
    dialect = standard_sql("postgresql", "format")
    high_water_mark = None
    """Several nodes write: none knows what the others were acknowledged."""
    engine_url = "postgresql+psycopg://"
    tells_timeline = False
    """Whether the server that it is connected to says on which timeline it writes: not all that speak PostgreSQL do."""

    def __init__(self, url: str, lock_timeout_s: float, *, is_read_only: bool = False) -> None:
        self._parameters = {**DEFAULTS, **postgresql_parameters(url), **OURS}
        import psycopg  # noqa: PLC0415 - SQLite needs none of it

        self.driver = psycopg
        self._in_pipeline = ExitStack()
        self._warnings: list[str] = []
        """What the server has said of the commit that is under way, and does not call an error."""
        # Writers wait for each other at the users' heads, and then see what the other wrote; at a higher level they
        # would fail each other. Whoever only reads sees one state of the database throughout.
        access = " READ ONLY" if is_read_only else ""
        self._begin_writing = f"BEGIN ISOLATION LEVEL READ COMMITTED{access}"
        self._begin_reading = f"BEGIN ISOLATION LEVEL REPEATABLE READ{access}"
        lock_timeout_ms = int(lock_timeout_s * 1000)
        settings = {
            "lock_timeout": lock_timeout_ms,
            "statement_timeout": 2 * lock_timeout_ms,
            "idle_in_transaction_session_timeout": IDLE_TIMEOUT_MS,
            "client_min_messages": "warning",  # what ``commit`` looks for: the role's own may be quieter
            "plan_cache_mode": "force_custom_plan",  # one made on empty tables would scan full ones for ever
        }
        # Until the transaction ends: whatever is set for longer would stay behind in a pooler's session.
        configured = [f"set_config({name!r}, {str(value)!r}, true)" for name, value in settings.items()]
        self._settings = f"SELECT {', '.join((*configured, _DURABLE))}"
        self.begin_at_once = f"{self._begin_writing};{self._settings}"

    def connect(self) -> "psycopg.Connection":
        """Return a new connection of psycopg's. Raises: psycopg.Error; StoreUnavailable, the encoding is wrong."""
        from psycopg.types.numeric import Int8Dumper  # noqa: PLC0415 - as above
        from psycopg.types.string import StrDumper  # noqa: PLC0415

        connection = self.driver.connect(**self._parameters)
        try:
            # One type for all numbers, so that a statement is prepared once, and one for all texts, so that the server
            # does not try to read them as something else, and quotes them when it cannot.
            connection.adapters.register_dumper(int, Int8Dumper)
            connection.adapters.register_dumper(str, StrDumper)
            _check_encoding(connection)
            if _is_pooled(connection):
                connection.prepare_threshold = None
            self.tells_timeline = self._does_tell_timeline(connection)
            connection.add_notice_handler(self._note_warning)
        except BaseException:
            connection.close()
            raise
        return connection

    def begin(self, connection: "psycopg.Connection", *, writing: bool, lock_timeout_s: float | None = None) -> None:
        """Begin a transaction, in which statements are sent without waiting for those before.

        Most of a small transaction's time is round trips. A statement that fails lets those behind it fail, too: also
        the COMMIT that was sent with them. ``lock_timeout_s``: in place of the usual one.
        """
        self._warnings.clear()
        self._pipeline = self._in_pipeline.enter_context(connection.pipeline())
        connection.execute(self._begin_writing if writing else self._begin_reading)
        connection.execute(self._settings)
        if lock_timeout_s is not None:
            connection.execute(f"SELECT set_config('lock_timeout', '{round(lock_timeout_s * 1000)}', true)".encode())

    def commit(self, connection: "psycopg.Connection") -> None:
        """Commit the transaction.

        Raises:
            StoreUnavailable: the server calls it committed, and warns that the standby it waited for may not have it.
            psycopg.Error: a statement's, if it is the first that waits for it.
        """
        connection.execute("COMMIT")
        self._pipeline.sync()
        self._in_pipeline.close()
        if self._warnings:
            raise StoreUnavailable(f"postgresql: {self._warnings[0]}")

    def rollback(self, connection: "psycopg.Connection") -> None:
        """End the transaction, if there is one, without effect."""
        with suppress(self.driver.Error):  # what led here says more
            self._in_pipeline.close()
        connection.rollback()

    def check_place(self) -> None:
        """Do nothing: COMMIT goes to the server that the connection was made to."""

    def check_high_water_mark(self, connection: "psycopg.Connection") -> None:
        """Do nothing: there is none."""

    def note_commit(self) -> None:
        """Do nothing: the server knows."""

    @contextmanager
    def closing(self) -> Iterator[None]:
        """Close the connection in the block."""
        yield

    def _does_tell_timeline(self, connection: "psycopg.Connection") -> bool:
        try:
            connection.execute("SELECT pg_walfile_name(pg_current_wal_lsn())")
        except self.driver.Error as error:
            return error.sqlstate == _NOT_NOW
        return True

    def _note_warning(self, notice: "psycopg.errors.Diagnostic") -> None:
        # Other warnings change nothing of what is committed: of a trigger, or of transaction ids that get scarce.
        if notice.severity_nonlocalized == "WARNING" and notice.source_file in (None, _OF_REPLICATION):
            self._warnings.append(notice.message_primary or "a warning")

    def was_hung_up(self, connection: "psycopg.Connection") -> bool:
        """Return whether a server that has restarted since the last transaction has closed this connection.

        Between transactions a server sends nothing: anything to read means that it has closed the connection.
        """
        with DefaultSelector() as selector:
            selector.register(connection, EVENT_READ)
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
