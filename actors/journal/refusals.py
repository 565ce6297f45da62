"""Statements that the database refuses although it works: an outage to users, a defect to operators."""

import logging

from actors.errors import StatementRefused
from actors.metrics import JournalMetrics

logger = logging.getLogger(__name__)


class Refusals:
    """Part of the ``Journal``. Args: metrics: counted into."""

    def __init__(self, metrics: JournalMetrics) -> None:
        self._metrics = metrics
        self._logged: str | None = None

    def note(self, error: StatementRefused) -> None:
        """Count ``error``, and log its stack once, however many statements are refused alike."""
        self._metrics.errors += 1
        if self._logged != str(error):
            logger.error("the database refused a statement: its schema was changed, or it is a defect", exc_info=error)
            self._logged = str(error)
