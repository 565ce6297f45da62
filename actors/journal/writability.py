"""Whether the journal can be written: every transaction tells, and a probe while there is none."""

import asyncio
import logging

from actors.errors import StatementRefused, StoreUnavailable
from actors.journal.refusals import Refusals
from actors.messages.store import CheckWriting, Done
from actors.metrics import JournalMetrics
from actors.ports import StoreClient

logger = logging.getLogger(__name__)


class Writability:
    """Part of the ``Journal``: keeps ``JournalMetrics.unavailable`` true, whether somebody writes or not.

    Thread: the event loop.

    Args:
        store: probed.
        metrics: counted into.
        refusals: told of statements that were refused.
    """

    def __init__(self, store: StoreClient, metrics: JournalMetrics, refusals: Refusals) -> None:
        self._store = store
        self._metrics = metrics
        self._refusals = refusals
        self._was_shown = False
        """By a transaction since the last probe was due."""
        self._probing: asyncio.Future[Done] | None = None

    def note_success(self) -> None:
        """A transaction was committed."""
        self._was_shown = True
        self._note_possible()

    def note_presence(self) -> None:
        """Who is online was written. That ends no outage: it has tables of its own, and is written unasked."""
        if self._metrics.unavailable is None:
            self._was_shown = True

    def note_failure(self, error: Exception) -> None:
        """A transaction was not committed, and ``error`` says why."""
        if isinstance(error, StoreUnavailable):
            self._metrics.failures += 1
        else:
            self._metrics.errors += 1
        if isinstance(error, StatementRefused):
            self._refusals.note(error)
        if self._metrics.unavailable is None:  # once per outage, however many writes it refuses
            logger.error("the journal cannot be written: %s", error)
        self._metrics.unavailable = str(error)

    def probe(self) -> None:
        """Try to write, unless a transaction has shown since the last call that it is possible."""
        was_shown, self._was_shown = self._was_shown, False
        if was_shown or self._probing is not None:
            return
        self._probing = self._store.write(CheckWriting())
        self._probing.add_done_callback(self._finish)

    def _finish(self, probing: "asyncio.Future[Done]") -> None:
        self._probing = None
        error = probing.exception()
        if error is None:
            self._note_possible()
        elif isinstance(error, Exception):
            self.note_failure(error)

    def _note_possible(self) -> None:
        if self._metrics.unavailable is not None:
            logger.info("the journal can be written again")
            self._metrics.unavailable = None
