"""What a fault meets: the states of the target that was drawn for it, of all nodes, or of the devices that write."""

from collections import Counter

import pytest
from msgspec.structs import replace

from simulation.coverage import AT_ONCE, EVERYWHERE, LASTING, Pair, pairs_of, table
from simulation.life import run_world
from simulation.shape import Fault, Shape, draw_shape


def world_with(fault: Fault) -> Shape:
    """A world that has ``fault`` alone, with many steps, so that it comes."""
    return replace(draw_shape(1), faults=frozenset({fault}), steps=200, javascript=0.0)


def test_it_is_said_of_every_fault_what_it_strikes() -> None:
    assert sorted(Fault) == sorted([*AT_ONCE, *EVERYWHERE, *LASTING])


@pytest.mark.parametrize("fault", [Fault.APP_IS_KILLED, Fault.NODE_CRASHES, Fault.DATABASE_IS_AWAY, Fault.BUS_LOSES])
def test_a_fault_meets_states_that_it_is_said_to(fault: Fault) -> None:
    met = Counter({pair: times for pair, times in run_world(world_with(fault)).met.items() if pair[0] == fault})
    assert met
    assert set(met) <= set(pairs_of(fault))


def test_a_fault_that_strikes_one_target_meets_one_state_of_each_kind() -> None:
    met = run_world(world_with(Fault.APP_IS_KILLED)).met
    kills = sum(times for (fault, state), times in met.items() if fault == Fault.APP_IS_KILLED and "device" in state)
    queues = sum(times for (fault, state), times in met.items() if fault == Fault.APP_IS_KILLED and "queue" in state)
    assert 0 < kills == queues


def test_a_node_that_is_down_cannot_be_struck() -> None:
    faults = frozenset({Fault.NODE_CRASHES, Fault.BUS_IS_AWAY})
    met = run_world(replace(draw_shape(2), nodes=1, steps=400, pause_s=0.5, faults=faults, javascript=0.0)).met
    assert met[Fault.NODE_CRASHES, "node runs"]
    assert met[Fault.BUS_IS_AWAY, "node down"]
    assert not met[Fault.NODE_CRASHES, "node down"]


def test_a_table_has_what_was_met_and_says_what_never_was() -> None:
    met: Counter[Pair] = Counter(
        {(Fault.APP_IS_KILLED, state): 7 for fault, state in pairs_of(Fault.APP_IS_KILLED) if state != "link silent"}
    )
    said = table(met, [Fault.APP_IS_KILLED]).splitlines()
    assert "device live 7" in said[1]
    assert "link silent" not in said[1]
    assert said[2] == "never met: app is killed when link silent"
    met[Fault.APP_IS_KILLED, "link silent"] += 1
    assert table(met, [Fault.APP_IS_KILLED]).splitlines()[2] == "never met: nothing"
