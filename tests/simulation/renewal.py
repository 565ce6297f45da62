"""``python -m tests.simulation.renewal``: for each deliberate defect a seed that finds it, for lists to be renewed."""

import logging
import math
import time
from collections.abc import Iterable
from typing import Final

import pytest
from msgspec.structs import replace

from simulation.life import run_world
from simulation.shape import Shape, draw_shape
from tests.simulation import defects, javascript_defects
from tests.simulation.collection_defects import Patch

SEEDS: Final = 500
"""Within which each defect must be found."""
SOON_S: Final = 0.3
"""Of a processor: a world that takes no longer is taken."""


def _cost(shape: Shape) -> int:
    return shape.nodes * shape.users * shape.devices * shape.steps


def shapes_from(seed: int | None = None) -> list[Shape]:
    """Return the shapes of all seeds: that of ``seed`` first, then those of small worlds."""
    return sorted(map(draw_shape, range(SEEDS)), key=lambda shape: (shape.seed != seed, _cost(shape)))


def renew(name: str, defect: Patch, shapes: Iterable[Shape]) -> str:
    """Return a line of a list: the seed of the first of ``shapes`` that finds ``defect`` soon, or of the soonest."""
    soonest_s, line = math.inf, f"    {name} is not found"
    with pytest.MonkeyPatch.context() as patch:
        defect(patch)
        for shape in shapes:
            began_s = time.process_time()
            violations = run_world(shape).violations
            took_s = time.process_time() - began_s
            if violations and took_s < soonest_s:
                soonest_s, line = took_s, f"    {name}: {shape.seed},  # {took_s:.2f} s: {violations[0][:80]}"
            if soonest_s < SOON_S:
                break
    return line


def main() -> None:
    """Try small worlds first: tests run them again and again."""
    logging.disable(logging.ERROR)
    drawn = shapes_from()
    shapes = [replace(shape, javascript=0.0) for shape in drawn]
    for defect in defects.FOUND_AT:
        print(renew(defect.__name__, defect, shapes), flush=True)
    for defect in javascript_defects.FOUND_AT:
        print(renew(defect.__name__, defect, (shape for shape in drawn if shape.javascript)), flush=True)


if __name__ == "__main__":
    main()
