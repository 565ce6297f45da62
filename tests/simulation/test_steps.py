"""What goes wrong does go wrong: each fault leaves its traces in worlds that have no other."""

from typing import Final

import pytest
from msgspec.structs import replace

from simulation.clock.event_log import text_of
from simulation.life import run_world
from simulation.shape import Fault, draw_shape

SHAPE: Final = replace(
    draw_shape(1),
    nodes=2,
    users=3,
    devices=2,
    steps=120,
    pause_s=0.03,
    store_s=0.01,
    network_s=0.01,
    javascript=0.0,
    follows=False,
    plays=False,
)

TRACES: Final = {
    Fault.DATABASE_IS_READ_ONLY: ["is read-only", "can be written again"],
    Fault.DATABASE_IS_RESTORED: ["backs up the database", "revisions are", "renewed the epoch"],
    Fault.BUS_OVERFLOWS: ["bus          overflows before"],
    Fault.FOREIGNERS_PUBLISH: ["outside      adds", "outside      removes"],
    Fault.LINK_TAKES_NOTHING: ["takes nothing more", "was given up; nodes have closed with 4002"],
    Fault.OPERATOR_DISCONNECTS: ["has disconnected", "is closed with 4004"],
    Fault.TOKENS_ARE_REVOKED: ["has revoked", "is closed with 4501"],
    Fault.NODE_PAUSES: ["is paused", "goes on"],
    Fault.WRITER_DIES: ["writer dies before a commit", "writer dies during a commit", "writer dies after a commit"],
}


@pytest.mark.parametrize("fault", TRACES)
def test_a_fault_happens_and_the_promise_holds(fault: Fault) -> None:
    shape, left = replace(SHAPE, faults=frozenset({fault})), set(TRACES[fault])
    for seed in range(5):
        verdict = run_world(replace(shape, seed=seed))
        assert verdict.violations == ()
        left -= {trace for trace in left if any(trace in line for line in map(text_of, verdict.events))}
        if not left:
            return
    pytest.fail(f"no world has {left}")
