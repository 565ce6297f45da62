"""What a scenario is: figures of the daemon, some beside peers', some held to targets."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from statistics import median
from typing import Any, Literal, TypeVar

import uvloop
from msgspec import Struct

from bench.programs import Program
from bench.servers import Checkout

T = TypeVar("T")

LOAD_TIMEOUT_S = 120
LOAD_LIMIT = 0.8
"""Of a core: who makes the load and uses more is what is measured, and not the server."""

LOAD_SHARE = "the load's share of a core"
"""What the figures about the load begin with."""

Sample = dict[str, float]
"""What one run yields: figure name -> value. A peer need not have every figure."""


class Target(Struct, frozen=True):
    """What the median is held to; with ``peer``, its ratio to that peer's."""

    comparison: Literal["≥", "≤", "<"]
    bound: float
    peer: str | None = None

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
        return f"{self.comparison} {self.bound:,g}{f'x {self.peer}' if self.peer else ''}"


class Figure(Struct, frozen=True):
    """One line of the table. ``name`` ends with its unit if it has one.

    ``load``: the figure of the share of a core that made the load, if this one depends on how fast that was.
    """

    name: str
    targets: tuple[Target, ...] = ()
    digits: int = 0
    load: str | None = None


class Peer(Struct, frozen=True, kw_only=True):
    """What else is measured, by the same load, in turns with the daemon."""

    name: str
    measure: Callable[[], Sample]
    needs: tuple[Program, ...] = ()


class Scenario(Struct, frozen=True, kw_only=True):
    """One thing to measure; each run has servers of its own.

    ``under_way``: how many changes are sent and not yet answered or delivered, at most: what one costs depends on it.
    """

    title: str
    under_way: str
    figures: tuple[Figure, ...]
    measure: Callable[[Checkout], Sample]
    peers: tuple[Peer, ...] = ()
    needs: tuple[Program, ...] = ()


class Result(Struct, frozen=True, kw_only=True):
    """A figure's values, one per run."""

    figure: Figure
    ours: tuple[float, ...]
    peers: Mapping[str, tuple[float, ...]] = {}
    """Peer -> its values, if it has this figure."""
    limited_by_load: frozenset[str | None] = frozenset()
    """Peers, and ``None`` for the daemon, for whom the load was too slow: they could have done better."""

    @property
    def median(self) -> float:
        """The daemon's."""
        return median(self.ours)

    def peer_median(self, peer: str) -> float | None:
        """The peer's, if it has this figure."""
        return median(self.peers[peer]) if self.peers.get(peer) else None

    def ratio(self, peer: str) -> float | None:
        """The daemon's median by the peer's."""
        beside = self.peer_median(peer)
        return self.median / beside if beside else None

    def is_met(self, target: Target) -> bool | None:
        """Return whether the figure meets one of its targets; ``None``: it, or its peer, was not measured."""
        value = self.median if target.peer is None else self.ratio(target.peer)
        if value is None or self.limited_by_load & {None, target.peer}:
            return None
        return target.is_met(value)


def run(load: Coroutine[Any, Any, T]) -> T:
    """Run the load of one measurement on a loop of its own. Raises: TimeoutError, after two minutes."""

    async def bounded() -> T:
        async with asyncio.timeout(LOAD_TIMEOUT_S):
            return await load

    return uvloop.run(bounded())


def results(scenario: Scenario, ours: list[Sample], peers: Mapping[str, list[Sample]]) -> list[Result]:
    """Return the figures that the daemon has, from all runs. ``peers``: name -> samples."""
    return [
        Result(
            figure=figure,
            ours=_values(figure, ours),
            peers={name: values for name, samples in peers.items() if (values := _values(figure, samples))},
            limited_by_load=frozenset(
                who for who, samples in ((None, ours), *peers.items()) if _is_limited(figure, samples)
            ),
        )
        for figure in scenario.figures
        if _values(figure, ours)
    ]


def _values(figure: Figure, samples: list[Sample]) -> tuple[float, ...]:
    return tuple(sample[figure.name] for sample in samples if figure.name in sample)


def _is_limited(figure: Figure, samples: list[Sample]) -> bool:
    shares = [sample[figure.load] for sample in samples if figure.load in sample]
    return bool(shares) and median(shares) > LOAD_LIMIT
