"""Results for people and for scripts."""

from collections.abc import Sequence
from typing import Any, Final

from bench.scenario import Result, Scenario, Target

_MARKS: Final = {True: "ok", False: "MISSED", None: "not measured"}


def as_text(scenario: Scenario, peers: Sequence[str], results: list[Result]) -> str:
    """Return a scenario's part of the table; ``peers``: the names of those that were measured."""
    heads = "".join(f"{name[:18]:>19}{'ratio':>8}" for name in peers)
    lines = [f"\n{scenario.title}", f"  {f'under way: {scenario.under_way}':<54}{'syncd':>11}{heads}  target".rstrip()]
    for result in results:
        digits = result.figure.digits
        targets = "   ".join(f"{target} {_mark(result, target)}" for target in result.figure.targets)
        beside = "".join(_beside(result, name) for name in peers)
        lines.append(f"  {result.figure.name:<54}{result.median:>11,.{digits}f}{beside}  {targets}".rstrip())
    return "\n".join(lines)


def as_json(name: str, scenario: Scenario, results: list[Result]) -> list[dict[str, Any]]:
    """Return a scenario's figures with every run's value."""
    return [
        {
            "scenario": name,
            "figure": result.figure.name,
            "under_way": scenario.under_way,
            "median": result.median,
            "runs": result.ours,
            "peers": {
                peer: {"median": result.peer_median(peer), "runs": runs, "ratio": result.ratio(peer)}
                for peer, runs in result.peers.items()
            },
            "targets": [{"target": str(target), "is_met": result.is_met(target)} for target in result.figure.targets],
        }
        for result in results
    ]


def _beside(result: Result, peer: str) -> str:
    value, ratio = result.peer_median(peer), result.ratio(peer)
    shown = "" if value is None else f"{value:,.{result.figure.digits}f}"
    return f"{shown:>19}{'' if ratio is None else f'{ratio:.2f}x':>8}"


def _mark(result: Result, target: Target) -> str:
    return _MARKS[result.is_met(target)]
