"""Networks that refuse upgrades: devices go on by streams and polls, come back to the WebSocket, and are told all."""

from typing import Final

import pytest
from msgspec.structs import replace

from simulation.clock.event_log import text_of
from simulation.life import Verdict, run_world
from simulation.shape import BETWEEN, Fault, Shape, draw_shape, draw_small_shape
from tests.simulation.javascript import NEEDS_NODE
from transport.http.streams.event_stream import EventStream

SHAPE: Final = replace(
    draw_shape(1), nodes=2, users=2, devices=2, steps=60, pause_s=0.1, javascript=0.0, plays=False, commands=True
)

TRACES: Final = {
    Fault.UPGRADES_ARE_REFUSED: [
        *("is not connected: 426", "is not connected: 403", "is not connected: reset", "streams from node"),
        *("is in a network that", "a WebSocket can be had", "a WebSocket cannot be had", "sends "),
    ],
    Fault.PROXIES_BUFFER: ["&poll=0", "&poll=25", "a WebSocket can be had"],
    Fault.REQUESTS_ARE_DOUBLED: ["is repeated to node"],
    Fault.STREAMS_ARE_CUT: ["will be cut in an event"],
    Fault.NODE_DRAINS: ["is told goodbye", "is closed with 1001"],
    Fault.NODE_CRASHES: ["crashes", "is closed with 1006"],
}


def traces_left(verdict: Verdict, left: set[str]) -> set[str]:
    lines = [line for line in map(text_of, verdict.events) if " connects to " not in line]
    return {trace for trace in left if not any(trace in line for line in lines)}


@pytest.mark.parametrize(
    ("fault", "javascript"),
    [*((fault, 0.0) for fault in TRACES), pytest.param(Fault.UPGRADES_ARE_REFUSED, 1.0, marks=NEEDS_NODE)],
)
def test_a_fault_happens_and_the_promise_holds(fault: Fault, javascript: float) -> None:
    left = set(TRACES[fault])
    for seed in range(8):
        shape = replace(SHAPE, seed=seed, faults=frozenset({Fault.UPGRADES_ARE_REFUSED, fault}), javascript=javascript)
        verdict = run_world(shape)
        assert verdict.violations == ()
        left = traces_left(verdict, left)
        if not left:
            return
    pytest.fail(f"no world has {left}")


def test_nobody_has_a_stream_where_networks_let_websockets_through() -> None:
    verdict = run_world(replace(SHAPE, faults=frozenset({Fault.NODE_CRASHES, Fault.NETWORK_IS_LOST})))
    assert traces_left(verdict, {"streams from", "polls node"}) == {"streams from", "polls node"}


def test_a_stream_that_goes_on_with_a_revoked_token_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(EventStream, "disconnect_if_revoked", lambda self, revoked: False)
    shape = replace(SHAPE, faults=frozenset({Fault.UPGRADES_ARE_REFUSED, Fault.TOKENS_ARE_REVOKED}))
    found = [text for seed in range(20) for text in run_world(replace(shape, seed=seed)).violations]
    assert any("is still connected with device" in text for text in found), found


def test_shapes_have_them_together_and_small_ones_have_none() -> None:
    shapes = [draw_shape(seed) for seed in range(200)]
    assert 0.2 < sum(Fault.UPGRADES_ARE_REFUSED in shape.faults for shape in shapes) / len(shapes) < 0.4

    def between(shape: Shape) -> frozenset[str]:
        return shape.faults & frozenset(BETWEEN)

    assert all(Fault.UPGRADES_ARE_REFUSED in shape.faults for shape in shapes if between(shape))
    assert frozenset().union(*map(between, shapes)) == frozenset(BETWEEN)
    assert not any(between(draw_small_shape(seed)) for seed in range(200))
