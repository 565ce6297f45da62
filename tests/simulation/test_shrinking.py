"""A world that breaks the promise becomes as small as it can."""

from msgspec.structs import replace

from simulation.shape import Fault, Shape, draw_shape
from simulation.shrinking import MAX_WORLDS, shrink

LARGE = next(shape for seed in range(100) if (shape := draw_shape(seed)).nodes == 3 and 5 < len(shape.faults) < 9)


def test_a_world_is_shrunk_to_what_matters() -> None:
    def breaks(shape: Shape) -> bool:
        return shape.nodes >= 2 and Fault.NODE_CRASHES in shape.faults and shape.steps > 20

    small = shrink(replace(LARGE, faults=LARGE.faults | {Fault.NODE_CRASHES}, javascript=1.0), breaks)
    assert small.javascript == 0.0
    assert small.faults == frozenset({Fault.NODE_CRASHES})
    assert (small.nodes, small.users, small.devices, small.contents) == (2, 1, 1, 1)
    assert 20 < small.steps <= 40


def test_a_world_in_which_everything_matters_stays_as_it_is() -> None:
    tried: list[Shape] = []

    def breaks(shape: Shape) -> bool:
        tried.append(shape)
        return False

    assert shrink(LARGE, breaks) == LARGE
    assert 0 < len(tried) <= MAX_WORLDS
