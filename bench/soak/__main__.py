"""``make soak``: a mixed load with faults by seed on real processes, and what must hold at its end.

Apps, plain HTTP, late devices and foreign publishers write; witnesses, browsers and a reader of the journal read;
nodes, bus, database and network fail meanwhile. Then: no acknowledged write is lost, none is there twice, everybody was
shown the same, memory is flat, and no actor is left behind. What fails, and when, the seed decides; how fast, the
machine.
"""

import argparse
import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp
from typing import Any, Final

from msgspec import Struct

from bench.soak import audit, load, readers
from bench.soak.faults import Faults
from bench.soak.ledger import USERS, Ledger
from bench.soak.memory import Samples
from bench.soak.service import Service, figures, running_service, until

APPS_PER_USER: Final = 3
WRITES_PER_S_AND_APP: Final = 1.0
HTTP_WRITERS: Final = 4
WRITES_PER_S_AND_HTTP_WRITER: Final = 4.0
BROWSERS: Final = 2
READS_PER_S_AND_BROWSER: Final = 4.0
JOURNAL_READ_PAUSE_S: Final = 10.0
SETTLING_S: Final = 3.0
"""For the last messages of foreign publishers: nothing tells when they have been applied."""
SHOWN_WRONGS: Final = 20


class Run(Struct, frozen=True):
    """What was asked for."""

    minutes: float
    seed: int
    nodes: int

    def __str__(self) -> str:
        nodes = f"{self.nodes} nodes on PostgreSQL" if self.nodes > 1 else "a node alone, on SQLite"
        return f"{self.minutes:g} minutes, seed {self.seed}, {nodes}"


async def soak(run: Run, directory: Path) -> int:
    """Run and report; 1 if something was wrong."""
    ledger, samples = Ledger(), Samples()
    async with running_service(run.nodes, directory, ledger) as service:
        idle = await _idle_figures(service)
        async with _background(_progress(run, ledger), samples.take(service)):
            await _load_and_faults(run, service, ledger)
        await audit.nothing_is_left(service, idle, ledger)
        trends = {node.log.stem: samples.trend(node.pid) for node in service.nodes}
        for node in service.nodes:
            await node.terminate()
            for line in node.wrong_lines():
                ledger.wrong(f"{node.log.stem} has logged: {line}")
    print(f"\n{run}; {len(USERS)} users, each with {APPS_PER_USER} apps and a witness")
    for name, number in sorted(ledger.counts.items()):
        print(f"  {name:<38}{number:>10,}")
    for name, trend in trends.items():
        print(f"  memory of {name}: {trend or 'not measured, its last life was too short'}")
        if trend is not None and not trend.is_flat:
            ledger.wrong(f"the memory of {name} is not flat: {trend}")
    for wrong in ledger.wrongs[:SHOWN_WRONGS]:
        print(f"  WRONG: {wrong[:1000]}")
    if ledger.wrongs:
        print(f"{len(ledger.wrongs)} wrongs; the logs are in {directory}")
        return 1
    print("nothing lost, nothing twice, nothing left behind")
    return 0


async def _idle_figures(service: Service) -> dict[str, float]:
    """Return what a node shows that nobody has used; nodes are all the same."""
    idle: dict[str, float] = {}

    async def is_settled() -> bool:
        idle.update(await figures(service.nodes[0]))
        return idle["syncd_bus_up"] == 1

    await until(is_settled, audit.TIMEOUT_S)
    return idle


async def _load_and_faults(run: Run, service: Service, ledger: Ledger) -> None:
    seconds, url = run.minutes * 60, service.url
    ends_s = time.monotonic() + seconds
    async with AsyncExitStack() as stack:
        apps = [load.App(url, user, number, ledger, run.seed) for user in USERS for number in range(APPS_PER_USER)]
        for app in apps:
            await stack.enter_async_context(app.client)
        witnesses = (readers.witness(url, user, ledger) for user in USERS)
        await stack.enter_async_context(_background(*witnesses))
        async with (
            _background(
                *(app.live(WRITES_PER_S_AND_APP) for app in apps),
                *(
                    readers.browser(url, f"{run.seed} {number}", ledger, READS_PER_S_AND_BROWSER)
                    for number in range(BROWSERS)
                ),
                readers.follow_the_journal(url, ledger, JOURNAL_READ_PAUSE_S),
                load.foreign_publisher(service.broker_url, ledger, run.seed),
            ),
            asyncio.TaskGroup() as answered,
        ):
            for number in range(HTTP_WRITERS):
                writer = load.http_writer(number, url, ledger, run.seed, ends_s, WRITES_PER_S_AND_HTTP_WRITER)
                answered.create_task(writer)
            answered.create_task(load.late_batches(url, ledger, run.seed, ends_s))
            faults = Faults(service, apps, ledger)
            await faults.strike(faults.plan(run.seed, seconds), ends_s)
        for app in apps:
            app.client.connect()
        await asyncio.sleep(SETTLING_S)
        await audit.everybody_agrees(service, apps, ledger)


@asynccontextmanager
async def _background(*endless: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Run what never ends for the length of the context; should one fail, so does the context."""
    async with asyncio.TaskGroup() as tasks:
        running = [tasks.create_task(each) for each in endless]
        yield
        for task in running:
            task.cancel()


async def _progress(run: Run, ledger: Ledger) -> None:
    """Say how it goes: each second on a terminal, else each minute."""
    is_terminal, began_s = sys.stderr.isatty(), time.monotonic()
    while True:
        await asyncio.sleep(1 if is_terminal else 60)
        elapsed_s = time.monotonic() - began_s
        line = (
            f"{elapsed_s / 60:5.1f} of {run.minutes:g} minutes, {ledger.counts['writes acknowledged']:,} writes, "
            f"{ledger.counts['updates witnessed']:,} updates witnessed, {len(ledger.wrongs)} wrongs"
        )
        print(f"\r\x1b[K{line}" if is_terminal else line, end="" if is_terminal else "\n", file=sys.stderr, flush=True)


def main() -> int:
    """Parse, run, report."""
    parser = argparse.ArgumentParser(prog="python -m bench.soak", description="Load with faults, then an audit.")
    parser.add_argument("--minutes", type=float, default=10.0, help="of load (default: %(default)g)")
    parser.add_argument("--seed", type=int, default=int.from_bytes(os.urandom(2)), help="default: any; it is printed")
    parser.add_argument("--nodes", type=int, default=2, help="2 or more: on PostgreSQL; 1: on SQLite (default: 2)")
    arguments = parser.parse_args()
    run = Run(arguments.minutes, arguments.seed, arguments.nodes)
    print(run, flush=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that children are ended
    directory = Path(mkdtemp(prefix=".bench-soak-", dir="."))
    directory.chmod(0o755)  # PostgreSQL refuses root, and then runs as somebody else
    status = asyncio.run(soak(run, directory.absolute()))
    if status == 0:
        rmtree(directory)
    return status


if __name__ == "__main__":
    sys.exit(main())
