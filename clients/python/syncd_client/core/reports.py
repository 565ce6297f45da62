"""What an app reports while it plays: written at once where that matters, else once in ten seconds."""

from collections.abc import Callable
from typing import Any, Final

from msgspec import Struct

from syncd_client.core.outputs import Timer
from syncd_client.core.timers import Timers
from syncd_client.data.progress_registers import HeldReport
from syncd_client.data.register_messages import Seconds
from syncd_client.data.user_collections import UserCollections
from syncd_client.data.user_state import PendingWrite

REPORT_MS: Final = 10_000


class _Report(Struct, frozen=True):
    position_seconds: Seconds
    state: str
    at_ms: int

    def leads_to(self, position_seconds: Seconds, now_ms: int) -> bool:
        """Return whether playing on leads there: at up to double speed, give or take a few seconds."""
        elapsed_s = (now_ms - self.at_ms) / 1000
        start = self.position_seconds
        return start - 1 <= position_seconds <= start + 2 * elapsed_s + 3


class Reports:
    """Queues the reports of one user who is signed in.

    Args:
        collections: the user's.
        now_ms: the wall clock, ms since 1970.
    """

    def __init__(self, collections: UserCollections, timers: Timers, now_ms: Callable[[], int]) -> None:
        self._collections = collections
        self._progress = collections.progress
        self._timers = timers
        self._now_ms = now_ms
        self._last: dict[str, _Report] = {}
        """By content id."""

    def report(self, content_id: str, says: dict[str, Any]) -> None:
        """Show what ``says`` of a content, and queue it: now, or by ``put_held``."""
        now_ms = self._now_ms()
        last, report = self._last.get(content_id), _Report(says["position_seconds"], says["state"], now_ms)
        self._last[content_id] = report
        is_playing_on = (
            last is not None
            and last.state == report.state == "playing"
            and last.leads_to(report.position_seconds, now_ms)
        )
        if is_playing_on and self._timers.is_running(Timer.REPORT):
            self._progress.hold(content_id, HeldReport(says, now_ms))
        else:
            self._progress.let_go(content_id)
            self._put(content_id, says, now_ms)

    def remove(self, content_id: str) -> PendingWrite:
        """Queue the removal of what is known of a content, and drop what is held of it."""
        self._progress.let_go(content_id)
        return self._collections.write(self._progress, "remove", content_id, None, self._now_ms())

    def put_held(self) -> None:
        """Queue what is held, stamped with the time of the report."""
        for content_id, report in self._progress.held:
            self._progress.let_go(content_id)
            self._put(content_id, report.says, report.at_ms)

    def _put(self, content_id: str, says: dict[str, Any], at_ms: int) -> None:
        self._collections.write(self._progress, "update", content_id, says, at_ms)
        if not self._timers.is_running(Timer.REPORT):
            self._timers.start(Timer.REPORT, REPORT_MS)
