"""Whole worlds: the promise holds in them, and one seed has one history."""

import os
import subprocess
import sys
import unicodedata
from pathlib import Path

import pytest
from msgspec.structs import replace

from simulation.life import run_world
from simulation.shape import Fault, draw_shape
from tests.simulation.javascript import NEEDS_NODE

ROOT = Path(__file__).parents[2]
SEED = 12
"""A world with most of the faults; half of its devices run the JavaScript client."""
SEEDS = range(12)


@pytest.mark.parametrize(
    "seed", [pytest.param(seed, marks=NEEDS_NODE if draw_shape(seed).javascript else ()) for seed in SEEDS]
)
def test_the_promise_holds(seed: int) -> None:
    verdict = run_world(draw_shape(seed))
    assert verdict.violations == (), verdict.shape


def test_the_worlds_of_a_few_seeds_have_every_fault_and_none() -> None:
    shapes = [draw_shape(seed) for seed in SEEDS]
    assert frozenset(Fault) == frozenset[Fault]().union(*(shape.faults for shape in shapes))
    assert any(not shape.faults for shape in shapes)
    assert {0.0, 0.5, 1.0} == {shape.javascript for shape in shapes}


def test_worlds_are_small_and_now_and_then_as_big_as_the_documents_say() -> None:
    shapes = [draw_shape(seed) for seed in range(1000)]
    sizes = [(shape.nodes, shape.users, shape.devices) for shape in shapes]
    assert [(min(size), max(size)) for size in zip(*sizes, strict=True)] == [(1, 4), (2, 20), (1, 5)]
    assert sum(users * devices for _, users, devices in sizes) / len(sizes) < 12


@pytest.mark.parametrize("javascript", [0.0, pytest.param(1.0, marks=NEEDS_NODE)])
def test_contents_may_be_named_by_texts_that_are_hard_to_tell_apart(javascript: float) -> None:
    shape = replace(draw_shape(3), content_ids="text", contents=4, steps=60, javascript=javascript, faults=frozenset())
    verdict = run_world(shape)
    assert verdict.violations == ()
    shown = {what.split()[-1] for _, _, what in verdict.events if what.startswith("is told r") and " add " in what}
    assert len({unicodedata.normalize("NFC", name).lower() for name in shown}) < len(shown)


@pytest.mark.parametrize("javascript", [0.0, pytest.param(1.0, marks=NEEDS_NODE)])
def test_one_seed_has_one_history(javascript: float) -> None:
    shape = replace(draw_shape(SEED), javascript=javascript)
    first, again = run_world(shape), run_world(shape)
    assert first.events == again.events
    assert first.hash == again.hash
    assert len(first.events) > 100
    assert run_world(replace(shape, seed=SEED + 1)).hash != first.hash


@pytest.mark.integration
@pytest.mark.parametrize("javascript", [0.0, pytest.param(1.0, marks=NEEDS_NODE)])
def test_one_seed_has_one_history_in_every_process(javascript: float) -> None:
    program = (
        "from msgspec.structs import replace\n"
        "from simulation.shape import draw_shape\n"
        "from simulation.life import run_world\n"
        f"print(run_world(replace(draw_shape({SEED}), javascript={javascript})).hash)"
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
    assert hashes == {run_world(replace(draw_shape(SEED), javascript=javascript)).hash}
