"""``python -m simulation --seeds 1000``: run worlds, show how fast, and print each seed that breaks the promise."""

import argparse
import sys
import time
from collections import Counter
from collections.abc import Sequence

from simulation.javascript_core import is_node_there
from simulation.shape import draw_shape
from simulation.shrinking import shrink
from simulation.world import Verdict, run_world

PROGRESS_S = 5.0
SHOWN_LINES = 40


def main(arguments: Sequence[str] | None = None) -> int:
    """Return 1 if a seed has failed."""
    asked = _parser().parse_args(arguments)
    began_s = shown_s = time.perf_counter()
    faults: Counter[str] = Counter()
    failed: list[int] = []
    seeds = _possible(range(asked.base, asked.base + asked.seeds))
    for done, seed in enumerate(seeds, 1):
        verdict = run_world(draw_shape(seed))
        faults.update(verdict.shape.faults)
        if verdict.violations:
            failed.append(seed)
            print(report(verdict, lines=0))
            print(report(_shrunk(verdict), asked.lines))
        now_s = time.perf_counter()
        if now_s - shown_s >= PROGRESS_S or done == len(seeds):
            shown_s = now_s
            print(f"{done} of {len(seeds)} worlds, {done / (now_s - began_s):.1f} a second, {len(failed)} failed")
    print("worlds with each fault: " + ", ".join(f"{fault} {count}" for fault, count in sorted(faults.items())))
    if failed:
        print(f"failed: {' '.join(map(str, failed))}; again: make simulate BASE={failed[0]} SEEDS=1")
    return 1 if failed else 0


def _possible(seeds: Sequence[int]) -> Sequence[int]:
    """Return the seeds whose worlds can run here; say how many those are that cannot."""
    if is_node_there():
        return seeds
    possible = [seed for seed in seeds if not draw_shape(seed).javascript]
    print(
        f"{len(seeds) - len(possible)} worlds are LEFT OUT: devices of theirs run the JavaScript client, without Node"
    )
    return possible


def _shrunk(verdict: Verdict) -> Verdict:
    """Return what becomes of the smallest world that still breaks the promise."""
    return run_world(shrink(verdict.shape, lambda shape: bool(run_world(shape).violations)))


def report(verdict: Verdict, lines: int) -> str:
    """Return what went wrong in a world, and the last ``lines`` of what had happened in it."""
    said = [f"FAILED {verdict.shape}", f"  history {verdict.hash}"]
    said += [f"  {violation}" for violation in verdict.violations[:10]]
    if len(verdict.violations) > 10:
        said.append(f"  and {len(verdict.violations) - 10} more")
    return "\n".join([*said, *(f"    {line}" for line in verdict.lines[-lines:])]) if lines else "\n".join(said)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m simulation", description=__doc__)
    parser.add_argument("--seeds", type=int, default=100, help="how many worlds to run (default: 100)")
    parser.add_argument("--base", type=int, default=0, help="the first seed (default: 0)")
    parser.add_argument(
        "--lines", type=int, default=SHOWN_LINES, help=f"lines of a failed world's history (default: {SHOWN_LINES})"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
