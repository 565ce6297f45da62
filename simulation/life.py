"""A world's life, from its first node to the end of its last timer; all that happens in it follows from one seed."""

import asyncio
import gc
import logging
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from operator import attrgetter
from random import Random
from traceback import format_exception
from typing import Final
from unittest.mock import patch
from uuid import UUID

from msgspec import Struct
from pykka import ActorRegistry
from typing_extensions import override

from simulation.agreeing import agree, be_told_online, come_back, leave_with_tokens, repeat
from simulation.clock.event_log import Event, EventLog
from simulation.clock.loop import SimulatedLoop
from simulation.clock.wall_clock import START_S
from simulation.coverage import Pair
from simulation.judges.history import page, page_of_nodes, read_commits, user_of
from simulation.judges.lines import DEVICES, PROGRESS, line_of_registers, named
from simulation.judges.oracle import judge
from simulation.judges.registers import judge_registers, judge_words
from simulation.node import BOOT_S
from simulation.outside.bus import LATE_S, BusFaults
from simulation.outside.database import SimulatedDatabase, emptied_files
from simulation.shape import Fault, Shape
from simulation.steps import Steps
from simulation.world import World
from storage.journal.history import HistoryLimits

FADE_S: Final = 5.0
"""After the last step, at most: faults go on, so that the last word may be the one that is lost."""
SETTLE_S: Final = 120.0
"""For devices behind proxies that keep answers back to find out, before anything goes wrong: they wait for silence."""
PRUNE_EVERY: Final = 5
"""Revisions between two prunings: often, so that histories are short."""
BACKLOG: Final = 2
"""Messages under way to a node, where the bus overflows: the engines' own bounds are hundreds and thousands."""
IDLE_S: Final = 130.0
"""For idle users to retire, at most: a half-open connection is noticed 60 to 90 s after its last word, then comes a
sweep."""

_MAY_COMPLAIN: Final = frozenset({"actors.journal.read_turns", "actors.journal.writability"})
"""The loggers that call it an error when the database is away, which happens here."""


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
    shuffle = Random(f"shuffle {shape.seed}") if Fault.CALLBACKS_ARE_SHUFFLED in shape.faults else None  # noqa: S311
    loop = SimulatedLoop(shuffle)
    log = EventLog(loop.time)
    history = HistoryLimits(max_operations=shape.kept, prune_every=PRUNE_EVERY)
    now_ms, ids = lambda: int((START_S + loop.time()) * 1000), shape.content_ids
    database = SimulatedDatabase(emptied_files(), now_ms, loop.time, history, ids)
    try:
        with (
            _listening() as alarms,
            patch("uuid.uuid4", lambda: UUID(int=rng.getrandbits(128), version=4)),
            # The network's.
            patch("transport.http.http1.head_coalescer.bytes_in_kernel", attrgetter("unconfirmed_bytes")),
        ):
            world = World(shape, loop, rng, log, database)
            try:
                loop.run_until_complete(_live(world))
            except Exception as error:  # noqa: BLE001 - whatever it is, it is what this seed has found
                world.witness.violate("".join(format_exception(error)[-3:]))
            gc.collect()  # a task that nobody has waited for tells its exception now
            violations = [*world.witness.violations, *_judge(world), *alarms.texts, *map(str, loop.failures)]
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


def _page(world: World, violations: Sequence[str]) -> str:
    user_id = next(filter(None, map(user_of, violations)), None)
    if user_id is None:
        return page_of_nodes(world.shape, violations, world.log.events) if violations else ""
    return page(world.shape, violations, user_id, world.log.events, read_commits(world.database.file, user_id))


async def _live(world: World) -> None:
    """Begin, let things happen, become calm, end."""
    for node in world.nodes:
        node.start()
    await asyncio.sleep(BOOT_S + 1)
    for device in world.devices:
        device.start()
    _set_bus_faults(world)
    steps = Steps(world)
    if Fault.PROXIES_BUFFER in world.shape.faults:
        await asyncio.sleep(world.rng.uniform(0, SETTLE_S))
    for _ in range(world.shape.steps):
        await asyncio.sleep(world.rng.expovariate(1 / world.shape.pause_s))
        if world.witness.violations:
            break  # what comes after it says less
        steps.take_one()
    await asyncio.sleep(world.rng.uniform(0, FADE_S))
    await steps.make_calm()
    world.hub.faults = BusFaults()
    await asyncio.sleep(LATE_S)
    await leave_with_tokens(world)
    await agree(world)
    await come_back(world)
    await repeat(world)
    await _end(world)


def _judge(world: World) -> Iterator[str]:
    """Yield what the journal says against the promise."""
    for line in (*world.users, *world.list_users.lines):
        for text in judge(world.witness, line, world.journal.read(line)):
            yield f"{named(line)}: {text}"
    for user_id in world.users if world.shape.plays else ():
        line = line_of_registers(user_id, PROGRESS)
        for text in judge_registers(world.witness.registers, line, world.journal.registers(line)):
            yield f"{named(line)}: {text}"
    for user_id in world.users if world.shape.renames else ():
        line = line_of_registers(user_id, DEVICES)
        for text in judge_words(world.witness.names, line, world.journal.registers(line)):
            yield f"{named(line)}: {text}"
    yield from world.lists.judge(world.journal)


def _set_bus_faults(world: World) -> None:
    faults = world.shape.faults
    world.hub.faults = BusFaults(
        lost=0.3 if Fault.BUS_LOSES in faults else 0.0,
        doubled=0.3 if Fault.BUS_DOUBLES in faults else 0.0,
        late=0.3 if Fault.BUS_REORDERS in faults else 0.0,
        backlog=BACKLOG if Fault.BUS_OVERFLOWS in faults else None,
    )


def _serves_anybody(world: World) -> bool:
    return any(node.node is not None and len(node.node.users) for node in world.nodes)


async def _end(world: World) -> None:
    """Let everybody go, and look what is left."""
    if world.shape.commands:  # half of them, so that their nodes go on telling of others
        for device in world.devices[::2]:
            device.stop()
        await be_told_online(world, world.devices[1::2], IDLE_S)
    for device in world.devices:
        device.stop()
    until_s = world.loop.time() + IDLE_S
    while _serves_anybody(world) and world.loop.time() < until_s:  # noqa: ASYNC110 - what the nodes say of themselves
        await asyncio.sleep(1)
    await be_told_online(world, (), IDLE_S)
    for node in world.nodes:
        if node.node is not None and len(node.node.users):
            world.witness.violate(f"{node.place} still serves {list(node.node.users)}")
        node.drain()
    for node in world.nodes:
        await node.gone()
    await asyncio.sleep(30)
    me = asyncio.current_task()
    world.witness.violations += [f"an actor is left over: {ref}" for ref in ActorRegistry.get_all()]
    world.witness.violations += [f"a task is left over: {task}" for task in world.loop.tasks() if task is not me]
    world.witness.violations += [f"a timer is left over: {timer}" for timer in world.loop.timers]
