"""A store in one SQLite file: list and queue outlive restarts, crashes and power cuts."""

import sqlite3
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from syncd_client.user_state import Changes, ConfirmedItem, Head, PendingWrite, UserState

_VERSION: Final = 1

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


class StoreInUseError(Exception):
    """Another client uses the file: two would number their writes alike."""


class SqliteStore:
    """Keeps the lists of any number of users in the file ``path``, for one client at a time.

    Raises:
        StoreInUseError: another client has the file.
        sqlite3.DatabaseError: the file is no such store, or of a later version.
    """

    def __init__(self, path: str | Path) -> None:
        self._database = sqlite3.connect(path, timeout=0, isolation_level=None)
        try:
            self._open()
        except sqlite3.OperationalError as error:
            self._database.close()
            if error.sqlite_errorcode == sqlite3.SQLITE_BUSY:
                raise StoreInUseError(f"another client uses {path}") from error
            raise
        except sqlite3.DatabaseError:
            self._database.close()
            raise

    def _open(self) -> None:
        execute = self._database.execute
        execute("PRAGMA locking_mode = EXCLUSIVE")
        execute("PRAGMA journal_mode = WAL")
        execute("BEGIN IMMEDIATE")  # takes the lock that is kept until close
        (version,) = execute("PRAGMA user_version").fetchone()
        if version > _VERSION:
            raise sqlite3.DatabaseError(f"the store has version {version}; this client knows up to {_VERSION}")
        if version < _VERSION:
            for statement in _SCHEMA.strip().split(";\n"):
                execute(statement)
            execute(f"PRAGMA user_version = {_VERSION}")
        execute("COMMIT")

    def load(self, user_id: str) -> UserState | None:
        """Return what was saved of this user; ``None``: nothing. Cost: O(stored).

        Raises:
            sqlite3.DatabaseError: what is there was not saved by such a store.
        """
        head = self._values("SELECT value FROM heads WHERE user_id = ?", user_id)
        if not head:
            return None
        items = self._values("SELECT value FROM items WHERE user_id = ?", user_id)
        queue = self._values("SELECT value FROM operations WHERE user_id = ? ORDER BY place", user_id)
        try:
            return UserState(
                msgspec.json.decode(head[0], type=Head),
                tuple(msgspec.json.decode(text, type=ConfirmedItem) for text in items),
                tuple(msgspec.json.decode(text, type=PendingWrite) for text in queue),
            )
        except (msgspec.DecodeError, TypeError) as error:  # the latter of what is no text
            raise sqlite3.DatabaseError(f"the store cannot be read: {error}") from error

    def save(self, user_id: str, changes: Changes) -> None:
        """Write ``changes`` in one transaction.

        Cost: an fsync if a write is queued in it; all else can be had again from the service.
        """
        execute = self._database.execute
        execute(f"PRAGMA synchronous = {'FULL' if any(changes.queue.values()) else 'NORMAL'}")
        execute("BEGIN IMMEDIATE")
        with self._database:
            execute(_PUT_HEAD, (user_id, _json(changes.head)))
            if changes.replaces_items:
                execute(_DROP_USER.format("items"), (user_id,))
            self._write("items", user_id, changes.items.items())
            self._write("operations", user_id, changes.queue.items())

    def erase(self, user_id: str) -> None:
        """Delete everything of this user. Cost: an fsync."""
        self._database.execute("PRAGMA synchronous = FULL")
        self._database.execute("BEGIN IMMEDIATE")
        with self._database:
            for table in ("heads", "items", "operations"):
                self._database.execute(_DROP_USER.format(table), (user_id,))

    def close(self) -> None:
        """Release the file for the next client; idempotent."""
        self._database.close()

    def _values(self, query: str, user_id: str) -> list[str]:
        return [value for (value,) in self._database.execute(query, (user_id,))]

    def _write(self, table: str, user_id: str, values: Iterable[tuple[str, Struct | None]]) -> None:
        values = list(values)
        self._database.executemany(
            _PUT.format(table), [(user_id, key, _json(value)) for key, value in values if value is not None]
        )
        self._database.executemany(_DROP.format(table), [(user_id, key) for key, value in values if value is None])


def _json(value: Struct) -> str:
    return msgspec.json.encode(value).decode()
