"""What the ``Deployment`` is told, and what it answers."""

from collections.abc import Awaitable, Callable, Mapping

from msgspec import Struct

from actors.messages.control import Command, Result
from actors.runtime.tell import Tell

Act = Callable[[Command], Awaitable[Result]]
"""Does this node's part of a command."""


class PeerNode(Struct, frozen=True):
    """Another node, as it announced itself last."""

    node: str
    version: str
    connections: int
    users: int
    uptime_s: int
    heard_s: float
    """When, on the monotonic clock; in ``Answers``: seconds ago."""


class Answers(Struct, frozen=True, eq=False):
    """What became of a command."""

    node: str
    """This node."""
    results: Mapping[str, Result]
    """By node: of those that answered in time, perhaps this one among them."""
    known: int
    """Nodes that should have answered."""
    peers: tuple[PeerNode, ...]
    """The other nodes of the deployment, whoever was asked."""


class TakePart(Struct, frozen=True, eq=False):
    """This node serves: do its part of commands by ``act`` from now on, and announce it to the others."""

    act: Act


class AskNodes(Struct, frozen=True, eq=False):
    """Have ``command`` done by every node, or by one; ``reply_to`` is told the answers, once."""

    command: Command
    reply_to: Tell[Answers]
    to: str | None = None


class ControlPayload(Struct, frozen=True):
    """The bus delivered ``payload`` on the control channel."""

    payload: bytes


class Announce(Struct, frozen=True):
    """It is time to tell the other nodes of this one."""


class Acted(Struct, frozen=True):
    """This node has done its part of a command that was asked for here; ``result`` is ``None``: it could not."""

    request_id: str
    result: Result | None


class NotPublished(Struct, frozen=True):
    """The bus did not take a command that was asked for here, so that ``nodes`` do not hear of it."""

    request_id: str
    nodes: frozenset[str]


class AnswersDue(Struct, frozen=True):
    """The time for answers is over."""

    request_id: str


DeploymentMessage = TakePart | AskNodes | ControlPayload | Announce | Acted | NotPublished | AnswersDue
