"""The files of an open SQLite database, which have to stay where they are and what they are.

A file that is removed or replaced goes on without its name: SQLite would write into it, and everything would be gone
with the process. One that is overwritten (``cp backup.db journal.db``) becomes a mixture: what SQLite holds in memory
and in the WAL is of another database. SQLite notices none of this.
"""

import os
from pathlib import Path
from struct import Struct as Layout
from typing import Final

from actors.errors import StoreUnavailable
from storage.errors import DatabaseOverwritten

_FIX = "put it back, or restart the daemon"

_WAL_INDEX: Final = Layout("=16xI12x8s56xI28xI")
"""In a WAL-index: the WAL's frames, its salts, how many frames are in the database's file, and how many a checkpoint
has begun to bring there.

Source: https://www.sqlite.org/walformat.html#the_wal_index_file_format. Programs of different releases share the
WAL-index, so its format stays.
"""

_Checkpoints = tuple[bytes, int, int]

# Not pathlib's, which takes twice as long: each commit looks at two files.
_exists: Final = os.path.exists
_stat: Final = os.stat


class OpenedFiles:
    """What was at a database's names when its connection was opened.

    In WAL mode only a checkpoint writes to the database's file, by whichever process, and the WAL-index shows it before
    and after. So a file that has changed without one was overwritten.

    Args:
        file: the database's.
    """

    def __init__(self, file: Path) -> None:
        self._file, self._wal, self._shared_memory = f"{file}", f"{file}-wal", f"{file}-shm"
        self._opened: dict[str, os.stat_result] = {}
        self._wal_index: int | None = None
        self._checkpoints: _Checkpoints | None = None
        self._frames = 0

    @property
    def frames_to_bring(self) -> int:
        """How many frames of the WAL were not in the database's file at the last commit."""
        return 0 if self._checkpoints is None else self._frames - self._checkpoints[1]

    @property
    def are_known(self) -> bool:
        """Whether they have been opened before."""
        return bool(self._opened)

    def note_opened(self) -> None:
        """A connection was opened, the only one: remember what it has opened.

        Raises:
            DatabaseOverwritten: since the one before was closed, whose WAL is still there.
        """
        if _exists(self._shared_memory):  # a file system that cannot have a WAL has none
            self._wal_index = os.open(self._shared_memory, os.O_RDONLY)
        had_wal = self._checkpoints is not None and any(self._checkpoints[0])
        if had_wal:  # else another's cannot be told from ours
            self._check_content(_stat(self._file))
        self._checkpoints = self._read_checkpoints()
        self._opened = {path: _stat(path) for path in (self._file, self._wal) if _exists(path)}

    def note_closed(self) -> None:
        """The connection was closed. Not before: closing a descriptor drops SQLite's locks on its file (POSIX)."""
        if self._wal_index is not None:
            os.close(self._wal_index)
            self._wal_index = None

    def note_written(self) -> None:
        """The database's file may have been written to, as SQLite does it. Raises: StoreUnavailable, it is gone."""
        # First: what a checkpoint of another process writes meanwhile must be seen to come from one.
        before, self._checkpoints = self._checkpoints, self._read_checkpoints()
        if self._checkpoints is None or self._checkpoints != before:  # else nobody has
            self._opened[self._file] = _check_is(self._file, self._opened[self._file])

    def check(self) -> None:
        """Check that the files are those that were opened, and what they were.

        Raises:
            DatabaseOverwritten: what was in the file is lost.
            StoreUnavailable: one is gone or replaced. The connection holds what was acknowledged, and may go on when
                the file is back.
        """
        for path, opened in self._opened.items():
            found = _check_is(path, opened)
            if path is self._file:
                self._check_content(found)

    def check_before_opening_again(self) -> None:
        """Check that another connection would open what was opened before. Raises: StoreUnavailable."""
        _check_is(self._file, self._opened[self._file])
        if _exists(self._shared_memory) and not _exists(self._wal):
            # The last connection to close removes both. So another one is open, and a new WAL would not be its.
            raise _removed(self._wal)

    def check_exists(self) -> None:
        """Check that the file, which another process of the daemon has opened, is there. Raises: StoreUnavailable."""
        if not _exists(self._file):
            raise _removed(self._file)

    def _check_content(self, found: os.stat_result) -> None:
        if _written(found) == _written(self._opened[self._file]):
            return
        before = self._checkpoints
        self.note_written()  # by a checkpoint, or else:
        if self._checkpoints is not None:
            _, done, begun = self._checkpoints
            if self._checkpoints == before and done == begun:
                raise DatabaseOverwritten(f"sqlite: {self._file} was overwritten while in use")

    def _read_checkpoints(self) -> _Checkpoints | None:
        if self._wal_index is None:
            return None
        self._frames, salts, done, begun = _WAL_INDEX.unpack(os.pread(self._wal_index, _WAL_INDEX.size, 0))
        return salts, done, begun


def _check_is(path: str, opened: os.stat_result) -> os.stat_result:
    try:
        found = _stat(path)
    except FileNotFoundError:
        raise _removed(path) from None
    except OSError as error:
        raise StoreUnavailable(f"sqlite: {path}: {error.strerror}") from error
    if not os.path.samestat(found, opened):
        raise StoreUnavailable(f"sqlite: {path} was replaced while in use: {_FIX}")
    return found


def _removed(path: str) -> StoreUnavailable:
    return StoreUnavailable(f"sqlite: {path} was removed while in use: {_FIX}")


def _written(file: os.stat_result) -> tuple[int, int]:
    return file.st_mtime_ns, file.st_size
