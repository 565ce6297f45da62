"""How a node's actors are started: each group with a barrier, so that one that dies in its start is an error here.

Whatever is started is stopped by the exit stack, last started first.
"""

import asyncio
import logging
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import TypeVar

from msgspec import Struct
from pykka import Actor, ActorRef

from actors.bus.deployment import ControlChannel, Deployment, DeploymentDeps
from actors.bus.device_commands import DeviceCommands, DeviceCommandsDeps
from actors.bus.device_hints import DeviceHints, DeviceHintsDeps
from actors.bus.message_handler import BroadcasterMessageHandler
from actors.bus.publisher import PubNubPublisher
from actors.bus.subscriber import PubNubSubscriber, SubscriberDeps
from actors.fanout.broadcaster import WebSocketBroadcaster
from actors.fanout.connection_registry import ConnectionRegistry
from actors.journal.journal import Journal
from actors.messages.bus import CompareHeads, Flush, ShowLists
from actors.messages.content_ids import ContentIds
from actors.messages.deployment import ControlPayload
from actors.messages.devices import DeviceCame, DeviceCameAgain, DeviceLeft
from actors.messages.journal import Settle, Settled
from actors.metrics import NodeMetrics
from actors.ports import Bus, StoreClient
from actors.presence.presence import Presence, PresenceDeps
from actors.runtime import LoopFuture
from actors.runtime.ask import started, stopped
from actors.runtime.supervisor import Supervisor, supervise
from actors.runtime.tell import Tell, TellIfAlive
from actors.tracing import Tracer
from actors.watchlist.active_users import ActiveUsers
from actors.watchlist.deps import WatchlistDeps
from actors.watchlist.watchlist_sync import WatchlistSync
from syncd import __version__
from syncd.outside import MACHINE, Outside
from syncd.process.grace import Grace
from transport.bus.codec import BusCodec
from transport.bus.control_codec import ControlCodec
from transport.bus.none import NoBus
from transport.websocket.device_codec import encode
from transport.wire.frames import fragments, frame
from transport.wire.query import cursor_of

logger = logging.getLogger(__name__)

A = TypeVar("A", bound=Actor)


class Wiring(Struct, frozen=True, eq=False, kw_only=True):
    """What all of a node's actors are wired with."""

    node: str
    stack: AsyncExitStack
    metrics: NodeMetrics
    tracer: Tracer
    max_clock_drift_ms: int
    max_followed: int
    bus_retry_s: float
    grace: Grace
    content_ids: ContentIds
    is_alone: bool = False
    """Nobody else has the database."""
    outside: Outside = MACHINE


class FanOut(Struct, frozen=True, eq=False):
    """From an update to the devices."""

    registry: ActorRef[ConnectionRegistry]
    broadcaster: ActorRef[WebSocketBroadcaster]


class Channels(Struct, frozen=True, eq=False):
    """The users, and the way between them and the other nodes."""

    users: ActiveUsers
    publisher: ActorRef[PubNubPublisher]
    subscriber: ActorRef[PubNubSubscriber]
    commands: ActorRef[DeviceCommands]
    hints: ActorRef[DeviceHints]
    presence: ActorRef[Presence]


async def start_journal(wiring: Wiring, store: StoreClient) -> ActorRef[Journal]:
    """Start the store, and the actor before it. Raises: what ``store.start`` does."""
    wiring.stack.push_async_callback(store.close)
    await store.start()
    return await _start(wiring, Journal.start(store, wiring.metrics.journal))


async def start_supervisor(wiring: Wiring, escalate: Callable[[str], None]) -> ActorRef[Supervisor]:
    """Start the actor that restarts the others; ``escalate`` is called once if that does not help."""
    return await _start(wiring, Supervisor.start(escalate, wiring.metrics.restarts, wiring.metrics.messages_skipped))


async def start_fanout(
    wiring: Wiring, supervisor: ActorRef[Supervisor], presence: Callable[[], ActorRef[Presence]]
) -> FanOut:
    """Start the registry, and the broadcaster before it; ``presence`` is asked for when the first device is there."""
    metrics, tracer = wiring.metrics, wiring.tracer

    def tell_presence(message: DeviceCame | DeviceCameAgain | DeviceLeft) -> None:
        TellIfAlive(presence())(message)  # it is stopped before the last devices have left

    registry = await _start(
        wiring,
        ConnectionRegistry.start(
            encode, metrics.registry, metrics.broadcast, tracer, wiring.outside.now_s, tell_presence
        ),
        supervisor,
    )
    broadcaster = await _start(
        wiring,
        WebSocketBroadcaster.start(registry.tell, metrics.broadcast, wiring.outside.now_s, tracer, wiring.content_ids),
        supervisor,
    )
    return FanOut(registry, broadcaster)


async def start_deployment(
    wiring: Wiring, supervisor: ActorRef[Supervisor], bus: Bus, codec: ControlCodec | None
) -> ActorRef[Deployment]:
    """Start the actor that knows the other nodes; without a ``codec`` there are none."""
    deps = DeploymentDeps(
        node=wiring.node,
        version=__version__,
        channel=None if codec is None else ControlChannel(bus, codec.encode, codec.decode),
        metrics=wiring.metrics.bus,
        registry=wiring.metrics.registry,
        now_ms=wiring.outside.now_ms,
        now_s=wiring.outside.now_s,
        random=wiring.outside.random,
    )
    return await _start(wiring, Deployment.start(deps), supervisor)


async def start_bus(
    wiring: Wiring,
    supervisor: ActorRef[Supervisor],
    journal: ActorRef[Journal],
    fanout: FanOut,
    bus: Bus,
    codec: BusCodec,
    handle_control: Callable[[bytes], None] | None = None,
) -> Channels:
    """Start what publishes, the users, and what subscribes; on leaving, what is committed is published first."""
    publisher = await _start_publisher(wiring, supervisor, bus, codec)

    def show_lists(message: ShowLists) -> None:
        TellIfAlive(hints)(message)  # it is started behind the users, and stopped before them

    to_others = None if isinstance(bus, NoBus) else publisher
    users = _users(wiring, supervisor, bus, _watchlist_deps(wiring, journal, fanout, to_others, show_lists))
    wiring.stack.push_async_callback(_flush, journal, publisher, wiring.grace)
    commands = await _start_commands(wiring, supervisor, journal, fanout, bus, codec)
    hints = await _start_hints(wiring, supervisor, users, bus, codec)
    presence = await _start_presence(
        wiring, supervisor, journal, fanout, users, hints, lambda: subscriber.tell(CompareHeads())
    )
    handler = BroadcasterMessageHandler(
        users.tell_watchlist,
        users.tell_if_active,
        fanout.broadcaster.tell,
        commands.tell,
        hints.tell,
        wiring.tracer,
        wiring.content_ids,
        wiring.outside.now_ms,
    )
    subscriber = await _start_subscriber(wiring, supervisor, journal, users, bus, codec, handler, handle_control)
    return Channels(users, publisher, subscriber, commands, hints, presence)


async def _start_publisher(
    wiring: Wiring, supervisor: ActorRef[Supervisor], bus: Bus, codec: BusCodec
) -> ActorRef[PubNubPublisher]:
    metrics, retry_s, random = wiring.metrics.bus, wiring.bus_retry_s, wiring.outside.random
    publisher = PubNubPublisher.start(bus, codec.encode, metrics, wiring.node, wiring.tracer, retry_s, random=random)
    return await _start(wiring, publisher, supervisor)


async def _start_subscriber(
    wiring: Wiring,
    supervisor: ActorRef[Supervisor],
    journal: ActorRef[Journal],
    users: ActiveUsers,
    bus: Bus,
    codec: BusCodec,
    handler: BroadcasterMessageHandler,
    handle_control: Callable[[bytes], None] | None,
) -> ActorRef[PubNubSubscriber]:
    deps = SubscriberDeps(
        node=wiring.node,
        bus=bus,
        decode=codec.decode,
        handle=handler.handle_sync_message,
        handle_foreign=handler.handle_foreign_message if codec.are_foreign_allowed else None,
        handle_control=handle_control,
        active_users=lambda: tuple(users),
        journal=journal.tell,
        metrics=wiring.metrics.bus,
        retry_s=wiring.bus_retry_s,
    )
    return await _start(wiring, PubNubSubscriber.start(deps), supervisor)


async def _start_commands(
    wiring: Wiring,
    supervisor: ActorRef[Supervisor],
    journal: ActorRef[Journal],
    fanout: FanOut,
    bus: Bus,
    codec: BusCodec,
) -> ActorRef[DeviceCommands]:
    deps = DeviceCommandsDeps(
        node=wiring.node,
        bus=bus,
        encode=codec.encode,
        registry=fanout.registry.tell,
        journal=journal.tell,
        metrics=wiring.metrics.commands,
        bus_metrics=wiring.metrics.bus,
        now_ms=wiring.outside.now_ms,
        now_s=asyncio.get_running_loop().time,
    )
    return await _start(wiring, DeviceCommands.start(deps), supervisor)


async def _start_hints(
    wiring: Wiring, supervisor: ActorRef[Supervisor], users: ActiveUsers, bus: Bus, codec: BusCodec
) -> ActorRef[DeviceHints]:
    deps = DeviceHintsDeps(
        node=wiring.node,
        bus=bus,
        encode=codec.encode,
        tell_if_active=users.tell_if_active,
        metrics=wiring.metrics.bus,
        now_ms=wiring.outside.now_ms,
    )
    return await _start(wiring, DeviceHints.start(deps), supervisor)


async def _start_presence(
    wiring: Wiring,
    supervisor: ActorRef[Supervisor],
    journal: ActorRef[Journal],
    fanout: FanOut,
    users: ActiveUsers,
    hints: ActorRef[DeviceHints],
    compare: Callable[[], None],
) -> ActorRef[Presence]:
    deps = PresenceDeps(
        node=wiring.node,
        is_alone=wiring.is_alone,
        journal=journal.tell,
        registry=fanout.registry.tell,
        tell_watchlist=users.tell_watchlist,
        hints=hints.tell,
        compare=compare,
        metrics=wiring.metrics.presence,
        now_s=asyncio.get_running_loop().time,
        lease_s=wiring.outside.lease_s,
    )
    return await _start(wiring, Presence.start(deps), supervisor)


def control_handler(deployment: ActorRef[Deployment]) -> Callable[[bytes], None]:
    """Return where the bus puts what comes on the control channel."""
    tell = TellIfAlive(deployment)  # the bus may still speak while the node stops
    return lambda payload: tell(ControlPayload(payload))


def _users(wiring: Wiring, supervisor: ActorRef[Supervisor], bus: Bus, deps: WatchlistDeps) -> ActiveUsers:
    def start(user_id: str, retired: Callable[[str], None]) -> ActorRef[WatchlistSync]:
        bus.subscribe(user_id)  # first: the actor must hear of what is committed after it has read its head

        def unsubscribe(user_id: str) -> None:
            bus.unsubscribe(user_id)
            retired(user_id)

        watchlist = WatchlistSync.start(user_id, deps, unsubscribe)
        supervise(watchlist, supervisor, restart=False)
        return watchlist

    users = ActiveUsers(start)
    wiring.stack.push_async_callback(_stop_users, users)
    return users


def _watchlist_deps(
    wiring: Wiring,
    journal: ActorRef[Journal],
    fanout: FanOut,
    publisher: ActorRef[PubNubPublisher] | None,
    show_lists: Tell[ShowLists],
) -> WatchlistDeps:
    return WatchlistDeps(
        node=wiring.node,
        now_ms=wiring.outside.now_ms,
        now_s=wiring.outside.now_s,
        max_clock_drift_ms=wiring.max_clock_drift_ms,
        max_followed=wiring.max_followed,
        journal=journal.tell,
        registry=fanout.registry.tell,
        broadcaster=fanout.broadcaster.tell,
        publisher=None if publisher is None else publisher.tell,
        frame=frame,
        fragments=fragments,
        cursor_of=cursor_of,
        bus_metrics=wiring.metrics.bus,
        write_metrics=wiring.metrics.writes,
        tracer=wiring.tracer,
        show_lists=show_lists,
        slice_rows=wiring.outside.slice_rows,
    )


async def _start(wiring: Wiring, ref: ActorRef[A], supervisor: ActorRef[Supervisor] | None = None) -> ActorRef[A]:
    """Return ``ref`` once its actor has started. Raises: ActorDeadError, it died in it."""
    wiring.stack.push_async_callback(stopped, ref)
    await started(ref)
    if supervisor is not None:
        supervise(ref, supervisor)
    return ref


async def _stop_users(users: ActiveUsers) -> None:
    await asyncio.gather(*(stopped(users.watchlist(user_id)) for user_id in users))


async def _flush(journal: ActorRef[Journal], publisher: ActorRef[PubNubPublisher], grace: Grace) -> None:
    settled: LoopFuture[Settled] = LoopFuture()
    emptied: LoopFuture[None] = LoopFuture()
    try:
        async with asyncio.timeout(grace.left_s()):
            journal.tell(Settle(settled.set))
            await settled
            publisher.tell(Flush(emptied.set))
            await emptied
    except TimeoutError:
        logger.warning("the bus did not accept everything in time; other nodes find the rest in the journal")
