"""``python -m simulation --seeds 1000``: run worlds, show how fast, and tell of each seed that breaks the promise."""

import argparse
import os
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from simulation.coverage import Pair, table
from simulation.devices.javascript_process import is_node_there
from simulation.life import Verdict
from simulation.running import KEPT_SEEDS, TimedVerdict, read_seeds, run_all, shrunk
from simulation.shape import Fault, draw_shape, draw_small_shape

PROGRESS_S: Final = 5.0
SHOWN_LINES: Final = 40
PAGES: Final = Path("build/simulation")


def main(arguments: Sequence[str] | None = None) -> int:
    """Return 1 if a seed has failed."""
    asked = _parser().parse_args(arguments)
    kept = read_seeds(KEPT_SEEDS) if asked.kept else []
    print(f"seeds {asked.base} to {asked.base + asked.seeds - 1}, and {len(kept)} that have failed once", flush=True)
    seeds = _possible([*kept, *range(asked.base, asked.base + asked.seeds)])
    draw = draw_small_shape if asked.small else draw_shape
    tally = Tally(len(seeds))
    for outcome in run_all([draw(seed) for seed in seeds], asked.jobs):
        tally.add(outcome)
        if outcome.verdict.violations:
            print(report(outcome.verdict))
            print(report(shrunk(outcome.verdict), asked.lines, asked.pages), flush=True)
    print(tally.end())
    return 1 if tally.failed else 0


class Tally:
    """Counts worlds, and prints now and then how many there were."""

    def __init__(self, worlds: int) -> None:
        self.failed: list[int] = []
        self._worlds = worlds
        self._done = 0
        self._events = 0
        self._cpu_s = 0.0
        self._met: Counter[Pair] = Counter()
        self._faults: Counter[str] = Counter()
        self._parts: Counter[str] = Counter()
        self._began_s = self._shown_s = time.perf_counter()

    def add(self, outcome: TimedVerdict) -> None:
        """Count a world."""
        verdict = outcome.verdict
        self._done += 1
        self._events += verdict.size
        self._cpu_s += outcome.cpu_s
        self._met.update(verdict.met)
        self._faults.update(verdict.shape.faults)
        self._parts.update(verdict.shape.parts)
        if verdict.violations:
            self.failed.append(verdict.shape.seed)
        now_s = time.perf_counter()
        if now_s - self._shown_s >= PROGRESS_S or self._done == self._worlds:
            self._shown_s = now_s
            print(self._progress(now_s - self._began_s), flush=True)

    def _progress(self, passed_s: float) -> str:
        rates = f"{self._done / passed_s:.1f} a second, {self._done / self._cpu_s:.1f} for each second of a processor"
        events = f"{self._events / self._done:.0f} events each"
        return f"{self._done} of {self._worlds} worlds, {rates}, {events}, {len(self.failed)} failed"

    def end(self) -> str:
        """Return what all worlds together have met, and how a failed one is run again."""
        worlds = ", ".join(f"{fault} {self._faults[fault]}" for fault in Fault)
        parts = ", ".join(f"{part} {count}" for part, count in sorted(self._parts.items()))
        said = [f"worlds with each fault: {worlds}", f"worlds with other parts: {parts}", table(self._met, Fault)]
        if self.failed:
            again = f"again: make simulate BASE={self.failed[0]} SEEDS=1; keep each in simulation/seeds.txt"
            said.append(f"failed: {' '.join(map(str, self.failed))}; {again}")
        return "\n".join(said)


def _possible(seeds: Sequence[int]) -> Sequence[int]:
    """Return the seeds whose worlds can run here; say how many those are that cannot."""
    if is_node_there():
        return seeds
    possible = [seed for seed in seeds if not draw_shape(seed).javascript]
    print(
        f"{len(seeds) - len(possible)} worlds are LEFT OUT: devices of theirs run the JavaScript client, without Node"
    )
    return possible


def report(verdict: Verdict, lines: int = 0, pages: Path | None = None) -> str:
    """Return what went wrong in a world, and with ``pages`` what had happened.

    That is the history of the user whom a violation is about, or of the nodes: its last ``lines``, and all in a file.
    """
    said = [f"FAILED {verdict.shape}", f"  history {verdict.hash}"]
    said += [f"  {violation}" for violation in verdict.violations[:10]]
    if len(verdict.violations) > 10:
        said.append(f"  and {len(verdict.violations) - 10} more")
    if pages is not None:
        pages.mkdir(parents=True, exist_ok=True)
        file = pages / f"seed-{verdict.shape.seed}.txt"
        file.write_text(verdict.page)
        said += [*(f"    {line}" for line in verdict.page.splitlines()[-lines:]), f"  the whole history: {file}"]
    return "\n".join(said)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m simulation", description=__doc__)
    parser.add_argument("--seeds", type=int, default=100, help="how many worlds to run (default: 100)")
    parser.add_argument("--base", type=int, default=0, help="the first seed (default: 0)")
    parser.add_argument("--kept", action="store_true", help=f"run the seeds in {KEPT_SEEDS.name}, too")
    parser.add_argument(
        "--small", action="store_true", help="let all worlds be small ones, to measure how fast they are"
    )
    parser.add_argument(
        "--jobs",
        type=int,
        default=os.cpu_count(),
        help="how many worlds to run at once (default: one for each processor)",
    )
    parser.add_argument(
        "--lines", type=int, default=SHOWN_LINES, help=f"lines of a failed world's history (default: {SHOWN_LINES})"
    )
    parser.add_argument("--pages", type=Path, default=PAGES, help=f"where histories are written (default: {PAGES})")
    return parser


if __name__ == "__main__":
    sys.exit(main())
