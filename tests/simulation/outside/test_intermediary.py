"""What stands between lets upgrades through, or refuses them as networks do."""

import asyncio
from random import Random
from typing import Any

import pytest
from websockets.exceptions import InvalidStatus

from simulation.clock.loop import SimulatedLoop
from simulation.devices.handshake import open_handshake
from simulation.outside.intermediary import ITS_ANSWER, REFUSALS, Intermediary, Refusal
from simulation.outside.network import Connection, Delay, End


class Recorder(asyncio.Protocol):
    """Keeps what happens to it."""

    def __init__(self) -> None:
        self.happened: list[bytes | str] = []

    def data_received(self, data: bytes) -> None:
        self.happened.append(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self.happened.append("lost" if exc is None else "reset")


def after_an_upgrade(refusal: Refusal | None) -> tuple[list[Any], list[Any]]:
    """Return what happens to the client and to the server of a connection on which an upgrade is asked for."""
    loop = SimulatedLoop()
    client, server = Recorder(), Recorder()
    delay = Delay(Random(1), 0.1, 0.0)
    connection = Connection(End(loop, client, delay), End(loop, server, delay))
    intermediary = Intermediary()
    intermediary.refusal = refusal
    connection.client.write(b"an upgrade")
    intermediary.stop_upgrade(connection)
    connection.server.write(b"its answer")
    loop.run_until_complete(asyncio.sleep(1))
    loop.sweep_up()
    return client.happened, server.happened


@pytest.mark.parametrize(
    ("refusal", "client", "server"),
    [
        (None, [b"its answer"], [b"an upgrade"]),
        ("strips", [b"its answer"], [b"an upgrade"]),
        ("resets", ["reset"], ["reset"]),
        ("answers", [ITS_ANSWER, "lost"], ["reset"]),
        ("swallows", [], []),
    ],
)
def test_an_upgrade_comes_through_or_does_not(refusal: Refusal | None, client: list[Any], server: list[Any]) -> None:
    assert after_an_upgrade(refusal) == (client, server)


def test_its_own_answer_is_none_of_the_services() -> None:
    protocol = open_handshake("/ws?since=0", "t0k.e-n", is_javascript=False)
    protocol.receive_data(ITS_ANSWER)
    assert isinstance(protocol.handshake_exc, InvalidStatus)
    assert protocol.handshake_exc.response.status_code == 403


def test_the_log_is_told_what_an_intermediary_does() -> None:
    intermediary = Intermediary()
    assert str(intermediary) == "lets everything through"
    intermediary.refusal, intermediary.is_buffering, intermediary.is_doubling = REFUSALS[0], True, True
    assert str(intermediary) == "strips upgrades and buffers and sends twice"


def test_requests_go_out_twice_now_and_then_where_it_does_that() -> None:
    intermediary, rng = Intermediary(), Random(1)
    assert {intermediary.doubles(rng) for _ in range(100)} == {False}
    intermediary.is_doubling = True
    assert {intermediary.doubles(rng) for _ in range(100)} == {False, True}
