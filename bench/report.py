"""Results for people and for scripts."""

from typing import Any

from bench.scenario import Result, Scenario, Target


def as_text(scenario: Scenario, results: list[Result]) -> str:
    """Return a scenario's part of the table."""
    lines = [f"\n{scenario.title:<60}{'syncd':>11}{(scenario.peer or '')[:18]:>19}{'ratio':>8}  target"]
    for result in results:
        digits = result.figure.digits
        peer = "" if result.peer_median is None else f"{result.peer_median:,.{digits}f}"
        ratio = "" if result.ratio is None else f"{result.ratio:.2f}x"
        targets = "   ".join(f"{target} {_mark(result, target)}" for target in result.figure.targets)
        lines.append(
            f"  {result.figure.name:<58}{result.median:>11,.{digits}f}{peer:>19}{ratio:>8}  {targets}".rstrip()
        )
    return "\n".join(lines)


def as_json(name: str, scenario: Scenario, results: list[Result]) -> list[dict[str, Any]]:
    """Return a scenario's figures with every run's value."""
    return [
        {
            "scenario": name,
            "figure": result.figure.name,
            "median": result.median,
            "runs": result.ours,
            "peer": scenario.peer,
            "peer_median": result.peer_median,
            "peer_runs": result.peers,
            "ratio": result.ratio,
            "targets": [{"target": str(target), "is_met": result.is_met(target)} for target in result.figure.targets],
        }
        for result in results
    ]


def _mark(result: Result, target: Target) -> str:
    return "ok" if result.is_met(target) else "MISSED"
