"""One simulated world, from its first node to the end of its last timer; everything in it follows from one seed."""

import asyncio
import gc
import logging
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from random import Random
from traceback import format_exception
from typing import Final
from unittest.mock import patch
from uuid import UUID

from msgspec import Struct
from pykka import ActorRegistry
from typing_extensions import override

from actors.messages.content_ids import ContentIdKind
from simulation.agreeing import agree, be_told_online, repeat
from simulation.backend import Backend
from simulation.bus import LATE_S, BusFaults, Hub
from simulation.client_deps import ClientDeps
from simulation.coverage import Coverage, Pair
from simulation.database import SimulatedDatabase, emptied_files
from simulation.device import Device
from simulation.event_log import Event, EventLog
from simulation.foreign_publisher import ForeignPublisher
from simulation.history import VIOLATION, page, page_of_nodes, read_commits, user_of
from simulation.lines import DEVICES, PROGRESS, line_of_registers, named
from simulation.list_author import ListAuthors
from simulation.list_users import ListUsers
from simulation.loop import SimulatedLoop
from simulation.network import Delay, Network
from simulation.node import BOOT_S, NodeDeps, SimulatedNode
from simulation.operating import Operator
from simulation.oracle import JournalFile, judge
from simulation.registers import judge_registers, judge_words
from simulation.shape import OUTAGES, Shape
from simulation.steps import Steps
from simulation.wall_clock import START_S, WallClock
from simulation.witness import Witness
from storage.journal.history import HistoryLimits

FADE_S: Final = 5.0
"""After the last step, at most: faults go on, so that the last word may be the one that is lost."""
PRUNE_EVERY: Final = 5
"""Revisions between two prunings: often, so that histories are short."""
BACKLOG: Final = 2
"""Messages under way to a node, where the bus overflows: the engines' own bounds are hundreds and thousands."""
ALIKE: Final = ("\u00e9", "e\u0301", "\u00c9", "e")
"""Ends of ids: the same with an accent in one character and in two, in capitals, and without it."""
IDLE_S: Final = 130.0
"""For idle users to retire, at most: a half-open connection is noticed 60 to 90 s after its last word, then comes a
sweep."""


_MAY_COMPLAIN: Final = frozenset({"actors.journal.read_turns", "actors.journal.writability"})
"""Who calls it an error that the database is away, which happens here."""


class Verdict(Struct, frozen=True, kw_only=True):
    """What became of a world."""

    shape: Shape
    hash: str
    """Of everything that happened."""
    violations: tuple[str, ...]
    events: tuple[Event, ...]
    """What happened."""
    size: int
    """How many events there were."""
    virtual_s: float
    met: Counter[Pair]
    """How often a fault met a state."""
    page: str
    """The history of the user whom the first violation names, or of the nodes; empty: there is no violation."""


class _Alarms(logging.Handler):
    """Collects what the service itself calls an error."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.texts: list[str] = []

    @override
    def emit(self, record: logging.LogRecord) -> None:
        if record.name in _MAY_COMPLAIN:
            return
        text = record.getMessage()
        if record.exc_info and record.exc_info[1] is not None:
            text += f" {record.exc_info[1]!r}"
        self.texts.append(f"{record.name}: {text}")


@contextmanager
def _listening() -> Iterator[_Alarms]:
    alarms, root = _Alarms(), logging.getLogger()
    disabled = logging.root.manager.disable
    logging.disable(logging.WARNING)
    root.addHandler(alarms)
    try:
        yield alarms
    finally:
        root.removeHandler(alarms)
        logging.disable(disabled)


@contextmanager
def _collecting_at_the_end() -> Iterator[None]:
    """Let no garbage be collected in the block, and all of it afterwards.

    In the block it would take a tenth of the time, and happen when the process likes, not when the seed says.
    """
    gc.freeze()  # what is there already is not looked through
    gc.disable()
    try:
        yield
    finally:
        gc.collect()
        gc.enable()
        gc.unfreeze()


def run_world(shape: Shape) -> Verdict:
    """Run the world of ``shape`` to its end, and judge it."""
    with _collecting_at_the_end():
        return _run_world(shape)


def _run_world(shape: Shape) -> Verdict:
    rng = Random(f"world {shape.seed}")  # noqa: S311 - repeatable is what it has to be
    shuffle = Random(f"shuffle {shape.seed}") if "callbacks are shuffled" in shape.faults else None  # noqa: S311
    loop = SimulatedLoop(shuffle)
    log = EventLog(loop.time)
    history = HistoryLimits(max_operations=shape.kept, prune_every=PRUNE_EVERY)
    now_ms, ids = lambda: int((START_S + loop.time()) * 1000), shape.content_ids
    database = SimulatedDatabase(emptied_files(), now_ms, loop.time, history, ids)
    try:
        with _listening() as alarms, patch("uuid.uuid4", lambda: UUID(int=rng.getrandbits(128), version=4)):
            world = World(shape, loop, rng, log, database)
            try:
                loop.run_until_complete(world.live())
            except Exception as error:  # noqa: BLE001 - whatever it is, it is what this seed has found
                world.witness.violate("".join(format_exception(error)[-3:]))
            gc.collect()  # a task that nobody has waited for tells its exception now
            violations = [*world.witness.violations, *world.judge(), *alarms.texts, *map(str, loop.failures)]
            verdict = Verdict(
                shape=shape,
                hash=log.hash(),
                violations=tuple(violations),
                events=tuple(log.events),
                size=len(log.events),
                virtual_s=loop.time(),
                met=world.coverage.met,
                page=_page(world, violations),
            )
            world.journal.close()
            loop.sweep_up()
            return verdict
    finally:
        database.close()
        ActorRegistry.stop_all(block=False)


def _page(world: "World", violations: Sequence[str]) -> str:
    user_id = next(filter(None, map(user_of, violations)), None)
    if user_id is None:
        return page_of_nodes(world.shape, violations, world.log.events) if violations else ""
    return page(world.shape, violations, user_id, world.log.events, read_commits(world.database.file, user_id))


def _rest_of_id(index: int, kind: ContentIdKind) -> str:
    """Return how a content's id goes on behind its user's mark; texts are as alike as those that differ can be."""
    if kind == "uuid":
        return f"0000-4000-8000-{index:012x}"
    return f" urn:{index // len(ALIKE)}:{ALIKE[index % len(ALIKE)]}"


class World:
    """Nodes, users, devices, and what is between them."""

    def __init__(
        self, shape: Shape, loop: SimulatedLoop, rng: Random, log: EventLog, database: SimulatedDatabase
    ) -> None:
        self.shape = shape
        self.loop = loop
        self.rng = rng
        self.log = log
        self.database = database
        self.journal = JournalFile(database.files.connect_judge)
        self.witness = Witness(lambda text: log.note(VIOLATION, text))
        self.hub = Hub(rng, Delay(rng, 0.0005, 0.005), log, shape.style)
        node_deps = NodeDeps(
            loop,
            rng,
            log,
            self.hub,
            database,
            Delay(rng, 0.0005, shape.store_s),
            shape.faults,
            shape.slice_rows,
            shape.content_ids,
        )
        network = Network(loop, Delay(rng, 0.001, shape.network_s))
        self._drifts = Random(f"drifts {shape.seed}")  # noqa: S311 - of its own: other draws stay as they are
        self.nodes = [
            SimulatedNode(node_deps, f"node {number}", self._clock(5, 0.002), self.witness.violate)
            for number in range(shape.nodes)
        ]
        self.coverage = Coverage(shape.faults, self.nodes)
        clients = ClientDeps(
            loop=loop,
            rng=rng,
            log=log,
            network=network,
            witness=self.witness,
            content_ids=shape.content_ids,
            choose=self._any_node,
        )
        self.backend = Backend(clients, must_be_answered=not shape.faults & OUTAGES)
        self.operator = Operator(clients)
        self.publisher = ForeignPublisher(rng, log, self.hub, self.witness)
        self.users = [f"user-{number}" for number in range(shape.users)]
        self.contents: dict[str, list[str]] = {}
        self.devices: list[Device] = []
        token_s = rng.uniform(20, 120) if "tokens end" in shape.faults else None
        cores = Random(f"cores {shape.seed}")  # noqa: S311 - of its own: other draws stay as they are
        for number, user_id in enumerate(self.users):
            mark = f"{number:08x}-"
            self.witness.marks[user_id] = mark
            self.contents[user_id] = [mark + _rest_of_id(index, shape.content_ids) for index in range(shape.contents)]
            for index in range(shape.devices):
                name, clock = f"device {number}.{index}", self._clock(100, 0.01)
                is_javascript = cores.random() < shape.javascript
                device = Device(clients, user_id, name, clock, token_s, is_javascript=is_javascript)
                self.devices.append(device)
        self.lists = ListAuthors(clients, self.contents, shape)
        self.list_users = ListUsers(self.backend, rng, self.contents, shape)

    async def live(self) -> None:
        """Begin, let things happen, become calm, end."""
        for node in self.nodes:
            node.start()
        await asyncio.sleep(BOOT_S + 1)
        for device in self.devices:
            device.start()
        self._set_bus_faults()
        steps = Steps(self)
        for _ in range(self.shape.steps):
            await asyncio.sleep(self.rng.expovariate(1 / self.shape.pause_s))
            if self.witness.violations:
                break  # what comes after it says less
            steps.take_one()
        await asyncio.sleep(self.rng.uniform(0, FADE_S))
        await steps.make_calm()
        self.hub.faults = BusFaults()
        await asyncio.sleep(LATE_S)
        await agree(self)
        await repeat(self)
        await self._end()

    def judge(self) -> Iterator[str]:
        """Yield what the journal says against the promise."""
        for line in (*self.users, *self.list_users.lines):
            for text in judge(self.witness, line, self.journal.read(line)):
                yield f"{named(line)}: {text}"
        for user_id in self.users if self.shape.plays else ():
            line = line_of_registers(user_id, PROGRESS)
            for text in judge_registers(self.witness.registers, line, self.journal.registers(line)):
                yield f"{named(line)}: {text}"
        for user_id in self.users if self.shape.renames else ():
            line = line_of_registers(user_id, DEVICES)
            for text in judge_words(self.witness.names, line, self.journal.registers(line)):
                yield f"{named(line)}: {text}"
        yield from self.lists.judge(self.journal)

    def now_ms(self) -> int:
        """Return what the database's clock says."""
        return int((START_S + self.loop.time()) * 1000)

    def _serves_anybody(self) -> bool:
        return any(node.node is not None and len(node.node.users) for node in self.nodes)

    def _any_node(self) -> SimulatedNode:
        return self.rng.choice(self.nodes)

    def _clock(self, most_skew_s: float, most_drift: float) -> WallClock:
        faults, skew_s, drift = self.shape.faults, 0.0, 0.0
        if "clocks differ" in faults:
            skew_s = self.rng.uniform(-most_skew_s, most_skew_s)
        if "clocks drift" in faults:
            drift = self._drifts.uniform(-most_drift, most_drift)
        return WallClock(self.loop.time, skew_s, drift)

    def _set_bus_faults(self) -> None:
        faults = self.shape.faults
        self.hub.faults = BusFaults(
            lost=0.3 if "bus loses" in faults else 0.0,
            doubled=0.3 if "bus doubles" in faults else 0.0,
            late=0.3 if "bus reorders" in faults else 0.0,
            backlog=BACKLOG if "bus overflows" in faults else None,
        )

    async def _end(self) -> None:
        """Let everybody go, and look what is left."""
        if self.shape.commands:  # half of them, so that their nodes go on telling of others
            for device in self.devices[::2]:
                device.stop()
            await be_told_online(self, self.devices[1::2], IDLE_S)
        for device in self.devices:
            device.stop()
        until_s = self.loop.time() + IDLE_S
        while self._serves_anybody() and self.loop.time() < until_s:  # noqa: ASYNC110 - what the nodes say of themselves
            await asyncio.sleep(1)
        await be_told_online(self, (), IDLE_S)
        for node in self.nodes:
            if node.node is not None and len(node.node.users):
                self.witness.violate(f"{node.place} still serves {list(node.node.users)}")
            node.drain()
        for node in self.nodes:
            await node.gone()
        await asyncio.sleep(30)
        me = asyncio.current_task()
        self.witness.violations += [f"an actor is left over: {ref}" for ref in ActorRegistry.get_all()]
        self.witness.violations += [f"a task is left over: {task}" for task in self.loop.tasks() if task is not me]
        self.witness.violations += [f"a timer is left over: {timer}" for timer in self.loop.timers]
