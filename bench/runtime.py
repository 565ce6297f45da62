"""What a message and an idle actor cost: ``LoopActor`` beside Pykka's thread actors (``make bench-runtime``).

Each case has a fresh process, so that memory is its own. Messages are told to all actors in turn, round after round,
and cost what passes per message until the last is handled; the thread actors' sender is the main thread, the loop's is
a coroutine that lets the loop run between rounds. Asks are measured one at a time, and sent before the first answer is
read. Memory is resident memory, all in (Linux).
"""

import asyncio
import gc
import itertools
import multiprocessing
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from pykka import ActorRef, ActorRegistry, ThreadingActor, get_all

from actors.runtime import LoopActor

CASES = (("threads", 300), ("loop", 300), ("threads", 3_000), ("loop", 3_000), ("loop", 20_000))
MESSAGES = {"threads": 30_000, "loop": 300_000}
"""At least; every actor gets the same number."""
ASKS = 3_000
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


class Cost(NamedTuple):
    """One case's figures; microseconds and bytes."""

    tell_us: float
    ask_us: float
    ask_at_once_us: float
    idle_bytes: float


class Tally:
    """Says when the last of ``total`` messages was handled. Thread: any."""

    def __init__(self, total: int, done: Callable[[], object]) -> None:
        self._handled = itertools.count(1)  # next() is atomic
        self._total = total
        self._done = done

    def count(self) -> None:
        """Count one message."""
        if next(self._handled) == self._total:
            self._done()


class _Counting:
    def on_receive(self, message: Tally | None) -> None:
        if message is not None:
            message.count()


class CountingThreadActor(_Counting, ThreadingActor):
    """Pykka's own runtime."""


class CountingLoopActor(_Counting, LoopActor):
    """Ours."""


def resident_bytes() -> int:
    """Return this process's resident memory."""
    gc.collect()
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * PAGE_BYTES


class Stopwatch:
    """Microseconds per piece of work since it was made."""

    def __init__(self) -> None:
        self._began_s = time.perf_counter()

    def us_per(self, pieces: int) -> float:
        """Return the time of one of so many pieces."""
        return (time.perf_counter() - self._began_s) / pieces * 1e6


def measure_threads(actors: int) -> Cost:
    """Measure Pykka's thread actors."""
    CountingThreadActor.start().ask(None)
    before = resident_bytes()
    refs = [CountingThreadActor.start() for _ in range(actors)]
    for ref in refs:
        ref.ask(None)
    idle_bytes = (resident_bytes() - before) / actors

    rounds = -(-MESSAGES["threads"] // actors)
    is_done = threading.Event()
    tally = Tally(rounds * actors, is_done.set)
    stopwatch = Stopwatch()
    for _ in range(rounds):
        for ref in refs:
            ref.tell(tally)
    is_done.wait()
    tell_us = stopwatch.us_per(rounds * actors)

    stopwatch = Stopwatch()
    for ref in itertools.islice(itertools.cycle(refs), ASKS):
        ref.ask(None)
    ask_us = stopwatch.us_per(ASKS)

    stopwatch = Stopwatch()
    get_all([ref.ask(None, block=False) for ref in itertools.islice(itertools.cycle(refs), ASKS)])
    ask_at_once_us = stopwatch.us_per(ASKS)
    ActorRegistry.stop_all()
    return Cost(tell_us, ask_us, ask_at_once_us, idle_bytes)


async def measure_loop(actors: int) -> Cost:
    """Measure actors of the running loop."""
    await CountingLoopActor.start().ask(None, block=False)
    before = resident_bytes()
    refs: list[ActorRef[Any]] = [CountingLoopActor.start() for _ in range(actors)]
    for ref in refs:
        await ref.ask(None, block=False)
    idle_bytes = (resident_bytes() - before) / actors

    rounds = -(-MESSAGES["loop"] // actors)
    is_done = asyncio.Event()
    tally = Tally(rounds * actors, is_done.set)
    stopwatch = Stopwatch()
    for _ in range(rounds):
        for ref in refs:
            ref.tell(tally)
        await asyncio.sleep(0)
    await is_done.wait()
    tell_us = stopwatch.us_per(rounds * actors)

    stopwatch = Stopwatch()
    for ref in itertools.islice(itertools.cycle(refs), ASKS):
        await ref.ask(None, block=False)
    ask_us = stopwatch.us_per(ASKS)

    stopwatch = Stopwatch()
    for future in [ref.ask(None, block=False) for ref in itertools.islice(itertools.cycle(refs), ASKS)]:
        await future
    ask_at_once_us = stopwatch.us_per(ASKS)
    return Cost(tell_us, ask_us, ask_at_once_us, idle_bytes)


def measure(runtime: str, actors: int) -> Cost:
    """Measure one case in this process."""
    return measure_threads(actors) if runtime == "threads" else asyncio.run(measure_loop(actors))


def main() -> None:
    """Run every case and print the table."""
    processes = multiprocessing.get_context("spawn")
    costs: dict[tuple[str, int], Cost] = {}
    print(f"{'runtime':8}{'actors':>8}{'tell+handle':>14}{'ask':>12}{'ask at once':>14}{'idle actor':>13}")
    for runtime, actors in CASES:
        with processes.Pool(1) as pool:
            cost = costs[runtime, actors] = pool.apply(measure, (runtime, actors))
        times = f"{cost.tell_us:>11.2f} us{cost.ask_us:>9.1f} us{cost.ask_at_once_us:>11.1f} us"
        print(f"{runtime:8}{actors:>8,}{times}{cost.idle_bytes / 1024:>9.1f} KiB", flush=True)
    for actors in (300, 3_000):
        threads, loop = costs["threads", actors], costs["loop", actors]
        ratios = [before / now for before, now in zip(threads, loop, strict=True)]
        print("At {:,} actors the loop is cheaper by {:.1f}, {:.1f}, {:.1f} and {:.1f}.".format(actors, *ratios))


if __name__ == "__main__":
    main()
