"""Whole worlds: the promise holds in them, and one seed has one history."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from simulation.shape import FAULTS, draw_shape
from simulation.world import run_world

ROOT = Path(__file__).parents[2]
SEED = 12
"""A world with most of the faults."""


@pytest.mark.parametrize("seed", range(12))
def test_the_promise_holds(seed: int) -> None:
    verdict = run_world(draw_shape(seed))
    assert verdict.violations == (), verdict.shape


def test_the_worlds_of_a_few_seeds_have_every_fault_and_none() -> None:
    shapes = [draw_shape(seed) for seed in range(12)]
    assert frozenset(FAULTS) == frozenset[str]().union(*(shape.faults for shape in shapes))
    assert any(not shape.faults for shape in shapes)


def test_worlds_are_small_and_now_and_then_as_big_as_the_documents_say() -> None:
    shapes = [draw_shape(seed) for seed in range(1000)]
    sizes = [(shape.nodes, shape.users, shape.devices) for shape in shapes]
    assert [(min(size), max(size)) for size in zip(*sizes, strict=True)] == [(1, 4), (2, 20), (1, 5)]
    assert sum(users * devices for _, users, devices in sizes) / len(sizes) < 12


def test_one_seed_has_one_history() -> None:
    first, again = run_world(draw_shape(SEED)), run_world(draw_shape(SEED))
    assert first.lines == again.lines
    assert first.hash == again.hash
    assert len(first.lines) > 100
    assert run_world(draw_shape(SEED + 1)).hash != first.hash


@pytest.mark.integration
def test_one_seed_has_one_history_in_every_process() -> None:
    program = (
        "from simulation.shape import draw_shape\n"
        "from simulation.world import run_world\n"
        f"print(run_world(draw_shape({SEED})).hash)"
    )
    path = f"{ROOT}{os.pathsep}{ROOT / 'clients' / 'python'}"
    hashes = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": path},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        for seed in ("1", "2")
    }
    assert hashes == {run_world(draw_shape(SEED)).hash}
