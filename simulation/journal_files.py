"""The files of a journal that one world after another uses, and the connections to it, which stay open.

To a world they are new. But with new ones SQLite would read the schema and prepare each statement again in each world,
which takes longer than to execute it.
"""

import shutil
import sqlite3
from collections.abc import Container
from contextlib import closing
from pathlib import Path
from tempfile import mkdtemp
from typing import Any, Final

from typing_extensions import override

from storage.processes.requests import OpenedStore

STATEMENTS: Final = 512
"""That a connection keeps prepared: all that worlds execute, of which the usual 128 would have some prepared again."""


def scratch_directory() -> Path:
    """Return a new directory, in memory where that is possible."""
    memory = Path("/dev/shm")  # noqa: S108 - a directory of our own below it
    return Path(mkdtemp(prefix="syncd-simulation-", dir=memory if memory.is_dir() else None))


class _KeptConnection(sqlite3.Connection):
    """One that is closed in all but resources."""

    @override
    def close(self) -> None:
        """End the transaction, if there is one, as closing does."""
        if self.in_transaction:
            self.execute("ROLLBACK")

    def end(self) -> None:
        """Close it."""
        super().close()


class JournalFiles:
    """A directory with the journal, and whatever is beside it.

    Args:
        template: the file of an empty journal.
        triggered: those of its tables that are told what is deleted from others.
    """

    def __init__(self, template: bytes, triggered: Container[str] = ()) -> None:
        self._directory = scratch_directory()
        self.journal = self._directory / "journal.db"
        self.backup = self._directory / "backup.db"
        self.journal.write_bytes(template)
        self.journal.chmod(0o600)
        self._kept: dict[str, _KeptConnection] = {}
        """By who has it: the ``writer``, the ``reader``, which is read-only, or the ``judge``."""
        with closing(sqlite3.connect(self.journal)) as connection:
            tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
            names = {table for (table,) in tables} - {"alembic_version", "meta"}
            self._tables = sorted(names, key=lambda name: (name in triggered, name))
            self._meta = connection.execute("SELECT * FROM meta").fetchall()

    def keep_connection(self, store: OpenedStore, *, is_read_only: bool) -> None:
        """Let ``store`` have the connection of the one before it, and leave it to the one after it."""
        backend: Any = store._database._backend  # which makes a new one each time
        make = backend.connect
        backend._open = self._connect
        owner = "reader" if is_read_only else "writer"

        def connect() -> sqlite3.Connection:
            kept = self._kept.get(owner)
            if kept is None:
                kept = self._kept[owner] = make()
            else:
                backend._files.note_opened()
            return kept

        backend.connect = connect

    def connect_judge(self) -> sqlite3.Connection:
        """Return a connection to read the journal without the service, which is kept as well."""
        if "judge" not in self._kept:
            self._kept["judge"] = self._connect()
        return self._kept["judge"]

    def end_connections(self) -> None:
        """Close them: the files are about to be replaced."""
        for connection in self._kept.values():
            connection.end()
        self._kept.clear()

    def empty(self) -> None:
        """Be as new, whatever a world has left."""
        self.backup.unlink(missing_ok=True)
        self.journal.with_name(f"{self.journal.name}.high-water").unlink(missing_ok=True)
        connection = self._kept.get("writer") or self.connect_judge()
        if connection.execute("PRAGMA query_only").fetchone() != (0,):  # to set it would let all be prepared again
            connection.execute("PRAGMA query_only = OFF")
        connection.execute("BEGIN IMMEDIATE")
        for table in self._tables:
            connection.execute(f"DELETE FROM {table}")  # noqa: S608 - our own names
        connection.execute("DELETE FROM meta")
        connection.executemany("INSERT INTO meta VALUES (?, ?)", self._meta)
        connection.execute("COMMIT")

    def remove(self) -> None:
        """Remove everything."""
        self.end_connections()
        shutil.rmtree(self._directory)

    def _connect(self) -> _KeptConnection:
        return sqlite3.connect(
            self.journal,
            isolation_level=None,
            check_same_thread=False,
            factory=_KeptConnection,
            cached_statements=STATEMENTS,
        )
