"""What a simulated world is made of: nodes, users, devices, and what is between them; all of it drawn from one seed."""

from random import Random
from typing import Final

from actors.messages.content_ids import ContentIdKind
from simulation.client_deps import ClientDeps
from simulation.clock.event_log import EventLog
from simulation.clock.loop import SimulatedLoop
from simulation.clock.wall_clock import START_S, WallClock
from simulation.coverage import Coverage
from simulation.devices.device import Device
from simulation.judges.history import VIOLATION
from simulation.judges.oracle import JournalFile
from simulation.judges.witness import Witness
from simulation.node import NodeDeps, SimulatedNode
from simulation.outside.bus import Hub
from simulation.outside.database import SimulatedDatabase
from simulation.outside.network import Delay, Network
from simulation.people.backend import Backend
from simulation.people.foreign_publisher import ForeignPublisher
from simulation.people.list_author import ListAuthors
from simulation.people.list_users import ListUsers
from simulation.people.operating import Operator
from simulation.shape import OUTAGES, Fault, Shape

ALIKE: Final = ("\u00e9", "e\u0301", "\u00c9", "e")
"""Ends of ids: the same with an accent in one character and in two, in capitals, and without it."""


def _rest_of_id(index: int, kind: ContentIdKind) -> str:
    """Return how a content's id goes on behind its user's mark; texts are as alike as those that differ can be."""
    if kind == "uuid":
        return f"0000-4000-8000-{index:012x}"
    return f" urn:{index // len(ALIKE)}:{ALIKE[index % len(ALIKE)]}"


class World:
    """Nodes, users, devices, and what is between them; nothing of it is begun."""

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
        token_s = rng.uniform(20, 120) if Fault.TOKENS_END in shape.faults else None
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

    def now_ms(self) -> int:
        """Return what the database's clock says."""
        return int((START_S + self.loop.time()) * 1000)

    def _any_node(self) -> SimulatedNode:
        return self.rng.choice(self.nodes)

    def _clock(self, most_skew_s: float, most_drift: float) -> WallClock:
        faults, skew_s, drift = self.shape.faults, 0.0, 0.0
        if Fault.CLOCKS_DIFFER in faults:
            skew_s = self.rng.uniform(-most_skew_s, most_skew_s)
        if Fault.CLOCKS_DRIFT in faults:
            drift = self._drifts.uniform(-most_drift, most_drift)
        return WallClock(self.loop.time, skew_s, drift)
