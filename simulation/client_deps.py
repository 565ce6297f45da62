"""What devices and backends are wired with."""

from collections.abc import Callable
from random import Random

from msgspec import Struct

from actors.messages.content_ids import ContentIdKind
from simulation.event_log import EventLog
from simulation.loop import SimulatedLoop
from simulation.network import Network
from simulation.node import SimulatedNode
from simulation.witness import Witness


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
