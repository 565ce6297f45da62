"""``python -m bench.clients``: what the two clients, and devices on streams, take of time and memory."""

import argparse
import os
import platform
import sys
from typing import Final

from bench.clients import changes, new_device, streams
from bench.report import as_text
from bench.scenario import Sample, Scenario, results
from bench.servers import THIS
from syncd.server import raise_file_limit

SCENARIOS: Final[dict[str, Scenario]] = {
    "new-device": new_device.SCENARIO,
    **changes.SCENARIOS,
    "streams": streams.SCENARIO,
}
RUNS: Final = 5


def main() -> int:
    """Measure and print. A missed target is a result, not a failure."""
    parser = argparse.ArgumentParser(prog="python -m bench.clients", description=__doc__)
    parser.add_argument("--runs", type=int, default=RUNS, help="medians of so many (default: %(default)s)")
    parser.add_argument(
        "--only", nargs="+", choices=SCENARIOS, default=[*SCENARIOS], metavar="NAME", help="%(choices)s"
    )
    arguments = parser.parse_args()
    raise_file_limit()
    print(
        f"cores {os.cpu_count()}, python {platform.python_version()}, load average {os.getloadavg()[0]:.2f}; "
        f"daemon, client and load share the cores; medians of {arguments.runs}",
        flush=True,
    )
    for name in arguments.only:
        scenario = SCENARIOS[name]
        if missing := [str(program) for program in scenario.needs if program.find() is None]:
            print(f"\n{name} is left out: not installed: {', '.join(missing)}", flush=True)
        else:
            print(_measured(scenario, arguments.runs), flush=True)
    print(f"\nload average now {os.getloadavg()[0]:.2f}")
    return 0


def _measured(scenario: Scenario, runs: int) -> str:
    """Return the table of a scenario; it and its peers are measured in turns, so that a drift affects all."""
    ours: list[Sample] = []
    beside: dict[str, list[Sample]] = {peer.name: [] for peer in scenario.peers}
    for _ in range(runs):
        ours.append(scenario.measure(THIS))
        for peer in scenario.peers:
            beside[peer.name].append(peer.measure())
    return as_text(scenario, [*beside], results(scenario, ours, beside))


if __name__ == "__main__":
    sys.exit(main())
