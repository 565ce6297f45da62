"""The simulation finds what it is there for: each deliberate defect breaks the promise in some world."""

import pytest
from msgspec.structs import replace

from simulation.life import run_world
from tests.simulation import javascript_defects
from tests.simulation.collection_defects import Patch
from tests.simulation.defects import FOUND_AT
from tests.simulation.javascript import NEEDS_NODE
from tests.simulation.renewal import shapes_from


@pytest.mark.actors_may_fail
@pytest.mark.parametrize("defect", FOUND_AT, ids=lambda defect: defect.__name__)
def test_a_defect_is_found(defect: Patch, monkeypatch: pytest.MonkeyPatch) -> None:
    defect(monkeypatch)
    assert any(run_world(replace(shape, javascript=0.0)).violations for shape in shapes_from(FOUND_AT[defect]))


@pytest.mark.actors_may_fail
@pytest.mark.parametrize(
    "defect",
    [pytest.param(defect, marks=NEEDS_NODE) for defect in javascript_defects.FOUND_AT],
    ids=lambda defect: defect.__name__,
)
def test_a_defect_of_the_javascript_client_is_found(defect: Patch, monkeypatch: pytest.MonkeyPatch) -> None:
    defect(monkeypatch)
    shapes = [shape for shape in shapes_from(javascript_defects.FOUND_AT[defect]) if shape.javascript]
    assert any(run_world(shape).violations for shape in shapes)
