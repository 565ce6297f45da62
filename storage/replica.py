"""Reads from a copy of the database that may be behind, without ever showing it behind."""

import logging
import time
from collections.abc import Callable
from typing import Final, TypeVar

from actors.errors import StoreUnavailable
from actors.ports import JournalStore

PAUSE_S: Final = 10.0
"""After a failure of the replica: one that does not answer may cost seconds each time."""

R = TypeVar("R")

logger = logging.getLogger(__name__)


class ReplicaReads:
    """Reads a user's lists and changes from the replica when it stands where the database does, else from the database.

    The database itself is asked for one row: where the line stands. So a read sees every write that was answered before
    it, on whatever node, however far behind the replica is; a replica that fails costs nothing but its help.

    Args:
        database: the truth.
        replica: a read-only copy of it.
        now_s: a monotonic clock.
    """

    def __init__(
        self, database: JournalStore, replica: JournalStore, now_s: Callable[[], float] = time.monotonic
    ) -> None:
        self._database = database
        self._replica = replica
        self._now_s = now_s
        self._pauses_until_s = float("-inf")

    def read(self, line: str, read: Callable[[JournalStore], R]) -> R:
        """Return what ``read`` makes of the replica or of the database. Raises: what it raises of the database."""
        if self._now_s() >= self._pauses_until_s:
            head = self._database.heads((line,))[0]
            try:
                copied = self._replica.heads((line,))[0]
                if copied.epoch == head.epoch and copied.revision >= head.revision:
                    return read(self._replica)
            except StoreUnavailable as error:
                self._pauses_until_s = self._now_s() + PAUSE_S
                logger.warning("the replica does not answer, and is left out for %g s: %s", PAUSE_S, error)
        return read(self._database)
