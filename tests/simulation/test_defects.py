"""The simulation finds what it is there for: each deliberate defect breaks the promise in some world."""

import pytest
from msgspec.structs import replace

from simulation.shape import draw_shape
from simulation.world import run_world
from tests.simulation import javascript_defects
from tests.simulation.defects import FOUND_AT, Patch
from tests.simulation.javascript import NEEDS_NODE

WITHIN_SEEDS = 5
"""From the seed in the list on: what a seed draws changes with the simulation, and then the list is to be renewed."""


@pytest.mark.actors_may_fail
@pytest.mark.parametrize("defect", FOUND_AT, ids=lambda defect: defect.__name__)
def test_a_defect_is_found(defect: Patch, monkeypatch: pytest.MonkeyPatch) -> None:
    defect(monkeypatch)
    seeds = range(FOUND_AT[defect], FOUND_AT[defect] + WITHIN_SEEDS)
    assert any(run_world(replace(draw_shape(seed), javascript=0.0)).violations for seed in seeds)


@pytest.mark.actors_may_fail
@pytest.mark.parametrize(
    "defect",
    [pytest.param(defect, marks=NEEDS_NODE) for defect in javascript_defects.FOUND_AT],
    ids=lambda defect: defect.__name__,
)
def test_a_defect_of_the_javascript_client_is_found(defect: Patch, monkeypatch: pytest.MonkeyPatch) -> None:
    defect(monkeypatch)
    found_at = javascript_defects.FOUND_AT[defect]
    shapes = [draw_shape(seed) for seed in range(found_at, found_at + WITHIN_SEEDS)]
    assert any(run_world(shape).violations for shape in shapes if shape.javascript)
