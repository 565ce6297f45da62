"""The simulated bus does what the port allows, and tells nodes of it as the engines do."""

import asyncio
from collections.abc import Iterator
from random import Random

import pytest

from actors.errors import BusUnavailable
from actors.ports import BusListener
from simulation.clock.event_log import EventLog
from simulation.clock.loop import SimulatedLoop
from simulation.outside.bus import BusFaults, Hub, SimulatedBus, Style
from simulation.outside.network import Delay

PAYLOAD = b'{"type":"head_moved","revision":7,"origin":"node 0"}'


class Nodes:
    """Two nodes on a hub, and what each is told."""

    def __init__(self, style: Style) -> None:
        self.loop = SimulatedLoop()
        rng = Random(1)
        self.hub = Hub(rng, Delay(rng, 0.001, 0.01), EventLog(self.loop.time), style)
        self.told: list[list[str]] = [[], []]
        self.buses = [self.hub.bus(self.loop), self.hub.bus(self.loop)]
        for number in range(2):
            self.loop.run_until_complete(self.buses[number].start(self._listener(number)))

    def _listener(self, number: int) -> BusListener:
        told = self.told[number]
        return BusListener(
            node=f"node {number}",
            on_message=lambda user_id, _: told.append(f"message of {user_id}"),
            on_gap=lambda _: told.append("gap"),
            on_subscribed=lambda user_ids: told.append(f"subscribed to {' '.join(user_ids)}"),
            on_foreign=lambda user_id, _: told.append(f"from outside for {user_id}"),
            on_control=lambda payload: told.append(f"to all: {payload.decode()}"),
        )

    def publish(self, times: int = 1) -> None:
        """Let node 0 publish for ann, and time pass."""
        for _ in range(times):
            self.loop.run_until_complete(self.buses[0].publish("ann", PAYLOAD))
        self.pass_time()

    def pass_time(self) -> None:
        self.loop.run_until_complete(asyncio.sleep(60))


@pytest.fixture(params=["pubnub", "nats"])
def nodes(request: pytest.FixtureRequest) -> Iterator[Nodes]:
    nodes = Nodes(request.param)
    yield nodes
    nodes.loop.sweep_up()


def subscribe(bus: SimulatedBus, nodes: Nodes) -> None:
    bus.subscribe("ann")
    nodes.pass_time()
    nodes.told[1].clear()


def test_a_message_reaches_who_wants_it_and_not_its_publisher(nodes: Nodes) -> None:
    nodes.publish()
    assert nodes.told == [[], []]
    subscribe(nodes.buses[0], nodes)
    subscribe(nodes.buses[1], nodes)
    nodes.told[0].clear()
    nodes.publish()
    assert nodes.told == [[], ["message of ann"]]
    nodes.buses[1].unsubscribe("ann")
    nodes.publish()
    assert nodes.told == [[], ["message of ann"]]


def test_messages_are_lost_and_doubled_as_often_as_asked(nodes: Nodes) -> None:
    subscribe(nodes.buses[1], nodes)
    nodes.hub.faults = BusFaults(lost=1.0)
    nodes.publish()
    assert nodes.told[1] == []
    nodes.hub.faults = BusFaults(doubled=1.0, late=1.0)
    nodes.publish(3)
    assert nodes.told[1] == ["message of ann"] * 6


def test_an_outage_refuses_what_is_published_and_ends_with_a_gap(nodes: Nodes) -> None:
    subscribe(nodes.buses[1], nodes)
    nodes.hub.break_down()
    assert nodes.buses[0].status() is not None
    with pytest.raises(BusUnavailable):
        nodes.publish()
    nodes.hub.recover()
    nodes.pass_time()
    assert nodes.told == [["gap"], ["gap"]]
    assert nodes.buses[0].status() is None


def test_silence_brings_nothing_and_tells_nobody(nodes: Nodes) -> None:
    subscribe(nodes.buses[1], nodes)
    nodes.hub.is_silent = True
    nodes.publish()
    nodes.hub.recover()
    assert nodes.told[1] == []


def test_a_severed_node_reaches_nobody(nodes: Nodes) -> None:
    subscribe(nodes.buses[1], nodes)
    nodes.buses[0].sever()
    nodes.publish()
    assert nodes.told[1] == []


def test_nats_says_from_when_on_a_subscription_works() -> None:
    nodes = Nodes("nats")
    nodes.buses[1].subscribe("ann")
    assert nodes.told[1] == []
    nodes.pass_time()
    assert nodes.told[1] == ["subscribed to ann"]
    assert nodes.buses[1].figures().subscribed == 1
    nodes.loop.sweep_up()


@pytest.mark.parametrize(("style", "nodes_told"), [("pubnub", 2), ("nats", 1)])
def test_what_comes_from_outside_reaches_every_node_or_one_of_the_queue_group(style: Style, nodes_told: int) -> None:
    nodes = Nodes(style)
    nodes.hub.publish_from_outside("ann", b'{"type":"watchlist_update"}')
    nodes.pass_time()
    assert sorted(nodes.told, key=len)[2 - nodes_told :] == [["from outside for ann"]] * nodes_told
    assert sum(map(len, nodes.told)) == nodes_told
    nodes.loop.sweep_up()


def test_what_a_node_says_to_all_reaches_all_and_itself_and_is_refused_in_an_outage(nodes: Nodes) -> None:
    nodes.loop.run_until_complete(nodes.buses[0].publish_control(b"hello"))
    nodes.pass_time()
    assert nodes.told == [["to all: hello"], ["to all: hello"]]
    nodes.hub.is_silent = True
    nodes.loop.run_until_complete(nodes.buses[0].publish_control(b"lost"))
    nodes.pass_time()
    nodes.hub.break_down()
    with pytest.raises(BusUnavailable):
        nodes.loop.run_until_complete(nodes.buses[0].publish_control(b"refused"))
    nodes.hub.recover()
    nodes.buses[0].sever()
    nodes.loop.run_until_complete(nodes.buses[0].publish_control(b"nobody's"))
    nodes.pass_time()
    assert nodes.told == [["to all: hello", "gap"], ["to all: hello", "gap"]]


def test_a_node_before_which_too_much_is_under_way_loses_it_and_is_told(nodes: Nodes) -> None:
    for bus in nodes.buses:
        subscribe(bus, nodes)
    for told in nodes.told:
        told.clear()
    nodes.hub.faults = BusFaults(backlog=2)
    for _ in range(4):
        nodes.hub.publish(nodes.buses[0], "ann", PAYLOAD)
    nodes.pass_time()
    assert nodes.told == [["gap"], ["message of ann", "message of ann", "gap"]]
    nodes.publish()
    assert nodes.told[1][3:] == ["message of ann"]


def test_who_leaves_is_told_of_no_overflow(nodes: Nodes) -> None:
    nodes.hub.faults = BusFaults(backlog=0)
    nodes.hub.publish(nodes.buses[0], "ann", PAYLOAD)
    nodes.loop.run_until_complete(nodes.buses[1].close())
    assert len(nodes.loop.timers) == 1
    nodes.pass_time()
    assert nodes.told == [["gap"], []]


def test_others_on_the_channels_see_what_nodes_publish(nodes: Nodes) -> None:
    seen: list[tuple[str, bytes]] = []
    nodes.hub.observers.append(lambda user_id, payload: seen.append((user_id, payload)))
    nodes.publish()
    assert seen == [("ann", PAYLOAD)]
