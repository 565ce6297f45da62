"""Nodes of one process on a memory bus: who is there, and commands that all of them carry out."""

import asyncio
import gc
import logging
from collections.abc import Awaitable, Callable
from types import UnionType
from typing import Any

import msgspec
import pytest
from pykka import ActorRef

from actors.bus.deployment import ControlChannel, Deployment, DeploymentDeps
from actors.errors import BusMessageRefused, StoreUnavailable
from actors.messages.control import (
    Answered,
    Command,
    ConnectionsClosed,
    ConnectionsNotified,
    ControlMessage,
    DisconnectUser,
    LookForRevocations,
    NodeAnnounced,
    NodeLeft,
    ReadFigures,
    Result,
    ShowNotice,
)
from actors.messages.deployment import Announce, Answers, AnswersDue, AskNodes, ControlPayload, TakePart
from actors.metrics import BusMetrics, RegistryMetrics
from actors.ports import NOBODY
from actors.runtime import LoopFuture
from actors.runtime.tell import tell_if_alive
from tests.actors.conftest import Started
from tests.fakes.memory_bus import MAX_PAYLOAD_BYTES, MemoryHub
from tests.timeouts import TIMEOUT_S

Handled = Callable[[ActorRef[Any]], Awaitable[object]]

NOW_MS = 1_764_000_000_000
ENCODE = msgspec.json.encode
NOTICE = ShowNotice("Back at five.", "info")
FOR_EVER_S = 100 * TIMEOUT_S
"""An answer time that no test waits for."""


def decode(payload: bytes) -> ControlMessage:
    if payload == b"forged":
        raise BusMessageRefused("forged", "who says that?")
    return msgspec.json.decode(payload, type=ControlMessage)


class Clock:
    """Both clocks of all nodes, put on by hand."""

    def __init__(self) -> None:
        self.s = 0.0

    def now_s(self) -> float:
        return self.s

    def now_ms(self) -> int:
        return NOW_MS + round(self.s * 1000)


class Node:
    """A node that notes what it is to do, and says how many connections that concerned."""

    def __init__(self, name: str, connections: int) -> None:
        self.name = name
        self.connections = connections
        self.done: list[Command] = []
        self.error: Exception | None = None
        self.metrics = BusMetrics()
        self.ref: ActorRef[Deployment]

    async def act(self, command: Command) -> Result:
        self.done.append(command)
        if self.error is not None:
            raise self.error
        if isinstance(command, ShowNotice):
            return ConnectionsNotified(self.connections)
        return ConnectionsClosed(self.connections)

    async def ask(self, command: Command, to: str | None = None) -> Answers:
        answers: LoopFuture[Answers] = LoopFuture()
        self.ref.tell(AskNodes(command, answers.set, to))
        async with asyncio.timeout(TIMEOUT_S):
            return await answers


class Nodes:
    """Starts nodes on one hub."""

    def __init__(self, started: Started) -> None:
        self._started = started
        self.hub = MemoryHub()
        self.clock = Clock()

    async def start(
        self,
        name: str,
        connections: int = 0,
        *,
        takes_part: bool = True,
        is_alone: bool = False,
        answer_timeout_s: float = FOR_EVER_S,
        announce_s: float = FOR_EVER_S / 3,  # by hand
        greet_within_s: float = 0,
        random: Callable[[], float] = lambda: 0.0,
    ) -> Node:
        node, bus = Node(name, connections), self.hub.bus()
        registry = RegistryMetrics()
        registry.total_connections = connections
        node.ref = self._started(
            Deployment.start(
                DeploymentDeps(
                    node=name,
                    version="0.1.0",
                    channel=None if is_alone else ControlChannel(bus, ENCODE, decode),
                    metrics=node.metrics,
                    registry=registry,
                    now_ms=self.clock.now_ms,
                    now_s=self.clock.now_s,
                    announce_s=announce_s,
                    answer_timeout_s=answer_timeout_s,
                    greet_within_s=greet_within_s,
                    random=random,
                )
            )
        )
        ref = node.ref
        listener = msgspec.structs.replace(
            NOBODY, on_control=lambda payload: tell_if_alive(ref, ControlPayload(payload))
        )
        await bus.start(listener)
        if takes_part:
            node.ref.tell(TakePart(node.act))
        return node

    async def overhear(self, kind: type | UnionType) -> list[ControlMessage]:
        """Return what is said of that kind from now on."""
        said: list[ControlMessage] = []

        def hear(payload: bytes) -> None:
            if isinstance((one := decode(payload)).body, kind):
                said.append(one)

        await self.hub.bus().start(msgspec.structs.replace(NOBODY, on_control=hear))
        return said

    async def start_all(self, **connections: int) -> list[Node]:
        """Return nodes that know each other."""
        nodes = [await self.start(name, count) for name, count in connections.items()]
        await until(lambda: all(node.metrics.nodes == len(nodes) for node in nodes))
        return nodes


@pytest.fixture
def nodes(started: Started) -> Nodes:
    return Nodes(started)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(TIMEOUT_S):
        while not condition():
            await asyncio.sleep(0)


def message(body: Any, *, message_id: str = "1", sent_ms: int = NOW_MS, to: str | None = None) -> ControlPayload:
    """Return what the bus delivers when the node ``ghost`` says that."""
    return ControlPayload(ENCODE(ControlMessage(id=message_id, origin="ghost", sent_ms=sent_ms, to=to, body=body)))


async def test_every_node_does_its_part_and_the_answers_are_gathered(nodes: Nodes) -> None:
    a, b, c = await nodes.start_all(a=1, b=2, c=4)
    answers = await a.ask(NOTICE)
    assert [node.done for node in (a, b, c)] == [[NOTICE]] * 3
    assert answers.results == {"a": ConnectionsNotified(1), "b": ConnectionsNotified(2), "c": ConnectionsNotified(4)}
    assert (answers.node, answers.known) == ("a", 3)
    assert sorted((peer.node, peer.version, peer.connections) for peer in answers.peers) == [
        ("b", "0.1.0", 2),
        ("c", "0.1.0", 4),
    ]


async def test_a_command_for_one_node_is_done_there_alone(nodes: Nodes) -> None:
    a, b, c = await nodes.start_all(a=1, b=2, c=4)
    for asker, to in ((a, b), (a, a)):
        answers = await asker.ask(NOTICE, to=to.name)
        assert (answers.results, answers.known) == ({to.name: ConnectionsNotified(to.connections)}, 1)
    unknown = await a.ask(NOTICE, to="nobody")
    assert (unknown.results, unknown.known) == ({}, 0)
    assert [node.done for node in (a, b, c)] == [[NOTICE], [NOTICE], []]


async def test_a_node_that_is_asked_for_itself_tells_nobody(nodes: Nodes) -> None:
    a = await nodes.start("a", 1)
    said = await nodes.overhear(ShowNotice)
    await a.ask(NOTICE, to="a")
    await a.ask(NOTICE)
    await until(lambda: bool(said))
    assert [one.to for one in said] == [None]


async def test_an_operator_is_told_how_long_nodes_run_and_when_they_were_heard_of(
    nodes: Nodes, handled: Handled
) -> None:
    nodes.clock.s = 100.0
    a, b = await nodes.start_all(a=1, b=2)
    nodes.clock.s += 30
    said = await nodes.overhear(NodeAnnounced)
    b.ref.tell(Announce())
    await until(lambda: any(one.origin == "b" and one.sent_ms > NOW_MS + 100_000 for one in said))
    await handled(a.ref)
    nodes.clock.s += 7
    (peer,) = (await a.ask(NOTICE, to="a")).peers
    assert (peer.uptime_s, peer.heard_s) == (30, 7.0)


async def test_a_node_that_was_not_heard_of_yet_answers_with_the_others(nodes: Nodes) -> None:
    a = await nodes.start("a", 1)
    a.ref.tell(message(NodeAnnounced("0.1.0", 7, 7, 7)))
    nodes.hub.distort = lambda _: None
    b = await nodes.start("b", 2)
    await b.ask(NOTICE, to="b")  # it has announced itself, which was lost
    nodes.hub.distort = lambda deliver: deliver()
    said = await nodes.overhear(ShowNotice | Answered)
    answers: LoopFuture[Answers] = LoopFuture()
    a.ref.tell(AskNodes(NOTICE, answers.set))
    await until(lambda: len(said) == 2)
    a.ref.tell(message(Answered(said[0].id, ConnectionsNotified(7)), message_id="2"))
    async with asyncio.timeout(TIMEOUT_S):
        told = await answers
    assert (sorted(told.results), told.known) == (["a", "b", "ghost"], 3)


async def test_the_last_answer_may_come_when_the_time_for_it_is_over(nodes: Nodes, handled: Handled) -> None:
    a, _ = await nodes.start_all(a=1, b=2)
    said = await nodes.overhear(ShowNotice)
    assert (await a.ask(NOTICE)).known == 2
    a.ref.tell(AnswersDue(said[0].id))  # it waited behind the answer
    await handled(a.ref)


async def test_a_node_that_does_not_answer_is_known_and_waited_for_no_longer_than_the_time_out(nodes: Nodes) -> None:
    a = await nodes.start("a", 1, answer_timeout_s=0.01)
    a.ref.tell(message(NodeAnnounced("0.1.0", 7, 7, 7)))
    answers = await a.ask(NOTICE)
    assert (answers.results, answers.known) == ({"a": ConnectionsNotified(1)}, 2)


async def test_what_comes_after_the_time_out_is_dropped(nodes: Nodes, handled: Handled) -> None:
    a = await nodes.start("a", 1)
    a.ref.tell(message(Answered("of an old question", ConnectionsClosed(1))))
    await handled(a.ref)
    assert (await a.ask(NOTICE)).known == 1


FAULTS = pytest.mark.parametrize(
    ("error", "reason"), [(StoreUnavailable("the disk is full"), "unavailable"), (ZeroDivisionError(), "defect")]
)


@FAULTS
async def test_a_node_that_cannot_do_its_part_says_nothing_and_counts_that(
    nodes: Nodes, error: Exception, reason: str
) -> None:
    a = await nodes.start("a", 1, answer_timeout_s=0.05)
    b = await nodes.start("b", 2)
    await until(lambda: a.metrics.nodes == 2)
    b.error = error
    answers = await a.ask(LookForRevocations())
    assert (answers.results, answers.known) == ({"a": ConnectionsClosed(1)}, 2)
    await until(lambda: +b.metrics.commands_failed == {reason: 1})


@FAULTS
async def test_a_node_that_was_asked_and_cannot_do_its_part_says_nothing_and_counts_that(
    nodes: Nodes, error: Exception, reason: str
) -> None:
    a = await nodes.start("a", 1, answer_timeout_s=1.0)  # within it the other one answers on a busy machine, too
    await nodes.start("b", 2)
    await until(lambda: a.metrics.nodes == 2)
    a.error = error
    answers = await a.ask(LookForRevocations())
    assert (answers.results, answers.known) == ({"b": ConnectionsClosed(2)}, 2)
    assert +a.metrics.commands_failed == {reason: 1}


async def test_while_the_bus_is_away_nobody_is_waited_for(nodes: Nodes) -> None:
    a, b = await nodes.start_all(a=1, b=2)
    nodes.hub.is_down = True
    answers = await a.ask(NOTICE)
    assert (answers.results, answers.known) == ({"a": ConnectionsNotified(1)}, 2)
    assert b.done == []


async def test_what_the_bus_refuses_for_good_is_waited_for_by_nobody(
    nodes: Nodes, caplog: pytest.LogCaptureFixture
) -> None:
    a, b = await nodes.start_all(a=1, b=2)
    answers = await a.ask(ShowNotice("x" * MAX_PAYLOAD_BYTES, "info"))
    assert (answers.results, answers.known, b.done) == ({"a": ConnectionsNotified(1)}, 2, [])
    assert [record.levelname for record in caplog.records] == ["ERROR"]


async def test_a_node_without_a_channel_acts_alone(nodes: Nodes, handled: Handled) -> None:
    alone = await nodes.start("a", 1, is_alone=True)
    alone.ref.tell(message(NOTICE))
    await handled(alone.ref)
    assert alone.done == []
    answers = await alone.ask(NOTICE)
    assert (answers.results, answers.known, answers.peers) == ({"a": ConnectionsNotified(1)}, 1, ())
    assert alone.metrics.nodes == 0


async def test_a_node_that_does_not_serve_yet_hears_the_others_and_is_not_announced(nodes: Nodes) -> None:
    a = await nodes.start("a", 1)
    early = await nodes.start("early", takes_part=False)
    a.ref.tell(Announce())
    await until(lambda: early.metrics.nodes == 2)
    assert (await a.ask(NOTICE)).known == 1
    answers = await early.ask(NOTICE)
    assert (answers.results, answers.known) == ({"a": ConnectionsNotified(1)}, 2)
    early.ref.tell(TakePart(early.act))
    await until(lambda: a.metrics.nodes == 2)
    assert (early.done, +early.metrics.commands_failed) == ([], {})


async def test_however_often_a_node_says_that_it_is_there_its_announcements_stay_as_frequent(nodes: Nodes) -> None:
    a = await nodes.start("a", announce_s=0)  # one in a turn of the loop
    said = await nodes.overhear(NodeAnnounced)
    for _ in range(10):
        a.ref.tell(Announce())
    await until(lambda: len(said) >= 10)
    before, turns = len(said), 20
    for _ in range(turns):
        await asyncio.sleep(0)
    assert len(said) - before <= turns


async def test_what_a_node_has_said_is_not_kept(nodes: Nodes) -> None:
    a = await nodes.start("a")
    said = await nodes.overhear(NodeAnnounced)
    before = tasks()
    for _ in range(10):
        a.ref.tell(Announce())
    await until(lambda: len(said) >= 10 and tasks() <= before)


def tasks() -> int:
    """Return how many there are, those included that are done."""
    return sum(issubclass(type(one), asyncio.Task) for one in gc.get_objects())  # not isinstance: some are dead proxies


async def test_a_new_node_is_greeted_at_a_moment_of_each_nodes_own(nodes: Nodes, handled: Handled) -> None:
    within_s = FOR_EVER_S / 10
    a = await nodes.start("a", greet_within_s=within_s)
    b = await nodes.start("b", greet_within_s=within_s, random=lambda: 0.99)
    await until(lambda: a.metrics.nodes == b.metrics.nodes == 2)
    new = await nodes.start("new", greet_within_s=within_s)
    await until(lambda: (a.metrics.nodes, b.metrics.nodes, new.metrics.nodes) == (3, 3, 2))
    for node in (a, b, new):
        await handled(node.ref)
    assert [peer.node for peer in (await new.ask(NOTICE, to="new")).peers] == ["a"]


async def test_nodes_that_start_together_are_greeted_once(nodes: Nodes, handled: Handled) -> None:
    drawn: list[float] = []

    def draw() -> float:
        drawn.append(0.5)
        return 0.5

    a = await nodes.start("a", greet_within_s=FOR_EVER_S / 10, random=draw)
    for number, body in enumerate([NodeAnnounced("0.1.0", 1, 1, 1), NodeLeft(), NodeAnnounced("0.1.0", 1, 1, 1)]):
        a.ref.tell(message(body, message_id=str(number)))
    await handled(a.ref)
    assert a.metrics.nodes == 2
    assert drawn == [0.5]


async def test_a_node_that_knows_no_other_yet_has_them_act_all_the_same(nodes: Nodes) -> None:
    a = await nodes.start("a", 1)
    early = await nodes.start("early", takes_part=False)
    answers = await early.ask(NOTICE)
    assert (answers.results, answers.known) == ({}, 1)
    await until(lambda: a.done == [NOTICE])


async def test_a_node_that_is_silent_for_three_announcements_is_gone(nodes: Nodes, handled: Handled) -> None:
    a, _ = await nodes.start_all(a=1, b=2)
    nodes.clock.s = FOR_EVER_S
    a.ref.tell(Announce())
    await handled(a.ref)
    assert a.metrics.nodes == 2
    nodes.clock.s = FOR_EVER_S + 1
    assert (await a.ask(NOTICE)).known == 1
    assert a.metrics.nodes == 1


async def test_a_node_that_nobody_asks_misses_a_silent_one_too(nodes: Nodes, handled: Handled) -> None:
    a, _ = await nodes.start_all(a=1, b=2)
    nodes.clock.s = FOR_EVER_S + 1
    a.ref.tell(Announce())
    await handled(a.ref)
    assert a.metrics.nodes == 1


async def test_what_others_ask_for_is_in_the_log_unless_it_only_reads(
    nodes: Nodes, caplog: pytest.LogCaptureFixture
) -> None:
    a = await nodes.start("a")
    with caplog.at_level(logging.INFO, "actors.bus.deployment"):
        a.ref.tell(message(DisconnectUser("ann"), message_id="1"))
        a.ref.tell(message(ReadFigures(), message_id="2"))
        await until(lambda: len(a.done) == 2)
    assert caplog.messages == ["node ghost asks for DisconnectUser(user_id='ann', device_id=None)"]


async def test_a_node_that_stops_is_gone_at_once(nodes: Nodes) -> None:
    a, b = await nodes.start_all(a=1, b=2)
    await b.ref.stop(block=False)
    await until(lambda: a.metrics.nodes == 1)


async def test_a_node_that_stops_answers_what_it_was_asked(nodes: Nodes) -> None:
    a = await nodes.start("a", 1)
    a.ref.tell(message(NodeAnnounced("0.1.0", 7, 7, 7)))
    answers: LoopFuture[Answers] = LoopFuture()
    a.ref.tell(AskNodes(NOTICE, answers.set))
    await a.ref.stop(block=False)
    assert (await answers).known == 2


async def test_a_node_that_stops_gives_up_what_others_have_asked_of_it(nodes: Nodes) -> None:
    a = await nodes.start("a", takes_part=False)
    given_up = asyncio.Event()
    asked = asyncio.Event()

    async def wait(_: Command) -> Result:
        asked.set()
        try:
            await asyncio.Event().wait()
        finally:
            given_up.set()
        raise AssertionError

    a.ref.tell(TakePart(wait))
    a.ref.tell(message(NOTICE))
    async with asyncio.timeout(TIMEOUT_S):
        await asked.wait()
        await a.ref.stop(block=False)
        await given_up.wait()


async def test_a_stop_does_not_wait_for_a_bus_that_is_away(nodes: Nodes) -> None:
    a, b = await nodes.start_all(a=1, b=2)
    nodes.hub.is_down = True
    await b.ref.stop(block=False)
    assert a.metrics.nodes == 2


async def test_a_node_says_that_it_left_and_comes_back(nodes: Nodes, handled: Handled) -> None:
    a = await nodes.start("a")
    for number, (body, known) in enumerate([(NodeAnnounced("0.1.0", 1, 1, 1), 2), (NodeLeft(), 1)] * 2):
        a.ref.tell(message(body, message_id=str(number)))
        await handled(a.ref)
        assert a.metrics.nodes == known


async def test_a_message_is_acted_on_once_and_only_while_it_is_fresh(
    nodes: Nodes, handled: Handled, caplog: pytest.LogCaptureFixture
) -> None:
    a = await nodes.start("a")
    disconnect = DisconnectUser("ann")
    a.ref.tell(message(disconnect))
    a.ref.tell(message(disconnect))
    a.ref.tell(message(disconnect, message_id="2", sent_ms=NOW_MS - 10_001))
    a.ref.tell(message(disconnect, message_id="3", sent_ms=NOW_MS + 10_001))
    a.ref.tell(ControlPayload(b"forged"))
    with caplog.at_level(logging.WARNING):
        await handled(a.ref)
    await until(lambda: bool(a.done))
    assert a.done == [disconnect]
    assert a.metrics.refused == {"replayed": 1, "stale": 2, "forged": 1}
    assert len(caplog.messages) == 4


async def test_what_is_for_another_node_is_left_to_it(nodes: Nodes, handled: Handled) -> None:
    a = await nodes.start("a")
    a.ref.tell(message(NOTICE, to="b"))
    await handled(a.ref)
    assert (a.done, a.metrics.refused) == ([], {})


async def test_a_bus_that_doubles_and_reorders_changes_nothing(nodes: Nodes) -> None:
    a, b, c = await nodes.start_all(a=1, b=2, c=4)
    later = asyncio.get_running_loop().call_soon

    def twice(deliver: Callable[[], None]) -> None:
        later(later, deliver)
        deliver()

    nodes.hub.distort = twice
    answers = await a.ask(NOTICE)
    assert (len(answers.results), answers.known) == (3, 3)
    await until(lambda: b.metrics.refused["replayed"] >= 1 and c.metrics.refused["replayed"] >= 1)
    assert [node.done for node in (a, b, c)] == [[NOTICE]] * 3


async def test_no_more_commands_are_carried_out_at_once_than_a_node_can(nodes: Nodes, handled: Handled) -> None:
    a = await nodes.start("a")
    may_go_on = asyncio.Event()
    running = 0

    async def wait(command: Command) -> Result:
        nonlocal running
        running += 1
        await may_go_on.wait()
        return await a.act(command)

    a.ref.tell(TakePart(wait))
    for number in range(100):
        a.ref.tell(message(NOTICE, message_id=str(number)))
    await handled(a.ref)
    await until(lambda: running == 64)
    assert +a.metrics.commands_failed == {"too_many": 36}
    may_go_on.set()
    await until(lambda: len(a.done) == 64)
    may_go_on.clear()
    for number in range(100, 165):  # there is room again, and for no more than that
        a.ref.tell(message(NOTICE, message_id=str(number)))
    await handled(a.ref)
    await until(lambda: running == 128)
    assert +a.metrics.commands_failed == {"too_many": 37}
    may_go_on.set()
    await until(lambda: len(a.done) == 128)
