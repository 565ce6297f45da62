"""A store in one SQLite file: list and queue outlive restarts, crashes and power cuts."""

import os
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final
from weakref import WeakSet

import msgspec
from msgspec import Struct

from syncd_client.data.user_state import Changes, ConfirmedItem, Head, PendingWrite, UserState
from syncd_client.stores.store import StoreInUseError

_FIRST_VERSION: Final = 1
_LISTS_VERSION: Final = 2
"""The version of a file with other lists: an older client would show their items in the watchlist."""
_VERSION: Final = 3
"""The version of a file with registers, for the same reason."""

# A write's row id is its place in the queue. Values are JSON, so that new fields need no new columns.
_SCHEMA: Final = """
CREATE TABLE heads (user_id TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE items (user_id TEXT, key TEXT, value TEXT NOT NULL, PRIMARY KEY (user_id, key)) WITHOUT ROWID;
CREATE TABLE operations (place INTEGER PRIMARY KEY AUTOINCREMENT, user_id TEXT, key TEXT, value TEXT NOT NULL,
                         UNIQUE (user_id, key));
"""
_PUT_HEAD: Final = "INSERT INTO heads VALUES (?, ?) ON CONFLICT (user_id) DO UPDATE SET value = excluded.value"
_PUT: Final = (
    "INSERT INTO {} (user_id, key, value) VALUES (?, ?, ?)"
    " ON CONFLICT (user_id, key) DO UPDATE SET value = excluded.value"
)
_DROP_USER: Final = "DELETE FROM {} WHERE user_id = ?"
_DROP: Final = "DELETE FROM {} WHERE user_id = ? AND key = ?"


class SqliteStore:
    """Keeps the lists of any number of users in the file ``path``, for one client at a time.

    The file is opened when a client first needs it, and made if there is none. A file that is something else is left as
    it is. Calls raise ``StoreInUseError``, or the ``sqlite3.Error`` that says what is wrong; the next call tries again.

    Raises:
        ValueError: ``path`` names no file.
    """

    is_persistent = True

    def __init__(self, path: str | Path) -> None:
        if str(path) in ("", ":memory:", "None"):
            raise ValueError("path: must be that of a file, such as 'watchlist.db'; without one there is MemoryStore()")
        self._path = Path(path).absolute()
        self._database: sqlite3.Connection | None = None
        self._identity: tuple[int, int] | None = None
        self._version = _FIRST_VERSION
        """The database's, once it is open."""

    def _opened(self) -> sqlite3.Connection:
        """Return the database, opening it if need be; if another file is at the path now, that one is opened."""
        self._leave_moved()
        if self._database is None:
            # One thread at a time uses it, but not always the same: the client's event loop may end with its thread.
            database = sqlite3.connect(self._path, timeout=0, isolation_level=None, check_same_thread=False)
            try:
                self._version = _prepare(database)
            except BaseException as error:
                database.close()
                if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_BUSY:
                    raise StoreInUseError(f"another client uses {self._path}") from error
                raise
            self._database, self._identity = database, _identity(self._path)
            _open_stores.add(self)
        if self._database.in_transaction:
            self._database.rollback()  # Ctrl-C came before the last transaction could end
        return self._database

    def _unmoved(self) -> sqlite3.Connection:
        """Return the database, unless its file was deleted or replaced since it was opened.

        Raises:
            sqlite3.OperationalError: it was: what is written now would be lost with it.
        """
        if self._leave_moved():
            raise sqlite3.OperationalError(f"{self._path} was deleted or replaced")
        return self._opened()

    def load(self, user_id: str) -> UserState | None:
        """Return what was saved of this user; ``None``: nothing. Cost: O(stored).

        Raises:
            StoreInUseError: another client has the file.
            sqlite3.Error: the file cannot be opened or made, or it was not written by such a store.
        """
        self._opened()
        head = self._values("SELECT value FROM heads WHERE user_id = ?", user_id)
        if not head:
            return None
        rows = self._opened().execute("SELECT key, value FROM items WHERE user_id = ?", (user_id,)).fetchall()
        queue = self._values("SELECT value FROM operations WHERE user_id = ? ORDER BY place", user_id)
        try:
            items = {key: msgspec.json.decode(text, type=ConfirmedItem) for key, text in rows}
            state = UserState(
                msgspec.json.decode(head[0], type=Head),
                tuple(items.values()),
                tuple(msgspec.json.decode(text, type=PendingWrite) for text in queue),
            )
        except (msgspec.DecodeError, TypeError) as error:  # the latter of what is no text
            raise sqlite3.DatabaseError(f"the store cannot be read: {error}") from error
        self._put_in_place(user_id, items)
        return state

    def save(self, user_id: str, changes: Changes) -> None:
        """Write ``changes`` in one transaction.

        Cost: one fsync if they queue a write; all else can be fetched from the service again.
        """
        database = self._unmoved()
        version = max(self._version, _version_for(changes))
        database.execute(f"PRAGMA synchronous = {'FULL' if any(changes.queue.values()) else 'NORMAL'}")
        with _transaction(database):
            if version != self._version:
                database.execute(f"PRAGMA user_version = {version}")
            database.execute(_PUT_HEAD, (user_id, _json(changes.head)))
            if changes.replaces_items:
                database.execute(_DROP_USER.format("items"), (user_id,))
            _write(database, "items", user_id, changes.items.items())
            _write(database, "operations", user_id, changes.queue.items())
        self._version = version

    def erase(self, user_id: str) -> None:
        """Delete everything of this user, from the log and from free pages as well. Cost: three fsyncs."""
        database = self._unmoved()
        database.execute("PRAGMA synchronous = FULL")
        with _transaction(database):
            for table in ("heads", "items", "operations"):
                database.execute(_DROP_USER.format(table), (user_id,))
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def close(self) -> None:
        """Release the file for the next client; idempotent."""
        if self._database is not None:
            self._database.close()
            self._database = None

    def leave_to_parent(self) -> None:
        """Forget the database in a forked process, as if it had never been opened: it stays its parent's.

        To close it would copy the log, as far as this process knows it, into the file and delete the log, while the
        parent goes on writing both: what the parent stores from then on is lost, or the file is damaged.
        """
        if self._database is not None:
            import ctypes  # noqa: PLC0415 - nobody else needs it

            ctypes.pythonapi.Py_IncRef(ctypes.py_object(self._database))  # or it is closed when the last reference goes
            self._database = None

    def _leave_moved(self) -> bool:
        """Close the database if it is no longer at its path; return whether that was so."""
        if self._database is None or self._identity == _identity(self._path):
            return False
        # What is in the log belongs to the file that is gone, and SQLite would apply it to the one that is there now.
        with suppress(sqlite3.Error):  # of a disk that is gone, say
            self._database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self.close()
        return True

    def _put_in_place(self, user_id: str, items: dict[str, ConfirmedItem]) -> None:
        """Give items their keys: ``a/1`` in the watchlist once had the same key as ``1`` in a list ``a``."""
        moved: dict[str, ConfirmedItem | None] = {item.key: item for key, item in items.items() if item.key != key}
        if moved:
            moved |= {key: None for key, item in items.items() if item.key != key}
            database = self._opened()
            with _transaction(database):
                _write(database, "items", user_id, moved.items())

    def _values(self, query: str, user_id: str) -> list[str]:
        return [value for (value,) in self._opened().execute(query, (user_id,))]


_open_stores: Final = WeakSet[SqliteStore]()


def _leave_all_to_parent() -> None:
    for store in tuple(_open_stores):
        store.leave_to_parent()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_leave_all_to_parent)


def _identity(path: Path) -> tuple[int, int] | None:
    """Return what tells a file from another at the same path; ``None``: no file is to be seen there."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _version_for(changes: Changes) -> int:
    """Return the version that a file needs to hold ``changes``."""
    writes = [write for write in changes.queue.values() if isinstance(write, PendingWrite)]
    if changes.head.registers or any(write.registers for write in writes):
        return _VERSION
    return _LISTS_VERSION if changes.head.lists or any(write.list for write in writes) else _FIRST_VERSION


def _prepare(database: sqlite3.Connection) -> int:
    """Take the lock, which is kept until the database is closed, and make the tables if there are none.

    Returns the database's version.
    """
    execute = database.execute
    execute("PRAGMA locking_mode = EXCLUSIVE")
    execute("PRAGMA secure_delete = ON")  # what is erased is overwritten, whatever SQLite was built for
    version: int = execute("PRAGMA user_version").fetchone()[0]
    if version > _VERSION:
        raise sqlite3.DatabaseError(f"the store has version {version}; this client knows up to {_VERSION}")
    if version < _FIRST_VERSION and execute("SELECT 1 FROM sqlite_master").fetchone():
        raise sqlite3.DatabaseError("the file is another program's database")
    execute("PRAGMA journal_mode = WAL")
    execute("BEGIN IMMEDIATE")
    if version < _FIRST_VERSION:
        for statement in _SCHEMA.strip().split(";\n"):
            execute(statement)
        execute(f"PRAGMA user_version = {_FIRST_VERSION}")
    execute("COMMIT")
    return max(version, _FIRST_VERSION)


@contextmanager
def _transaction(database: sqlite3.Connection) -> Iterator[None]:
    """Commit all that is done within, or nothing."""
    with database:
        database.execute("BEGIN IMMEDIATE")
        yield


def _write(database: sqlite3.Connection, table: str, user_id: str, values: Iterable[tuple[str, Struct | None]]) -> None:
    values = list(values)
    database.executemany(
        _PUT.format(table), [(user_id, key, _json(value)) for key, value in values if value is not None]
    )
    database.executemany(_DROP.format(table), [(user_id, key) for key, value in values if value is None])


def _json(value: Struct) -> str:
    return msgspec.json.encode(value).decode()
