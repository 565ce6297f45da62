"""Many worlds, on one processor or several; and a smaller one, of one that broke the promise."""

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from multiprocessing import get_context
from pathlib import Path
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from simulation.huge_pages import use_huge_pages
from simulation.life import Verdict, run_world
from simulation.shape import Shape
from simulation.shrinking import shrink

KEPT_SEEDS: Final = Path(__file__).with_name("seeds.txt")
"""Seeds that have failed once: a line each, the number first."""

AT_ONCE: Final = 4
"""Worlds that a process is given at a time."""


class TimedVerdict(Struct, frozen=True):
    """What became of a world, and what it took."""

    verdict: Verdict
    """Without its events, if it kept the promise."""
    cpu_s: float


def run_all(shapes: Sequence[Shape], jobs: int) -> Iterator[TimedVerdict]:
    """Run a world of each of ``shapes``, up to ``jobs`` at once, each in a process; yield their outcomes in order."""
    if jobs == 1:
        yield from map(_run, shapes)
        return
    # Not forked: processes would share what this one has open.
    with ProcessPoolExecutor(jobs, get_context("spawn")) as processes:
        try:
            yield from processes.map(_run, shapes, chunksize=AT_ONCE)
        finally:
            processes.shutdown(cancel_futures=True)


def _run(shape: Shape) -> TimedVerdict:
    began_s = time.process_time()
    verdict = run_world(shape)
    if not verdict.violations:
        verdict = replace(verdict, events=())
    _settle()
    return TimedVerdict(verdict, time.process_time() - began_s)


@cache
def _settle() -> None:
    """Arrange what is in memory for the worlds to come, once a first one has imported all that they use."""
    use_huge_pages()


def shrunk(verdict: Verdict) -> Verdict:
    """Return what becomes of the smallest world that still breaks the promise."""
    return run_world(shrink(verdict.shape, lambda shape: bool(run_world(shape).violations)))


def read_seeds(file: Path) -> list[int]:
    """Return the seeds of a list: the first word of each line that is not empty and no comment. Raises: ValueError."""
    lines = (line.partition("#")[0].split() for line in file.read_text().splitlines())
    return [int(words[0]) for words in lines if words]
