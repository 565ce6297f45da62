"""How far the user has come in each content, as far as this device knows."""

import math
from collections.abc import Iterable
from typing import Any, Final

from msgspec import Struct

from syncd_client.data.collection_names import PROGRESS
from syncd_client.data.hlc import Timestamp
from syncd_client.data.register_messages import Seconds
from syncd_client.data.registers import Registers, ShownRegister
from syncd_client.data.user_state import ConfirmedItem, ListHead
from syncd_client.data.write_queue import WriteQueue

WATCHED_PERCENT: Final = 90
"""From this percentage on a content counts as watched, unless the device that played it says otherwise."""


class ProgressItem(Struct, frozen=True):
    """How far a content was played; ``pending``: the service has not confirmed it yet."""

    content_id: str
    position_seconds: Seconds
    duration_seconds: Seconds | None
    """``None``: it is not known."""
    state: str
    """``playing``, ``paused`` or ``stopped``."""
    watched: bool
    completion_percent: float
    """With one decimal; 0 if the duration is not known."""
    timestamp: Timestamp
    device_id: str | None
    """The device that played it; ``None``: this one, or not known."""
    pending: bool


class HeldReport(Struct, frozen=True):
    """What an app has reported and is not to be written yet."""

    says: dict[str, Any]
    at_ms: int
    """When it was reported, by the wall clock."""


class ProgressRegisters(Registers[ProgressItem]):
    """By content id."""

    merges_updates = True
    unsaid = {"watched": None}  # noqa: RUF012 - as of the base

    def __init__(self, head: ListHead, items: Iterable[ConfirmedItem], queue: WriteQueue) -> None:
        super().__init__(PROGRESS, head, items, queue)
        self._held: dict[str, HeldReport] = {}

    @property
    def held(self) -> tuple[tuple[str, HeldReport], ...]:
        """The reports that are shown but not queued yet, with their content ids, in the order in which they came."""
        return tuple(self._held.items())

    def hold(self, content_id: str, report: HeldReport) -> None:
        """Show a report without queueing it; it replaces an earlier one that is held."""
        self._held[content_id] = report
        self._look_for_news()

    def let_go(self, content_id: str) -> None:
        """Drop what is held of a content."""
        if self._held.pop(content_id, None):
            self._look_for_news()

    def _look_for_news(self) -> None:
        self.look_again()
        self._has_news = True

    def _view(self) -> tuple[ProgressItem, ...]:
        """Return the newest play first."""
        shown = self._shown()
        for content_id, report in self._held.items():
            before = shown[content_id].values if content_id in shown else {}
            timestamp = Timestamp(report.at_ms, 0, "")
            shown[content_id] = ShownRegister(timestamp, None, self.after(before, report.says), pending=True)
        by_content = sorted(shown.items())
        by_content.sort(key=lambda each: each[1].timestamp, reverse=True)
        return tuple(_item(*each) for each in by_content)


def _item(content_id: str, register: ShownRegister) -> ProgressItem:
    values = register.values
    position, duration, watched = values["position_seconds"], values.get("duration_seconds"), values.get("watched")
    percent = percent_of(position, duration)
    return ProgressItem(
        content_id=content_id,
        position_seconds=position,
        duration_seconds=duration or None,
        state=values["state"],
        watched=percent >= WATCHED_PERCENT if watched is None else watched,
        completion_percent=percent,
        timestamp=register.timestamp,
        device_id=register.author,
        pending=register.pending,
    )


def percent_of(position: Seconds, duration: Seconds | None) -> float:
    """Return how much of a content was played, in percent, with one decimal; 0 if its duration is not known."""
    if not duration:
        return 0.0
    return 100.0 if position >= duration else math.floor(1000 * position / duration + 0.5) / 10
