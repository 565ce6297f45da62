"""Which states each fault has met: a fault proves little if it always comes while nobody does anything.

A target (a node or a device) has several states at once: what it does, and what its parts do. A fault that strikes one
target meets its states; one that strikes everything meets those of all nodes; one that lasts meets those of each device
that its user changes the list on.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, TypeVar

from syncd_client.core.core import State
from syncd_client.core.outputs import Transport

from simulation.devices.device import Device
from simulation.judges.lines import DEVICES, PROGRESS
from simulation.node import SimulatedNode
from simulation.shape import Fault

Pair = tuple[str, str]
"""A fault and a state."""

T = TypeVar("T", Device, SimulatedNode)

NODE: Final = ("node down", "node starts", "node runs", "node paused", "node drains")
STORE: Final = ("store idle", "store commits", "store away")
OUTBOX: Final = ("outbox empty", "outbox full")
DEVICE: Final = ("device offline", "device opens", "device resumes", "device live")
LINK: Final = ("link flows", "link stalls", "link silent")
QUEUE: Final = ("queue empty", "queue full")
WAY: Final = tuple(f"by {transport}" for transport in Transport)
FOLLOWED: Final = ("lists followed", "progress followed", "devices followed", "command under way")

_RUNS: Final = ("node starts", "node runs", *STORE, *OUTBOX)
_ANY_NODE: Final = (*NODE, *STORE, *OUTBOX)
_ANY_DEVICE: Final = (*DEVICE, *WAY, *LINK, *QUEUE, *FOLLOWED)

AT_ONCE: Final[Mapping[str, Sequence[str]]] = {
    Fault.NETWORK_IS_LOST: _ANY_DEVICE,
    Fault.NETWORK_FALLS_SILENT: _ANY_DEVICE,
    Fault.LINK_STALLS: ("device opens", "device resumes", "device live", *WAY, *LINK, *QUEUE, *FOLLOWED),
    Fault.LINK_TAKES_NOTHING: ("device resumes", "device live", "by websocket", *LINK, *QUEUE, *FOLLOWED),
    Fault.APP_IS_KILLED: _ANY_DEVICE,
    Fault.NODE_CRASHES: _RUNS,
    Fault.NODE_DRAINS: _RUNS,
    Fault.NODE_PAUSES: _RUNS,
    Fault.WRITER_DIES: _RUNS,
    Fault.CLOCKS_STEP: (*_ANY_NODE, *_ANY_DEVICE),
    Fault.UPGRADES_ARE_REFUSED: _ANY_DEVICE,
    Fault.PROXIES_BUFFER: _ANY_DEVICE,
    Fault.REQUESTS_ARE_DOUBLED: _ANY_DEVICE,
    Fault.STREAMS_ARE_CUT: ("device opens", "device resumes", "device live", *WAY[1:], *LINK, *QUEUE, *FOLLOWED),
}
"""What strikes one target, and the states in which it does something; the first one of a target decides."""

EVERYWHERE: Final = (
    Fault.BUS_IS_AWAY,
    Fault.BUS_IS_SILENT,
    Fault.DATABASE_IS_AWAY,
    Fault.DATABASE_IS_READ_ONLY,
    Fault.DATABASE_IS_RESTORED,
    Fault.FOREIGNERS_PUBLISH,
    Fault.TOKENS_ARE_REVOKED,
    Fault.OPERATOR_DISCONNECTS,
)
"""What strikes everything."""

LASTING: Final = (
    Fault.BUS_LOSES,
    Fault.BUS_DOUBLES,
    Fault.BUS_REORDERS,
    Fault.BUS_OVERFLOWS,
    Fault.CLOCKS_DIFFER,
    Fault.CLOCKS_DRIFT,
    Fault.CALLBACKS_ARE_SHUFFLED,
    Fault.TOKENS_END,
)
"""What is so as long as a world lives."""


def pairs_of(fault: str) -> Iterator[Pair]:
    """Yield the pairs that are there to be met. Raises: KeyError, nobody has said which."""
    if fault in EVERYWHERE:
        states: Sequence[str] = _ANY_NODE
    else:
        states = _ANY_DEVICE if fault in LASTING else AT_ONCE[fault]
    return ((fault, state) for state in states)


class Coverage:
    """Counts, in one world, which faults have met which states."""

    def __init__(self, faults: Iterable[str], nodes: Sequence[SimulatedNode]) -> None:
        self.met: Counter[Pair] = Counter()
        self._lasting = tuple(sorted(frozenset(LASTING).intersection(faults)))
        self._nodes = nodes
        self._faults: tuple[str, ...] = ()
        """Those that the next target meets."""

    def begin(self, step: str) -> None:
        """Know what the next step is: a fault, or anything else, in which only what lasts meets anything."""
        self._faults = (step,) if step in AT_ONCE else self._lasting
        if step in EVERYWHERE:
            self.met.update((step, state) for node in self._nodes for state in states_of(node))

    def struck(self, target: T) -> T:
        """Return ``target``, which was drawn for the step that has begun: a write is one on a device."""
        states = states_of(target) if self._faults else ()
        for fault in self._faults:
            if fault in LASTING or states[0] in AT_ONCE[fault]:
                self.met.update((fault, state) for state in states)
        return target


def states_of(target: Device | SimulatedNode) -> tuple[str, ...]:
    """Return the states that a target is in, the one that matters most first."""
    return tuple(_states_of_device(target) if isinstance(target, Device) else _states_of_node(target))


def _states_of_node(node: SimulatedNode) -> Iterator[str]:
    yield f"node {node.state}"
    if node.store is not None:
        is_away, commits = node.store.database.is_away, node.store.writer.commits
        yield "store away" if is_away else "store commits" if commits else "store idle"
    if node.node is not None:
        yield "outbox full" if node.node.metrics.bus.outbox else "outbox empty"


def _states_of_device(device: Device) -> Iterator[str]:
    yield f"device {_DEVICE_STATES.get(device.core.state, 'offline')}"
    if device.core.transport is not None:
        yield f"by {device.core.transport}"
    if device.connection is not None:
        yield f"link {device.connection.state}"
    yield "queue full" if device.core.queued else "queue empty"
    if device.lists:
        yield "lists followed"
    if PROGRESS in device.registers:
        yield "progress followed"
    if DEVICES in device.registers:
        yield "devices followed"
    if device.awaits_answer:
        yield "command under way"


_DEVICE_STATES: Final = {State.OPENING: "opens", State.RESUMING: "resumes", State.LIVE: "live"}


def table(met: Counter[Pair], faults: Iterable[str]) -> str:
    """Return, a line for each of ``faults``, how often it met which state; and at the end what was never met."""
    lines = ["each fault, and how often it met which state:"]
    never: list[str] = []
    for fault in faults:
        pairs = list(pairs_of(fault))
        lines.append(f"  {fault:<22} " + ", ".join(f"{pair[1]} {met[pair]}" for pair in pairs if met[pair]))
        never += [f"{fault} when {state}" for _, state in pairs if not met[fault, state]]
    lines.append(f"never met: {', '.join(never) or 'nothing'}")
    return "\n".join(lines)
