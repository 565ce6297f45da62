"""Results for people, for the documents and for scripts."""

from collections.abc import Sequence
from typing import Any, Final

from msgspec import Struct

from bench.machine import QUIET_SHARE
from bench.scenario import LOAD_LIMIT, Result, Scenario, Target

_MARKS: Final = {True: "ok", False: "MISSED", None: "not measured"}
_LIMITED: Final = "!"
_NOTE: Final = (
    f"{_LIMITED} The load itself used more than {LOAD_LIMIT:g} of a core: a faster one would have shown more."
)


class Report(Struct, frozen=True, kw_only=True):
    """What was found of one scenario. ``peers``: the names of those that were measured."""

    name: str
    scenario: Scenario
    peers: Sequence[str]
    results: Sequence[Result]
    runs: int
    others_share: float
    """Of a core, used by other work meanwhile."""

    def as_text(self) -> str:
        """Return its part of the table on a screen."""
        heads = "".join(f"{name[:18]:>19}{'ratio':>8}" for name in self.peers)
        under_way = f"under way: {self.scenario.under_way}"
        lines = [f"\n{self.scenario.title}", f"  {self._command()}", f"  {under_way:<54}{'syncd':>11} {heads}  target"]
        for result in self.results:
            beside = "".join(self._beside(result, name) for name in self.peers)
            targets = "   ".join(f"{target} {_MARKS[result.is_met(target)]}" for target in result.figure.targets)
            ours = _shown(result, None, result.median)
            lines.append(f"  {result.figure.name:<54}{ours:>12}{beside}  {targets}")
        return "\n".join(line.rstrip() for line in (*lines, *(f"  {note}" for note in self._notes())))

    def as_markdown(self, where: str) -> str:
        """Return its table in a document; ``where`` it was measured is said below."""
        title = f"{self.scenario.title}; under way: {self.scenario.under_way}"
        heads = (title, "syncd", f"of {self.runs} runs", *self.peers, "target")
        rows = [heads, ("---", "--:", "---", *("--:" for _ in self.peers), "---")]
        for result in self.results:
            lowest, highest = (f"{value:,.{result.figure.digits}f}" for value in (min(result.ours), max(result.ours)))
            beside = [_shown(result, name, result.peer_median(name)) for name in self.peers]
            targets = "; ".join(_held_to(result, target) for target in result.figure.targets)
            ours = _shown(result, None, result.median)
            rows.append((result.figure.name, ours, f"{lowest} to {highest}", *beside, targets))
        table = "\n".join(f"| {' | '.join(row)} |" for row in rows)
        return "\n".join([table, "", " ".join([f"`{self._command()}`: {where}.", *self._notes()])])

    def as_json(self) -> list[dict[str, Any]]:
        """Return the figures with every run's value."""
        return [
            {
                "scenario": self.name,
                "figure": result.figure.name,
                "under_way": self.scenario.under_way,
                "others_share": self.others_share,
                "median": result.median,
                "runs": result.ours,
                "peers": {
                    peer: {"median": result.peer_median(peer), "runs": runs, "ratio": result.ratio(peer)}
                    for peer, runs in result.peers.items()
                },
                "limited_by_load": [peer or "syncd" for peer in result.limited_by_load],
                "targets": [
                    {"target": str(target), "is_met": result.is_met(target)} for target in result.figure.targets
                ],
            }
            for result in self.results
        ]

    def _command(self) -> str:
        return f".venv/bin/python -m bench --only {self.name}"

    def _notes(self) -> list[str]:
        notes = [_NOTE] if any(result.limited_by_load for result in self.results) else []
        if self.others_share > QUIET_SHARE:
            notes.append(f"Other work used {self.others_share:.2f} of a core meanwhile.")
        return notes

    def _beside(self, result: Result, peer: str) -> str:
        ratio = result.ratio(peer)
        shown = _shown(result, peer, result.peer_median(peer))
        return f"{shown:>19}{'' if ratio is None else f'{ratio:.2f}x':>8}"


def _shown(result: Result, who: str | None, value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:,.{result.figure.digits}f}{f' {_LIMITED}' if who in result.limited_by_load else ''}"


def _held_to(result: Result, target: Target) -> str:
    ratio = None if target.peer is None else result.ratio(target.peer)
    return f"{target}: {'' if ratio is None else f'{ratio:.2f}, '}{_MARKS[result.is_met(target)].lower()}"
