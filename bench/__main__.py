"""``make bench``: the design's targets, measured beside peers in one run (``--help``; bench/README.md)."""

import argparse
import json
import os
import platform
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from bench import report
from bench.journal import microseconds_per_fsync
from bench.programs import Program
from bench.scenario import Peer, Sample, Scenario, results
from bench.scenarios import (
    bounds,
    fan_out,
    idle,
    latency,
    leaving,
    list_size,
    paging,
    postgresql,
    reconnect,
    replay,
    saturated,
    slow_consumers,
    start,
    writes,
)
from bench.servers import THIS, Checkout, MeasurementFailed
from syncd.server import raise_file_limit

SCENARIOS = {
    "writes": writes.SCENARIO,
    "fan-out": fan_out.SCENARIO,
    "latency": latency.SCENARIO,
    "paging": paging.SCENARIO,
    "replay": replay.SCENARIO,
    "reconnect": reconnect.SCENARIO,
    "leaving": leaving.SCENARIO,
    "postgresql": postgresql.SCENARIO,
    "start": start.SCENARIO,
    "start-postgresql": start.POSTGRESQL_SCENARIO,
    "list-size": list_size.SCENARIO,
    "bounds": bounds.SCENARIO,
    "saturated": saturated.SCENARIO,
    "single": saturated.SINGLE_SCENARIO,
    "idle": idle.SCENARIO,
    "slow-consumers": slow_consumers.SCENARIO,
}
PROGRAMS = {"journal": "bench.journal", "bus": "bench.bus"}
"""Programs that need no daemon and print their own figures; run once."""
PROGRAM_TIMEOUT_S = 120


def main() -> int:
    """Measure and print; return 1 if something could not be measured. A missed target is a result, not a failure."""
    arguments = _arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that children are ended
    raise_file_limit()
    began_s = time.monotonic()
    machine = _machine()
    print(", ".join(f"{name.replace('_', ' ')} {value}" for name, value in machine.items()), end="; ")
    print(f"servers and load share the cores; medians of {arguments.runs}", flush=True)
    other = None if arguments.checkout is None else Checkout.at(arguments.checkout)
    figures: list[dict[str, Any]] = []
    failures = 0
    for name in arguments.only or [*SCENARIOS, *PROGRAMS]:
        try:
            if name in SCENARIOS:
                figures += _measure(name, SCENARIOS[name], arguments.runs, other)
            else:
                _run_program(PROGRAMS[name])
        except Exception as error:  # noqa: BLE001 - the other scenarios go on
            failures += 1
            print(f"\n{name} could not be measured: {error!r}", flush=True)
    print(f"\n{time.monotonic() - began_s:.0f} s; load average now {os.getloadavg()[0]:.2f}")
    if arguments.json is not None:
        arguments.json.write_text(json.dumps({"machine": machine, "figures": figures}, indent=1) + "\n")
    return 1 if failures else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measure syncd beside its peers.")
    parser.add_argument("--runs", type=int, default=5, help="of each scenario; medians are printed (default: 5)")
    parser.add_argument("--only", nargs="+", choices=[*SCENARIOS, *PROGRAMS], metavar="NAME", help="%(choices)s")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every run's values there, too")
    parser.add_argument(
        "--checkout", type=Path, metavar="DIR", help="measure the daemon of that checkout, too, in turns with this one"
    )
    return parser.parse_args()


def _measure(name: str, scenario: Scenario, runs: int, other: Checkout | None) -> list[dict[str, Any]]:
    """Run the daemon and its peers in turns, so that a drift of the machine affects all."""
    if not _are_installed(name, scenario.needs):
        return []
    peers = [peer for peer in scenario.peers if _are_installed(f"{name}: {peer.name}", peer.needs)]
    if other is not None:
        peers.append(Peer(name=other.directory.name, measure=lambda: scenario.measure(other)))
    ours: list[Sample] = []
    beside: dict[str, list[Sample]] = {peer.name: [] for peer in peers}
    for run in range(1, runs + 1):
        progress = f"{name}: run {run} of {runs}"
        ours.append(_with_progress(progress, lambda: scenario.measure(THIS)))
        for peer in peers:
            beside[peer.name].append(_with_progress(f"{progress}, {peer.name}", peer.measure))
    found = results(scenario, ours, beside)
    print(report.as_text(scenario, [*beside], found), flush=True)
    return report.as_json(name, scenario, found)


def _are_installed(what: str, programs: Iterable[Program]) -> bool:
    """Say what is left out because one of ``programs`` is missing."""
    missing = [str(program) for program in programs if program.find() is None]
    if missing:
        print(f"\n{what} is left out: not installed: {', '.join(missing)}", flush=True)
    return not missing


def _with_progress(text: str, measure: Callable[[], Sample]) -> Sample:
    is_terminal = sys.stderr.isatty()
    print(text, end="" if is_terminal else "\n", file=sys.stderr, flush=True)
    try:
        return measure()
    finally:
        if is_terminal:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)


def _run_program(module: str) -> None:
    print(f"\n{module}", flush=True)
    program = subprocess.Popen([sys.executable, "-m", module], process_group=0)
    try:
        if status := program.wait(PROGRAM_TIMEOUT_S):
            raise MeasurementFailed(f"{module} ended with {status}")
    finally:
        with suppress(ProcessLookupError):
            os.killpg(program.pid, signal.SIGKILL)  # its children, too
        program.wait()


def _machine() -> dict[str, Any]:
    """Return what the figures depend on: compare only those of one machine with a similar load."""
    with TemporaryDirectory(prefix=".bench-", dir=".") as directory:
        fsync_us = microseconds_per_fsync(Path(directory))
    return {
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "load_average": round(os.getloadavg()[0], 2),
        "microseconds_per_fsync": round(fsync_us),
    }


if __name__ == "__main__":
    sys.exit(main())
