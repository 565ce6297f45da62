"""The nodes of one deployment: which there are, and what an operator wants of all of them."""

import asyncio
import logging
import random
import secrets
from asyncio import TimerHandle
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import assert_never

from msgspec import Struct, structs

from actors.bus.freshness import Freshness
from actors.bus.peers import Peers
from actors.errors import BusMessageRefused, BusUnavailable, MessageRefused, TemporaryError
from actors.messages.control import (
    Answered,
    Command,
    ControlMessage,
    DisconnectUser,
    LookForRevocations,
    NodeAnnounced,
    NodeLeft,
    Result,
    ShowNotice,
)
from actors.messages.deployment import (
    Act,
    Acted,
    Announce,
    Answers,
    AnswersDue,
    AskNodes,
    ControlPayload,
    DeploymentMessage,
    NotPublished,
    TakePart,
)
from actors.metrics import BusMetrics, RegistryMetrics
from actors.ports import Bus
from actors.runtime.supervisor import SupervisedActor
from actors.runtime.tell import tell_if_alive, tell_later

logger = logging.getLogger(__name__)

ANNOUNCE_S = 5.0
"""How often a node tells the others of itself."""
GREET_WITHIN_S = 1.0
"""Within what time the nodes announce themselves to a new one: each after a random delay, so that neither these
messages nor the regular ones after them come all at once."""
SILENT_INTERVALS = 3
"""A node that is silent for this many announcement intervals is gone."""
ANSWER_TIMEOUT_S = 1.0
"""How long to wait for other nodes' answers: over PubNub one takes two publishes and two polls."""
LEAVE_TIMEOUT_S = 0.5
"""How long a stop waits until the others are told."""
MAX_ACTING = 64
"""Commands of other nodes that are carried out at once; more are not answered."""


class ControlChannel(Struct, frozen=True, eq=False):
    """The way to the other nodes."""

    bus: Bus
    encode: Callable[[ControlMessage], bytes]
    decode: Callable[[bytes], ControlMessage]
    """Raises: BusMessageRefused."""


class DeploymentDeps(Struct, frozen=True, eq=False, kw_only=True):
    """What a ``Deployment`` is wired with."""

    node: str
    version: str
    channel: ControlChannel | None
    """``None``: this node is on its own, for want of a bus or of a key to sign with."""
    metrics: BusMetrics
    registry: RegistryMetrics
    now_ms: Callable[[], int]
    """The wall clock."""
    now_s: Callable[[], float]
    """The monotonic clock."""
    announce_s: float = ANNOUNCE_S
    answer_timeout_s: float = ANSWER_TIMEOUT_S
    greet_within_s: float = GREET_WITHIN_S
    random: Callable[[], float] = random.random
    """In [0, 1), for the moment of a greeting."""


class _Asked(Struct, eq=False):
    """A command that was asked for here."""

    ask: AskNodes
    awaited: set[str]
    """Nodes that may still answer."""
    known: set[str]
    """Nodes that should answer."""
    results: dict[str, Result]
    timer: TimerHandle


class Deployment(SupervisedActor):
    """Messages in: ``DeploymentMessage``. Messages out: ``Answers``; it calls the bus.

    A command goes to all nodes that were heard of lately, this one included, and their results are gathered until all
    are there or ``answer_timeout_s`` is over. Every message is signed, acted on once, and only while it is fresh.
    """

    def __init__(self, deps: DeploymentDeps) -> None:
        super().__init__()
        self._deps = deps
        self._act: Act | None = None
        self._peers = Peers(deps.announce_s * SILENT_INTERVALS)
        self._freshness = Freshness()
        self._asked: dict[str, _Asked] = {}
        self._acting = 0
        self._tasks: set[asyncio.Task[object]] = set()
        self._next_announcement: TimerHandle | None = None
        self._began_s = deps.now_s()

    def on_receive(self, message: DeploymentMessage) -> None:
        """Take one message."""
        match message:
            case ControlPayload(payload=payload):
                self._ingest(payload)
            case Announce():
                self._announce()
            case AskNodes():
                self._ask(message)
            case Acted(request_id=request_id, result=result):
                self._gather(request_id, self._deps.node, result)
            case NotPublished(request_id=request_id, nodes=nodes):
                self._no_longer_await(request_id, nodes)
            case AnswersDue(request_id=request_id):
                self._reply(request_id)
            case TakePart(act=act):
                self._act = act
                self._announce()
            case _:
                assert_never(message)

    async def on_stop(self) -> None:  # type: ignore[override]  # a LoopActor's hooks may wait
        """Tell the other nodes, if they can be told at once."""
        if self._next_announcement is not None:
            self._next_announcement.cancel()
        for task in self._tasks:
            task.cancel()
        for request_id in tuple(self._asked):
            self._reply(request_id)
        if self._deps.channel is not None and self._act is not None:
            with suppress(TimeoutError):
                async with asyncio.timeout(LEAVE_TIMEOUT_S):
                    await self._publish(self._message(NodeLeft()))

    # What other nodes send

    def _ingest(self, payload: bytes) -> None:
        channel, deps = self._deps.channel, self._deps
        if channel is None:
            return
        try:
            message = channel.decode(payload)
            if message.origin == deps.node:
                return  # an echo
            self._freshness.admit(message.id, message.sent_ms, deps.now_ms())
        except BusMessageRefused as error:
            deps.metrics.refused[error.reason] += 1
            logger.warning("a control message was skipped: %s", error)
            return
        if message.to in (None, deps.node):
            self._handle(message)

    def _handle(self, message: ControlMessage) -> None:
        match message.body:
            case NodeAnnounced() as said:
                if self._peers.heard(message.origin, said, self._deps.now_s()):
                    logger.info("node %s is there, version %s", message.origin, said.version)
                    self._greet()
                self._count()
            case NodeLeft():
                self._peers.left(message.origin)
                logger.info("node %s has left", message.origin)
                self._count()
            case Answered(request_id=request_id, result=result):
                self._gather(request_id, message.origin, result)
            case command:
                self._act_for(message, command)

    def _act_for(self, message: ControlMessage, command: Command) -> None:
        if self._act is None:
            return
        if self._acting >= MAX_ACTING:
            self._deps.metrics.commands_failed["too_many"] += 1
            logger.warning("%d commands are under way: one of node %s is not done", self._acting, message.origin)
            return
        level = logging.INFO if isinstance(command, DisconnectUser | LookForRevocations | ShowNotice) else logging.DEBUG
        logger.log(level, "node %s asks for %s", message.origin, command)
        self._acting += 1
        self._do(self._answer(self._act, message, command))

    async def _answer(self, act: Act, message: ControlMessage, command: Command) -> None:
        try:
            result = await self._attempt(act, command)
        finally:
            self._acting -= 1
        if result is not None:
            await self._publish(self._message(Answered(message.id, result), message.origin))

    async def _attempt(self, act: Act, command: Command) -> Result | None:
        failed, name = self._deps.metrics.commands_failed, type(command).__name__
        try:
            return await act(command)
        except TemporaryError as error:
            failed["unavailable"] += 1
            logger.warning("%s could not be done: %s", name, error)
        except Exception:  # one command must not affect the others
            failed["defect"] += 1
            logger.exception("%s failed", name)
        return None

    # What this node says of itself

    def _greet(self) -> None:
        """Announce this node soon, because another is new and does not know it either."""
        due, deps = self._next_announcement, self._deps
        if due is not None and due.when() > asyncio.get_running_loop().time() + deps.greet_within_s:
            self._announce_in(deps.random() * deps.greet_within_s)

    def _announce(self) -> None:
        if self._deps.channel is None or self._act is None:
            return
        self._announce_in(self._deps.announce_s)
        self._expire()
        registry, uptime_s = self._deps.registry, int(self._deps.now_s() - self._began_s)
        said = NodeAnnounced(self._deps.version, registry.total_connections, registry.active_users, uptime_s)
        self._do(self._publish(self._message(said)))

    def _announce_in(self, delay_s: float) -> None:
        if self._next_announcement is not None:
            self._next_announcement.cancel()
        self._next_announcement = tell_later(delay_s, self.actor_ref, Announce())

    def _expire(self) -> None:
        for node in self._peers.expire(self._deps.now_s()):
            logger.warning("node %s was not heard of for %d announcements: it is gone", node, SILENT_INTERVALS)
        self._count()

    def _count(self) -> None:
        self._deps.metrics.nodes = 0 if self._deps.channel is None else len(self._peers) + 1

    # What is asked for here

    def _ask(self, ask: AskNodes) -> None:
        node = self._deps.node
        self._expire()
        nodes = {node, *(peer.node for peer in self._peers)}
        if ask.to is not None:
            nodes &= {ask.to}
        message = self._message(ask.command, ask.to)
        due = tell_later(self._deps.answer_timeout_s, self.actor_ref, AnswersDue(message.id))
        self._asked[message.id] = _Asked(ask, set(nodes), nodes, {}, due)
        if node in nodes and self._act is not None:
            self._do(self._act_here(self._act, message.id, ask.command))
        if ask.to != node:  # also if no other node is known yet
            self._do(self._ask_others(message, frozenset(nodes - {node})))
        self._no_longer_await(message.id, frozenset() if self._act is not None else frozenset({node}))

    async def _act_here(self, act: Act, request_id: str, command: Command) -> None:
        result = await self._attempt(act, command)
        tell_if_alive(self.actor_ref, Acted(request_id, result))

    async def _ask_others(self, message: ControlMessage, others: frozenset[str]) -> None:
        if not await self._publish(message):
            tell_if_alive(self.actor_ref, NotPublished(message.id, others))

    def _gather(self, request_id: str, node: str, result: Result | None) -> None:
        asked = self._asked.get(request_id)
        if asked is not None and result is not None:  # else it is late, not for this node, or the command failed
            asked.known.add(node)  # a node that was not heard of before may answer too
            asked.results[node] = result
        self._no_longer_await(request_id, frozenset({node}))

    def _no_longer_await(self, request_id: str, nodes: frozenset[str]) -> None:
        asked = self._asked.get(request_id)
        if asked is not None:
            asked.awaited -= nodes
            if not asked.awaited:
                self._reply(request_id)

    def _reply(self, request_id: str) -> None:
        asked = self._asked.pop(request_id, None)
        if asked is None:
            return
        asked.timer.cancel()
        now_s = self._deps.now_s()
        peers = tuple(structs.replace(peer, heard_s=now_s - peer.heard_s) for peer in self._peers)
        asked.ask.reply_to(Answers(self._deps.node, asked.results, len(asked.known), peers))

    # The way out

    def _message(self, body: NodeAnnounced | NodeLeft | Command | Answered, to: str | None = None) -> ControlMessage:
        sent_ms = self._deps.now_ms()
        return ControlMessage(id=secrets.token_hex(8), origin=self._deps.node, sent_ms=sent_ms, to=to, body=body)

    async def _publish(self, message: ControlMessage) -> bool:
        """Hand ``message`` to the bus, and return whether it took it."""
        channel = self._deps.channel
        if channel is None:
            return False
        try:
            await channel.bus.publish_control(channel.encode(message))
        except BusUnavailable as error:  # the bus itself logs that: here it would be logged every few seconds
            logger.debug("the bus took no control message: %s", error)
            return False
        except MessageRefused as error:
            logger.error("the bus refuses a control message for good: %s", error)
            return False
        return True

    def _do(self, work: Coroutine[None, None, object]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
