"""The journal's database in the simulation's own process: away, read-only, killed while it commits, or restored.

The store is the real one: what its processes do with a request, on a SQLite file, behind the real wire format.
"""

import atexit
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from functools import cache
from typing import Any, Final, NoReturn

from actors.messages.content_ids import ContentIdKind
from simulation.outside.journal_files import JournalFiles, scratch_directory
from storage.databases.database_url import sqlite_url
from storage.journal.history import HistoryLimits
from storage.processes.requests import OpenedStore
from storage.processes.wire import Failed, Open, decode_request, encode
from storage.schema.version import migrate, renew_epoch

EPOCH: Final = "simulated"

ARCHIVE: Final = "simulation_archive"
"""A table of the simulation's own: every operation that was ever committed, also when the history drops it."""
DELETIONS: Final = "simulation_deletions"
"""Another: where each list stood that was deleted."""
REGISTERS: Final = "simulation_registers"
"""Another: each register as every transaction has left it."""


@cache
def _template() -> bytes:
    """Return an empty journal: made once, because migrating takes a quarter of a second."""
    directory = scratch_directory()
    try:
        file = directory / "journal.db"
        migrate(sqlite_url(file))
        with closing(sqlite3.connect(file)) as connection, connection:
            connection.execute("UPDATE meta SET value = ? WHERE key = 'epoch'", (EPOCH,))
            connection.execute(f"CREATE TABLE {ARCHIVE} AS SELECT * FROM operations")  # noqa: S608 - the same
            columns = [f"NEW.{name}" for _, name, *_ in connection.execute("PRAGMA table_info(operations)")]
            insert = f"INSERT INTO {ARCHIVE} VALUES ({', '.join(columns)})"  # noqa: S608 - our own names
            connection.execute(f"CREATE TRIGGER keep AFTER INSERT ON operations BEGIN {insert}; END")
            connection.execute(f"CREATE TABLE {DELETIONS} (user_id TEXT, revision INTEGER)")
            insert = f"INSERT INTO {DELETIONS} VALUES (OLD.user_id, OLD.revision)"  # noqa: S608 - the same
            connection.execute(f"CREATE TRIGGER note AFTER DELETE ON heads BEGIN {insert}; END")
            connection.execute(f"CREATE TABLE {REGISTERS} (user_id TEXT, key TEXT, revision INTEGER, members TEXT)")
            insert = f"INSERT INTO {REGISTERS} VALUES (NEW.user_id, NEW.key, NEW.revision, NEW.members)"  # noqa: S608
            for what in ("INSERT", "UPDATE"):
                connection.execute(f"CREATE TRIGGER on_{what} AFTER {what} ON registers BEGIN {insert}; END")
        return file.read_bytes()
    finally:
        shutil.rmtree(directory)


@cache
def _files() -> JournalFiles:
    files = new_files()
    atexit.register(files.remove)
    return files


def new_files() -> JournalFiles:
    """Return the files of an empty journal."""
    return JournalFiles(_template(), {DELETIONS})


def emptied_files() -> JournalFiles:
    """Return those that this process uses for one world after another."""
    files = _files()
    files.empty()
    return files


class _Killed(BaseException):
    """The process that writes is killed."""


class SimulatedDatabase:
    """One journal for all nodes: a writer and a reader, as two processes would open it."""

    _writer: OpenedStore
    _reader: OpenedStore

    def __init__(
        self,
        files: JournalFiles,
        now_ms: Callable[[], int],
        timer_s: Callable[[], float],
        history: HistoryLimits,
        content_ids: ContentIdKind = "uuid",
    ) -> None:
        self.files = files
        self.file = files.journal
        self._url = sqlite_url(self.file)
        self._clocks = now_ms, timer_s
        self._history = history
        self._content_ids: ContentIdKind = content_ids
        self._renewals = 0
        self._open()
        self.is_away = False
        """Nothing can be written or read."""
        self._is_read_only = False
        self.is_being_restored = False
        """An operator has stopped all nodes, and lets none start."""

    @property
    def has_backup(self) -> bool:
        """Whether it could be restored."""
        return self.files.backup.exists()

    def answer(self, request: bytes, *, is_write: bool) -> bytearray:
        """Do what ``request`` asks."""
        if self.is_away:
            return encode(Failed("unavailable", "the database is away"))
        decoded = decode_request(request)
        assert not isinstance(decoded, Open)
        if is_write and self._is_read_only:  # a connection that has failed is another one now
            self._let_write(False)
        return encode((self._writer if is_write else self._reader).answer(decoded))

    def protect(self) -> None:
        """Let nothing be written, as on a disk that was remounted read-only."""
        self._is_read_only = True

    def unprotect(self) -> None:
        """Let it be written again."""
        if self._is_read_only:
            self._is_read_only = False
            self._let_write(True)

    def kill_writer_at(self, request: bytes) -> None:
        """Do what ``request`` asks up to its COMMIT, where the process is killed; another one opens the file."""

        def kill(*_: Any) -> NoReturn:
            raise _Killed

        database: Any = self._writer._database  # no call of our own comes so late
        database._backend.commit = kill
        try:
            self.answer(request, is_write=True)
        except _Killed:
            self._writer.close()
            self._writer = self._opened(is_read_only=False)
        else:  # it failed before
            del database._backend.commit

    def back_up(self) -> None:
        """Make a backup, as ``sqlite3 journal.db .backup`` does while nodes run."""
        with closing(sqlite3.connect(self.file)) as connection, closing(sqlite3.connect(self.files.backup)) as backup:
            connection.backup(backup)

    def restore(self) -> None:
        """Put the backup in the place of the database, which nobody uses at the moment."""
        self.close()
        self.files.end_connections()
        for suffix in ("-wal", "-shm"):
            self.file.with_name(self.file.name + suffix).unlink(missing_ok=True)
        self.file.write_bytes(self.files.backup.read_bytes())
        self._open()

    def renew_epoch(self) -> None:
        """Do what ``syncd migrate --renew-epoch`` does, with a name that the seed decides; nobody uses it."""
        self.close()
        renew_epoch(self._url)
        self._renewals += 1
        with closing(sqlite3.connect(self.file)) as connection, connection:
            connection.execute("UPDATE meta SET value = ? WHERE key = 'epoch'", (f"restored-{self._renewals}",))
        self._open()

    def close(self) -> None:
        """Close the file."""
        self._reader.close()
        self._writer.close()

    def _let_write(self, may_write: bool) -> None:
        self._writer._database._opened().execute(f"PRAGMA query_only = {'OFF' if may_write else 'ON'}")

    def _open(self) -> None:
        self._writer = self._opened(is_read_only=False)
        self._reader = self._opened(is_read_only=True)

    def _opened(self, *, is_read_only: bool) -> OpenedStore:
        opening = Open(
            database_url=self._url,
            is_read_only=is_read_only,
            makes_file=not is_read_only,
            content_ids=self._content_ids,
        )
        store = OpenedStore(opening, *self._clocks, self._history, has_threads=False)
        self.files.keep_connection(store, is_read_only=is_read_only)
        return store
