"""What devices and backends are wired with."""

from collections.abc import Callable
from random import Random

from msgspec import Struct

from actors.messages.content_ids import ContentIdKind
from simulation.clock.event_log import EventLog
from simulation.clock.loop import SimulatedLoop
from simulation.judges.witness import Witness
from simulation.node import SimulatedNode
from simulation.outside.network import Network


class ClientDeps(Struct, frozen=True, eq=False, kw_only=True):
    """Shared by all clients of a world."""

    loop: SimulatedLoop
    rng: Random
    log: EventLog
    network: Network
    witness: Witness
    """Sees what clients want, are shown and are told."""
    content_ids: ContentIdKind
    choose: Callable[[], SimulatedNode]
    """Returns the node to connect to."""
