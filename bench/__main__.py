"""``make bench``: the design's targets, measured beside peers in one run (``--help``; bench/README.md)."""

import argparse
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from msgspec import Struct, to_builtins

from bench.clients import changes, new_device, streams
from bench.machine import Machine, OthersClock
from bench.page import block_of_output, blocks, write_block
from bench.programs import Program
from bench.report import Report
from bench.scenario import Peer, Sample, Scenario, results
from bench.scenarios import (
    bounds,
    device_storm,
    fan_out,
    idle,
    latency,
    leaving,
    list_size,
    one_user,
    paging,
    postgresql,
    progress,
    reconnect,
    replay,
    slow_consumers,
    start,
    writes,
)
from bench.servers import THIS, Checkout, MeasurementFailed
from syncd.process.open_files import raise_file_limit

SCENARIOS: Final[dict[str, Scenario]] = {
    "writes": writes.SCENARIO,
    "fan-out": fan_out.SCENARIO,
    "latency": latency.SCENARIO,
    "progress": progress.SCENARIO,
    "paging": paging.SCENARIO,
    "replay": replay.SCENARIO,
    "reconnect": reconnect.SCENARIO,
    "device-storm": device_storm.SCENARIO,
    "leaving": leaving.SCENARIO,
    "postgresql": postgresql.SCENARIO,
    "start": start.SCENARIO,
    "start-postgresql": start.POSTGRESQL_SCENARIO,
    "list-size": list_size.SCENARIO,
    "bounds": bounds.SCENARIO,
    "one-user": one_user.SCENARIO,
    "idle": idle.SCENARIO,
    "slow-consumers": slow_consumers.SCENARIO,
    "new-device": new_device.SCENARIO,
    **changes.SCENARIOS,
    "streams": streams.SCENARIO,
}


class OwnProgram(Struct, frozen=True):
    """A program that prints its own figures; run once, if ``is_usual`` also without being asked for."""

    module: str
    timeout_s: float
    is_usual: bool


PROGRAMS: Final = {
    "journal": OwnProgram("bench.journal", 120, is_usual=True),
    "bus": OwnProgram("bench.bus", 120, is_usual=True),
    "cluster": OwnProgram("bench.cluster", 600, is_usual=False),
    "hostile": OwnProgram("bench.hostile", 1800, is_usual=False),
}


def main() -> int:
    """Measure and print; return 1 if something could not be measured. A missed target is a result, not a failure."""
    arguments = _arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that children are ended
    raise_file_limit()
    began_s = time.monotonic()
    machine, page = Machine.look(), arguments.write
    print(
        f"{machine}; servers and load share the cores; medians of {arguments.runs} runs. {machine.warning}", flush=True
    )
    other = None if arguments.checkout is None else Checkout.at(arguments.checkout)
    figures: list[dict[str, Any]] = []
    failures = 0
    for name in arguments.only or _usual(page):
        try:
            found, block = _figures_of(name, arguments.runs, other, machine)
        except Exception as error:  # noqa: BLE001 - the other scenarios go on
            failures += 1
            print(f"\n{name} could not be measured: {error!r}", flush=True)
            continue
        figures += found
        if page is not None and block:
            write_block(page, name, block)
    print(f"\n{time.monotonic() - began_s:.0f} s; load average now {os.getloadavg()[0]:.2f}")
    if arguments.json is not None:
        arguments.json.write_text(json.dumps({"machine": to_builtins(machine), "figures": figures}, indent=1) + "\n")
    return 1 if failures else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measure syncd beside its peers.")
    parser.add_argument("--runs", type=int, default=5, help="of each scenario; medians are printed (default: 5)")
    parser.add_argument("--only", nargs="+", choices=[*SCENARIOS, *PROGRAMS], metavar="NAME", help="%(choices)s")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every run's values there, too")
    parser.add_argument(
        "--write", type=Path, metavar="PAGE", help="measure what that document states, and write it there, too"
    )
    parser.add_argument(
        "--checkout", type=Path, metavar="DIR", help="measure the daemon of that checkout, too, in turns with this one"
    )
    return parser.parse_args()


def _usual(page: Path | None) -> list[str]:
    if page is not None:
        return [*blocks(page)]
    return [*SCENARIOS, *(name for name, program in PROGRAMS.items() if program.is_usual)]


def _figures_of(name: str, runs: int, other: Checkout | None, machine: Machine) -> tuple[list[dict[str, Any]], str]:
    """Measure and print; return the figures for a script, and the block of a document, if anything was measured."""
    if name in PROGRAMS:
        program = PROGRAMS[name]
        return [], block_of_output(_run_program(program), f"`.venv/bin/python -m {program.module}`: {machine}.")
    if not _are_installed(name, SCENARIOS[name].needs):
        return [], ""
    report = _measure(name, SCENARIOS[name], runs, other)
    print(report.as_text(), flush=True)
    return report.as_json(), report.as_markdown(f"{machine}, medians of {runs} runs")


def _measure(name: str, scenario: Scenario, runs: int, other: Checkout | None) -> Report:
    """Run the daemon and its peers in turns, each time another one first: a drift of the machine affects all."""
    peers = [peer for peer in scenario.peers if _are_installed(f"{name}: {peer.name}", peer.needs)]
    if other is not None:
        peers.append(Peer(name=other.directory.name, measure=lambda: scenario.measure(other)))
    turns: list[tuple[str, Callable[[], Sample]]] = [("syncd", lambda: scenario.measure(THIS))]
    turns += [(peer.name, peer.measure) for peer in peers]
    samples: dict[str, list[Sample]] = {who: [] for who, _ in turns}
    others = OthersClock()
    for run in range(runs):
        first = run % len(turns)
        for who, measure in (*turns[first:], *turns[:first]):
            samples[who].append(_with_progress(f"{name}: run {run + 1} of {runs}, {who}", measure))
    ours = samples.pop("syncd")
    return Report(
        name=name,
        scenario=scenario,
        peers=[*samples],
        results=results(scenario, ours, samples),
        runs=runs,
        others_share=others.share(),
    )


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


def _run_program(program: OwnProgram) -> str:
    """Run it, and return what it has printed, which is printed as it comes."""
    print(f"\n.venv/bin/python -m {program.module}", flush=True)
    command = [sys.executable, "-m", program.module]
    process = subprocess.Popen(command, process_group=0, stdout=subprocess.PIPE, text=True)
    limit = threading.Timer(program.timeout_s, process.terminate)
    limit.start()
    assert process.stdout is not None
    lines: list[str] = []
    try:
        for line in process.stdout:
            print(line, end="", flush=True)
            lines.append(line)
        if status := process.wait():
            raise MeasurementFailed(f"{program.module} ended with {status}")
    finally:
        limit.cancel()
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # its children, too
        process.wait()
    return "".join(lines)


if __name__ == "__main__":
    sys.exit(main())
