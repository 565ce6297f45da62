"""What is SQLite's own: the file, how to open it, and how a transaction begins."""

import os
import sqlite3
from contextlib import suppress
from pathlib import Path

from sqlalchemy.dialects.sqlite import dialect

from actors.errors import StoreUnavailable

_FileId = tuple[int, int]
"""Device and inode: what a name stands for."""

_FIX = "put it back, or restart the daemon"


class SQLite:
    """A file, made for its owner only when it is opened first; from then on it has to stay where it is.

    A file that is removed or replaced goes on without its name: SQLite would write into it, and everything would be
    gone with the process. So ``check_place`` comes before each commit, and a missing file is never made a second time.

    Args:
        file: where it is, or will be.
        lock_timeout_s: how long a transaction waits for another's lock.
        is_read_only: let SQLite refuse to change anything.
        makes_file: whether a missing file is made.
    """

    name = "sqlite"
    driver = sqlite3
    dialect = dialect(paramstyle="qmark")
    engine_url = "sqlite://"
    begin_at_once = "BEGIN IMMEDIATE"

    def __init__(
        self, file: Path, lock_timeout_s: float, *, is_read_only: bool = False, makes_file: bool = True
    ) -> None:
        self._file = file
        self._is_read_only = is_read_only
        self._makes_file = makes_file
        self._lock_timeout_s = lock_timeout_s
        self._wal = file.with_name(f"{file.name}-wal")
        self._shared_memory = file.with_name(f"{file.name}-shm")
        self._opened: dict[Path, _FileId] = {}

    def connect(self) -> sqlite3.Connection:
        """Return a new connection to the file.

        Raises:
            StoreUnavailable: it cannot be made, or is not the one that was opened before.
            sqlite3.Error: it cannot be opened.
        """
        if self._opened:
            self._check_before_opening_again()
        elif not self._makes_file and not self._file.exists():  # another process of the daemon has had it open
            raise StoreUnavailable(f"sqlite: {self._file} was removed while in use: {_FIX}")
        else:
            try:
                _create_private_file(self._file)
            except OSError as error:
                raise StoreUnavailable(f"sqlite: {error}") from error
        # isolation_level=None: we send BEGIN. Another thread than the journal's opens the connection.
        connection = sqlite3.connect(
            self._file, timeout=self._lock_timeout_s, isolation_level=None, check_same_thread=False
        )
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            # In WAL mode anything less than FULL may lose acknowledged transactions in a power failure.
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("SELECT count(*) FROM sqlite_master").fetchone()  # opens the WAL
            if self._is_read_only:
                connection.execute("PRAGMA query_only = ON")
            # A file system that cannot have a WAL has none.
            self._opened = {path: _file_id(path) for path in (self._file, self._wal) if path.exists()}
        except BaseException:
            connection.close()
            raise
        return connection

    def begin(self, connection: sqlite3.Connection, *, writing: bool) -> None:
        """Begin a transaction; a writing one acquires the file's one write lock at once.

        A lock acquired later could fail half-way, because a reader with an old snapshot may not become a writer.
        """
        connection.execute(self.begin_at_once if writing else "BEGIN")

    def commit(self, connection: sqlite3.Connection) -> None:
        """Commit the transaction."""
        connection.execute("COMMIT")

    def rollback(self, connection: sqlite3.Connection) -> None:
        """End the transaction, if there is one, without effect."""
        if connection.in_transaction:
            connection.execute("ROLLBACK")

    def check_place(self) -> None:
        """Check that the file and its WAL still have their names. Raises: StoreUnavailable, naming what happened.

        The connection stays open: it holds what was acknowledged, and goes on when the file is back.
        """
        for path, opened in self._opened.items():
            _check_is(path, opened)

    def _check_before_opening_again(self) -> None:
        _check_is(self._file, self._opened[self._file])
        if self._shared_memory.exists() and not self._wal.exists():
            # The last connection to close removes both. So another one is open, and a new WAL would not be its.
            raise StoreUnavailable(f"sqlite: {self._wal} was removed while in use: {_FIX}")

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


def _file_id(path: Path) -> _FileId:
    status = path.stat()
    return status.st_dev, status.st_ino


def _check_is(path: Path, opened: _FileId) -> None:
    try:
        if _file_id(path) == opened:
            return
    except FileNotFoundError:
        raise StoreUnavailable(f"sqlite: {path} was removed while in use: {_FIX}") from None
    except OSError as error:
        raise StoreUnavailable(f"sqlite: {path}: {error.strerror}") from error
    raise StoreUnavailable(f"sqlite: {path} was replaced while in use: {_FIX}")
