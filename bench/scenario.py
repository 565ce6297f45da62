"""What a scenario is: figures of the daemon, some beside a peer's, some held to targets."""

import asyncio
from collections.abc import Callable, Coroutine
from statistics import median
from typing import Any, Literal, TypeVar

import uvloop
from msgspec import Struct

T = TypeVar("T")

LOAD_TIMEOUT_S = 120

Sample = dict[str, float]
"""What one run yields: figure name -> value."""


class Target(Struct, frozen=True):
    """What the median is held to, or with ``is_ratio`` its ratio to the peer's."""

    comparison: Literal["≥", "≤", "<"]
    bound: float
    is_ratio: bool = False

    def is_met(self, value: float) -> bool:
        """Return whether ``value`` is on the right side of the bound."""
        match self.comparison:
            case "≥":
                return value >= self.bound
            case "≤":
                return value <= self.bound
            case "<":
                return value < self.bound

    def __str__(self) -> str:
        return f"{self.comparison} {self.bound:,g}{'x' if self.is_ratio else ''}"


class Figure(Struct, frozen=True):
    """One line of the table. ``name`` ends with its unit if it has one."""

    name: str
    targets: tuple[Target, ...] = ()
    digits: int = 0


class Scenario(Struct, frozen=True, kw_only=True):
    """One thing to measure; each run has servers of its own."""

    title: str
    figures: tuple[Figure, ...]
    measure: Callable[[], Sample]
    peer: str | None = None
    measure_peer: Callable[[], Sample] | None = None


class Result(Struct, frozen=True, kw_only=True):
    """A figure's values, one per run."""

    figure: Figure
    ours: tuple[float, ...]
    peers: tuple[float, ...] = ()

    @property
    def median(self) -> float:
        """The daemon's."""
        return median(self.ours)

    @property
    def peer_median(self) -> float | None:
        """The peer's, if there is one."""
        return median(self.peers) if self.peers else None

    @property
    def ratio(self) -> float | None:
        """The daemon's median by the peer's."""
        return self.median / self.peer_median if self.peer_median else None

    def is_met(self, target: Target) -> bool:
        """Return whether the figure meets one of its targets."""
        value = self.ratio if target.is_ratio else self.median
        return value is not None and target.is_met(value)


def run(load: Coroutine[Any, Any, T]) -> T:
    """Run the load of one measurement on a loop of its own. Raises: TimeoutError, after two minutes."""

    async def bounded() -> T:
        async with asyncio.timeout(LOAD_TIMEOUT_S):
            return await load

    return uvloop.run(bounded())


def results(scenario: Scenario, ours: list[Sample], peers: list[Sample]) -> list[Result]:
    """Return the figures of a scenario from its runs."""
    return [
        Result(
            figure=figure,
            ours=tuple(sample[figure.name] for sample in ours),
            peers=tuple(sample[figure.name] for sample in peers if figure.name in sample),
        )
        for figure in scenario.figures
    ]
