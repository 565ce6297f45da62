"""What is SQLite's own: the file, how to open it, and how a transaction begins."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from actors.errors import StoreUnavailable
from storage.databases.checkpoints import BEGIN_AT_FRAMES, RESTART_AT_FRAMES, Checkpoints
from storage.databases.high_water_mark import HighWaterMark
from storage.databases.sqlite_files import OpenedFiles
from storage.databases.statements import standard_sql
from storage.errors import DatabaseOverwritten

_PAGE_BYTES: Final = 2_048
"""A write touches a few pages all over the file, each of which goes into the WAL and then home: half of SQLite's 4,096
is about half the bytes."""

_CACHE_KIB: Final = 8_192
"""Of pages, for each connection: in SQLite's 2 MiB every second page that a thousand users' writes touch is missing,
and read again."""


class SQLite:
    """A file, made for its owner only when it is opened first; from then on it has to stay where and what it is.

    So ``check_place`` comes before each commit, the high-water mark is looked at in each transaction that writes, and a
    missing file is never made a second time.

    Args:
        file: where it is, or will be.
        lock_timeout_s: how long a transaction waits for another's lock.
        is_read_only: let SQLite refuse to change anything.
        makes_file: whether a missing file is made.
        checkpoints_aside: bring the WAL home on a thread, not within commits.
    """

    name = "sqlite"
    driver = sqlite3
    dialect = standard_sql("sqlite", "qmark")
    engine_url = "sqlite://"
    begin_at_once = "BEGIN IMMEDIATE"
    tells_timeline = False
    """There is no other server: ``high_water_mark`` tells what the file may not lack."""

    def __init__(
        self,
        file: Path,
        lock_timeout_s: float,
        *,
        is_read_only: bool = False,
        makes_file: bool = True,
        checkpoints_aside: bool = False,
    ) -> None:
        self._file = file
        self._is_read_only = is_read_only
        self._makes_file = makes_file
        self._checkpoints_aside = checkpoints_aside
        self._checkpoints: Checkpoints | None = None
        self._lock_timeout_s = lock_timeout_s
        self._set_timeout_s: float | None = None  # of the connection, as far as it is known
        self._files = OpenedFiles(file)
        self.high_water_mark = None if is_read_only else HighWaterMark(file)

    def connect(self) -> sqlite3.Connection:
        """Return a new connection to the file.

        Raises:
            StoreUnavailable: it cannot be made, or is not the one that was opened before.
            sqlite3.Error: it cannot be opened.
        """
        if self._files.are_known:
            self._files.check_before_opening_again()
        elif not self._makes_file:
            self._files.check_exists()
        else:
            try:
                _create_private_file(self._file)
            except OSError as error:
                raise StoreUnavailable(f"sqlite: {error}") from error
        connection, self._set_timeout_s = self._open(), None
        try:
            connection.execute(f"PRAGMA page_size = {_PAGE_BYTES}")  # of a file that is new
            connection.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
            connection.execute("PRAGMA journal_mode = WAL")
            # In WAL mode anything less than FULL may lose acknowledged transactions in a power failure.
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("SELECT count(*) FROM sqlite_master").fetchone()  # opens the WAL
            if self._is_read_only:
                connection.execute("PRAGMA query_only = ON")
            self._files.note_opened()
            if self._checkpoints_aside:
                connection.execute(f"PRAGMA wal_autocheckpoint = {RESTART_AT_FRAMES}")
                self._checkpoints = Checkpoints(self._open)
        except BaseException as error:
            if isinstance(error, DatabaseOverwritten):
                self._spoil()
            connection.close()
            self._note_closed()
            if isinstance(error, OSError):  # no descriptor is left, say
                raise StoreUnavailable(f"sqlite: {error}") from error
            raise
        return connection

    def begin(self, connection: sqlite3.Connection, *, writing: bool, lock_timeout_s: float | None = None) -> None:
        """Begin a transaction; a writing one acquires the file's one write lock at once.

        A lock acquired later could fail half-way, because a reader with an old snapshot may not become a writer.
        ``lock_timeout_s``: in place of the usual one.
        """
        timeout_s = self._lock_timeout_s if lock_timeout_s is None else lock_timeout_s
        if timeout_s != self._set_timeout_s:  # SQLite parses it each time
            connection.execute(f"PRAGMA busy_timeout = {round(timeout_s * 1000)}")
            self._set_timeout_s = timeout_s
        connection.execute(self.begin_at_once if writing else "BEGIN")
        if writing:
            self.check_high_water_mark(connection)

    def commit(self, connection: sqlite3.Connection) -> None:
        """Commit the transaction."""
        connection.execute("COMMIT")

    def rollback(self, connection: sqlite3.Connection) -> None:
        """End the transaction, if there is one, without effect."""
        if connection.in_transaction:
            connection.execute("ROLLBACK")

    def check_high_water_mark(self, connection: sqlite3.Connection) -> None:
        """Check, in a transaction, that the database has not gone back in time. Raises: StoreUnavailable."""
        if self.high_water_mark is None:
            return
        try:
            self.high_water_mark.check(connection)
        except sqlite3.DatabaseError:
            self.high_water_mark.check_not_spoilt()
            raise

    def check_place(self) -> None:
        """Check that the file is where and what it was. Raises: StoreUnavailable, naming what happened."""
        try:
            self._files.check()
        except DatabaseOverwritten:
            self._spoil()
            raise

    def note_commit(self) -> None:
        """A transaction was committed, which may have written to the file."""
        self._files.note_written()
        if self._checkpoints is not None and self._files.frames_to_bring >= BEGIN_AT_FRAMES:
            self._checkpoints.begin()

    @contextmanager
    def closing(self) -> Iterator[None]:
        """Close the connection in the block: what is in the WAL may then be written to whatever the file is now."""
        self._end_checkpoints()
        with suppress(StoreUnavailable):  # an overwritten one is told at the next start, by its mark
            self.check_place()
        try:
            yield
        finally:
            self._note_closed()

    def _open(self) -> sqlite3.Connection:
        # isolation_level=None: we send BEGIN. Another thread than the journal's opens the connection.
        return sqlite3.connect(self._file, timeout=self._lock_timeout_s, isolation_level=None, check_same_thread=False)

    def _end_checkpoints(self) -> None:
        checkpoints, self._checkpoints = self._checkpoints, None
        if checkpoints is not None:
            checkpoints.close()

    def _note_closed(self) -> None:
        self._files.note_closed()
        if self.high_water_mark is not None:
            self.high_water_mark.close()

    def _spoil(self) -> None:
        if self.high_water_mark is not None:
            self.high_water_mark.spoil()

    def was_hung_up(self, connection: sqlite3.Connection) -> bool:
        """Return false: nobody else can close the connection."""
        return False


def _create_private_file(path: Path) -> None:
    """Create ``path`` for its owner only, unless it exists; SQLite gives its WAL the same mode."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # O_EXCL: an existing file must not even be opened. Closing it again would drop every lock that another connection
    # of this process holds on it (POSIX), and with them SQLite's safety.
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL, 0o600))
