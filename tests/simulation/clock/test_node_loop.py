"""A node's own loop: what it creates is on it; while it is held nothing of the node runs, and nothing is lost."""

import asyncio
from collections.abc import Iterator
from random import Random

import pytest

from simulation.clock.loop import SimulatedLoop
from simulation.clock.node_loop import NodeLoop
from simulation.outside.network import Delay, Network
from tests.simulation.outside.test_network import Door, Recorder


@pytest.fixture
def world() -> Iterator[SimulatedLoop]:
    world = SimulatedLoop()
    yield world
    world.sweep_up()


def pass_time(world: SimulatedLoop, seconds: float) -> None:
    world.run_until_complete(asyncio.sleep(seconds))


def test_what_a_node_creates_is_on_its_loop(world: SimulatedLoop) -> None:
    node = NodeLoop(world)
    seen: list[asyncio.AbstractEventLoop] = []

    async def look() -> None:
        seen.append(asyncio.get_running_loop())
        await asyncio.sleep(1)
        asyncio.get_running_loop().call_soon(lambda: seen.append(asyncio.get_running_loop()))

    task = node.create_task(look())
    assert world.tasks() == [task]
    pass_time(world, 2)
    assert seen == [node, node]
    assert (world.tasks(), world.timers, node.time()) == ([], [], 2.0)


def test_what_is_ready_at_once_runs_each_on_the_loop_that_it_was_given_to(world: SimulatedLoop) -> None:
    loops = [world, NodeLoop(world), NodeLoop(world), world]
    seen: list[asyncio.AbstractEventLoop] = []
    for loop in loops:
        loop.call_soon(lambda: seen.append(asyncio.get_running_loop()))
    pass_time(world, 1)
    assert seen == loops


def test_while_a_node_is_paused_only_the_others_run(world: SimulatedLoop) -> None:
    paused, other = NodeLoop(world), NodeLoop(world)
    ran: list[tuple[str, float]] = []

    def run(what: str) -> None:
        ran.append((what, world.time()))

    for name, loop in (("paused", paused), ("other", other)):
        loop.call_later(1, run, f"{name} timer")
        loop.call_soon(run, f"{name} callback")
    paused.pause()
    pass_time(world, 70)
    assert paused.is_paused
    assert ran == [("other callback", 0.0), ("other timer", 1.0)]
    del ran[:]
    paused.resume()
    pass_time(world, 1)
    assert ran == [("paused callback", 70.0), ("paused timer", 70.0)]


def test_a_timer_that_was_due_in_a_pause_can_still_be_cancelled(world: SimulatedLoop) -> None:
    node = NodeLoop(world)
    ran: list[str] = []
    late = node.call_later(2, ran.append, "late")
    node.call_later(1, late.cancel)
    node.pause()
    pass_time(world, 3)
    node.resume()
    pass_time(world, 1)
    assert ran == []


def test_timers_that_are_cancelled_are_forgotten_as_the_worlds_own(world: SimulatedLoop) -> None:
    node = NodeLoop(world)
    for _ in range(1000):
        node.call_later(1, print).cancel()
    assert world.timers == []
    pass_time(world, 2)


def test_what_a_paused_node_is_sent_waits_for_it(world: SimulatedLoop) -> None:
    node = NodeLoop(world)
    client, server = Recorder(), Recorder()
    Network(world, Delay(Random(1), 0.001, 0.05)).connect(Door(node, server), client, lambda _: None)
    pass_time(world, 1)
    node.pause()
    client.transport.write(b"one ")
    client.transport.write(b"two")
    client.transport.close()
    pass_time(world, 60)
    assert (server.data, server.happened) == (b"", [])
    node.resume()
    pass_time(world, 1)
    assert (server.data, server.happened) == (b"one two", ["eof", "lost"])


def test_what_a_node_does_not_catch_is_the_worlds_to_keep(world: SimulatedLoop) -> None:
    node = NodeLoop(world)
    node.call_soon(lambda: 1 / 0)
    pass_time(world, 1)
    (failure,) = world.failures
    assert isinstance(failure["exception"], ZeroDivisionError)


def test_a_paused_node_is_swept_up_with_its_world() -> None:
    world = SimulatedLoop()
    node = NodeLoop(world)
    node.create_task(asyncio.sleep(1))
    node.pause()
    world.sweep_up()
    assert node.is_closed()
    with pytest.raises(RuntimeError):
        node.call_soon(print)
