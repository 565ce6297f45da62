"""What a SQLite journal must not be older than: kept beside it, so that one that has gone back in time is noticed.

It goes back when a backup is put in its place, or when its WAL is damaged in the middle, where SQLite ends its recovery
without a word. Then revisions would be given a second time, for other changes.
"""

import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec
from msgspec import Struct

from actors.errors import StoreUnavailable
from actors.messages.collections import list_in, parts_of

if TYPE_CHECKING:
    import sqlite3

_HEAD: Final = "SELECT revision FROM heads WHERE user_id = ?"
_DELETED: Final = "SELECT deleted_revision FROM heads WHERE user_id = ?"
_HAS_LISTS: Final = "SELECT count(*) FROM sqlite_master WHERE name = 'lists'"
_EPOCH: Final = "SELECT value FROM meta WHERE key = 'epoch'"
_HAS_TABLES: Final = "SELECT count(*) = 2 FROM sqlite_master WHERE name IN ('heads', 'meta')"

_FIX: Final = "restore it while no daemon runs, then run 'syncd migrate --renew-epoch'"

MAX_PAST: Final = 16
"""Epochs that are remembered, of the latest renewals: they are part of what each commit writes."""

logger = logging.getLogger(__name__)


class Mark(Struct, frozen=True, omit_defaults=True):
    """In the database with this ``epoch``, the line of the latest commit stands at ``revision`` or later."""

    epoch: str
    user_id: str
    """The line, as the tables have it."""
    revision: int
    is_overwritten: bool = False
    """The database was overwritten while in use: it is a mixture, wherever its users seem to stand."""
    past: tuple[str, ...] = ()
    """Epochs that were renewed, latest first: a database with one of them is an older one, put back again."""


class HighWaterMark:
    """The mark of one database: every commit raises it before it is acknowledged, at the cost of a few microseconds.

    It outlives the process in a file, which is written without waiting for the disk: whatever ends the process leaves
    it whole, and after a power failure it may be lower than it was. A mark of another epoch means nothing, unless that
    epoch was renewed here: then an older backup was put back, and devices may know more of that epoch than it does.

    Args:
        database: the file of the database; the mark's is beside it.
    """

    def __init__(self, database: Path) -> None:
        self._database = database
        self._file = database.with_name(f"{database.name}.high-water")
        self._descriptor: int | None = None
        self._epoch: str | None = None
        self._mark: Mark | None = None
        self._past: tuple[str, ...] = ()
        self._left: tuple[str, ...] = ()
        """What is to be past when the epoch is renewed."""
        self._was_told = False

    def check(self, connection: "sqlite3.Connection") -> None:
        """Check, in a transaction, that the database has not gone back. Raises: StoreUnavailable, with the fix."""
        if self._epoch is None:
            self._epoch = _epoch(connection)
            mark = None if self._epoch is None else self._read()
            self._mark = mark if mark is not None and mark.epoch == self._epoch else None
            self._past = () if mark is None else mark.past
        mark = self._mark
        if mark is not None:
            revision = 0 if mark.is_overwritten else _revision(connection, mark.user_id)
            if revision < mark.revision or mark.is_overwritten:
                self._epoch = _epoch(connection)
                self._refuse(mark, revision)
        if self._epoch in self._past:  # also if that is what was put in the place of a later one just now
            self._epoch = _epoch(connection)
            if self._epoch in self._past:
                raise StoreUnavailable(f"sqlite: {self._database} is of an epoch that was renewed since: {_FIX}")

    def check_not_spoilt(self) -> None:
        """Check that a database that cannot be read is not one that was overwritten. Raises: StoreUnavailable."""
        mark = self._mark or self._read()
        if mark is not None and mark.is_overwritten:
            raise self._overwritten()

    def raise_to(self, user_id: str, revision: int) -> None:
        """Note where a user stands by a commit of this process, whose transaction was checked."""
        if self._epoch is not None:
            self._write(Mark(self._epoch, user_id, revision, past=self._past))

    def spoil(self) -> None:
        """Let nobody use the database under its epoch again: it was overwritten."""
        if self._epoch is not None:
            self._write(Mark(self._epoch, "", 0, is_overwritten=True, past=self._past))

    def forget(self) -> None:
        """Take the database as it is: its epoch is about to be renewed. Raises: OSError."""
        mark = self._read()
        self._left = () if mark is None else (mark.epoch, *mark.past)
        self._epoch, self._mark = None, None
        if self._file.exists():
            os.truncate(self._file, 0)

    def note_renewed(self) -> None:
        """Remember what was forgotten, and the epoch that was renewed by a transaction after that."""
        past = dict.fromkeys(epoch for epoch in (self._epoch, *self._left) if epoch)
        self._write(Mark("", "", 0, past=tuple(past)[:MAX_PAST]))
        self._epoch, self._mark = None, None

    def close(self) -> None:
        """Close the file; idempotent."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _refuse(self, mark: Mark, revision: int) -> None:
        if self._epoch != mark.epoch:  # it was renewed meanwhile, or this is another database
            self._mark = None
        elif mark.is_overwritten:
            raise self._overwritten()
        else:
            raise StoreUnavailable(
                f"sqlite: {self._database} has gone back, a user's revision from {mark.revision} to {revision}: {_FIX}"
            )

    def _overwritten(self) -> StoreUnavailable:
        return StoreUnavailable(f"sqlite: {self._database} was overwritten while in use: {_FIX}")

    def _read(self) -> Mark | None:
        try:
            line = self._file.read_bytes().partition(b"\n")[0]  # the rest is of a longer one before
            return msgspec.json.decode(line, type=Mark) if line else None
        except FileNotFoundError:
            return None
        except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
            logger.warning("%s cannot be read, and says nothing of the journal: %s", self._file, error)
            return None

    def _write(self, mark: Mark) -> None:
        self._mark = mark
        try:
            if self._descriptor is None:
                self._descriptor = os.open(self._file, os.O_WRONLY | os.O_CREAT, 0o600)
            os.pwrite(self._descriptor, msgspec.json.encode(mark) + b"\n", 0)
        except OSError as error:
            if not self._was_told:
                logger.warning("%s cannot be written, and will say nothing at the next start: %s", self._file, error)
            self._was_told = True


def _revision(connection: "sqlite3.Connection", user_id: str) -> int:
    row = connection.execute(_HEAD, (user_id,)).fetchone()
    if row is None and list_in(user_id) is not None and connection.execute(_HAS_LISTS).fetchone()[0]:
        row = connection.execute(_DELETED, (parts_of(user_id)[0],)).fetchone()  # it may have been deleted since
    return 0 if row is None else int(row[0])


def _epoch(connection: "sqlite3.Connection") -> str | None:
    """Return the database's; ``None``: it has no tables yet."""
    ((has_tables,),) = connection.execute(_HAS_TABLES).fetchall()
    row = connection.execute(_EPOCH).fetchone() if has_tables else None
    return None if row is None else str(row[0])
