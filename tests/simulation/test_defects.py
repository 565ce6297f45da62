"""The simulation finds what it is there for: each deliberate defect breaks the promise in some world."""

import pytest

from simulation.shape import draw_shape
from simulation.world import run_world
from tests.simulation.defects import FOUND_AT, Patch

WITHIN_SEEDS = 5
"""From the seed in the list on: what a seed draws changes with the simulation, and then the list is to be renewed."""


@pytest.mark.actors_may_fail
@pytest.mark.parametrize("defect", FOUND_AT, ids=lambda defect: defect.__name__)
def test_a_defect_is_found(defect: Patch, monkeypatch: pytest.MonkeyPatch) -> None:
    defect(monkeypatch)
    seeds = range(FOUND_AT[defect], FOUND_AT[defect] + WITHIN_SEEDS)
    assert any(run_world(draw_shape(seed)).violations for seed in seeds)
