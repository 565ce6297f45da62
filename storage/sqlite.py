"""What is SQLite's own: the file, how to open it, and how a transaction begins."""

import os
import sqlite3
from contextlib import suppress
from pathlib import Path

from sqlalchemy import Connection

from actors.errors import StoreUnavailable


class SQLite:
    """A file, made for its owner only when it is opened first.

    Args:
        file: where it is, or will be.
        lock_timeout_s: how long a transaction waits for another's lock.
    """

    name = "sqlite"
    engine_url = "sqlite://"

    def __init__(self, file: Path, lock_timeout_s: float) -> None:
        self._file = file
        self._lock_timeout_s = lock_timeout_s

    def connect(self) -> sqlite3.Connection:
        """Return a new connection to the file. Raises: sqlite3.Error; StoreUnavailable, it cannot be made."""
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
        except BaseException:
            connection.close()
            raise
        return connection

    def begin(self, connection: Connection, *, writing: bool) -> None:
        """Begin a transaction; a writing one acquires the file's one write lock at once.

        A lock acquired later could fail half-way, because a reader with an old snapshot may not become a writer.
        """
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")

    def was_hung_up(self, connection: Connection) -> bool:
        """Return false: nobody else can close the connection."""
        return False


def _create_private_file(path: Path) -> None:
    """Create ``path`` for its owner only, unless it exists; SQLite gives its WAL the same mode."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # O_EXCL: an existing file must not even be opened. Closing it again would drop every lock that another connection
    # of this process holds on it (POSIX), and with them SQLite's safety.
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL, 0o600))
