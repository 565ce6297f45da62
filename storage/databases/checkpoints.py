"""Checkpoints of a SQLite database beside its writer, which otherwise brings the WAL home within a commit.

SQLite lets one connection write on while another checkpoints (https://www.sqlite.org/wal.html#concurrency), and Python
gives its lock up for the call. The writer keeps an automatic checkpoint of its own, at a size of the WAL that is rarely
reached with much left to do: it begins the WAL again from the start.
"""

import logging
import sqlite3
from collections.abc import Callable
from threading import Thread
from typing import Final

BEGIN_AT_FRAMES: Final = 2_000
"""Pages in the WAL that are not in the file yet when a checkpoint begins."""

RESTART_AT_FRAMES: Final = 16_000
"""Pages in the WAL, home or not, when the writer does the rest itself."""

logger = logging.getLogger(__name__)


class Checkpoints:
    """One at a time, each on a thread of its own.

    Args:
        connect: opens a connection to the writer's database that may be used on any thread; called when the first
            begins, because a database that is little written to, or migrated, needs none.
    """

    def __init__(self, connect: Callable[[], sqlite3.Connection]) -> None:
        self._connect = connect
        self._connection: sqlite3.Connection | None = None
        self._thread: Thread | None = None
        self._failure: sqlite3.Error | RuntimeError | None = None

    def begin(self) -> None:
        """Begin one, unless one is under way. Tells the log why the one before failed."""
        if self._thread is not None and self._thread.is_alive():
            return
        if self._failure is not None:
            logger.warning("sqlite: a checkpoint failed, and commits do its work: %s", self._failure)
            self._failure = None
        thread = Thread(target=self._run, name="checkpoint", daemon=True)
        try:
            thread.start()
        except RuntimeError as error:  # the system has no thread left for us
            self._failure = error
        else:
            self._thread = thread

    def close(self) -> None:
        """Wait for the one under way, and close the connection."""
        if self._thread is not None:
            self._thread.join()
        if self._connection is not None:
            self._connection.close()

    def _run(self) -> None:
        try:
            if self._connection is None:
                self._connection = self._connect()
            self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
        except sqlite3.Error as error:
            self._failure = error
