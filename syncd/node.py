"""One node: everything started in order, wired, and stopped in reverse."""

import asyncio
import logging
import secrets
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from queue import SimpleQueue
from typing import Any, TypeVar, cast

from msgspec import Struct, field
from pykka import Actor, ActorRef, ActorRegistry

from actors.bus.message_handler import BroadcasterMessageHandler
from actors.bus.publisher import Flush, Publish, PubNubPublisher
from actors.bus.subscriber import CompareHeads, PubNubSubscriber
from actors.fanout.broadcaster import WebSocketBroadcaster
from actors.fanout.connection_registry import ConnectionRegistry, SendToUser
from actors.journal.journal import Journal, JournalMetrics
from actors.messages.connection import DeviceWrite, WatchlistRequest
from actors.messages.journal import HeadsLoaded, LoadHeads
from actors.messages.watchlist import WatchlistDeps
from actors.metrics import BroadcastMetrics, BusMetrics, Histogram, RegistryMetrics, WriteMetrics
from actors.ports import Bus
from actors.runtime import LoopFuture
from actors.runtime.supervisor import Supervisor, supervise
from actors.tracing import Tracer
from actors.watchlist.active_users import ActiveUsers
from actors.watchlist.watchlist_sync import WatchlistSync
from storage.journal_store import open_store
from syncd import __version__
from syncd.buses import bus_codec
from syncd.process.loop_lag import BOUNDS_S, watch
from syncd.process.tracing import tracing
from syncd.settings import Settings, SettingsError
from transport.access.limits import Limits, Quotas
from transport.bus.none import NoBus
from transport.figures.prometheus import Figures, Sources
from transport.figures.stats import NodeStats, node_stats
from transport.websocket.device_codec import encode

logger = logging.getLogger(__name__)

SWEEP_S = 30.0
"""How often users whom nobody needs are let go, and the others' heads compared with the journal."""

A = TypeVar("A", bound=Actor)


class Node(Struct, frozen=True, eq=False):
    """The running actors, as the outside needs them."""

    name: str
    users: ActiveUsers
    tell_watchlist: Callable[[WatchlistRequest], None]
    journal: ActorRef[Journal]
    registry: ActorRef[ConnectionRegistry]
    broadcaster: ActorRef[WebSocketBroadcaster]
    bus: Bus
    closes: Counter[int]
    quotas: Quotas
    figures: Figures
    tracer: Tracer
    started_s: float = field(default_factory=time.monotonic)
    """By the monotonic clock."""

    def stats(self) -> NodeStats:
        """Return the figures of now. Thread: the event loop."""
        uptime_s = time.monotonic() - self.started_s
        return node_stats(
            self.figures.sources, node=self.name, version=__version__, now_s=time.time(), uptime_s=uptime_s
        )


@asynccontextmanager
async def running_node(settings: Settings, bus: Bus, escalate: Callable[[str], None]) -> AsyncIterator[Node]:
    """Run a node's actors on the running loop for the length of the context.

    On leaving, what is committed is published within ``shutdown_timeout``, then every actor stops, last started first.

    Args:
        settings: where the journal is, how patient to be.
        bus: how to reach the other nodes; closed on leaving.
        escalate: called once if restarting actors does not help.

    Raises:
        SchemaTooNew, StoreUnavailable: the journal's database cannot be used.
        SettingsError: a setting is wrong, or needs something that is not installed.
    """
    name = secrets.token_hex(4)
    broadcast_metrics, registry_metrics, bus_metrics = BroadcastMetrics(), RegistryMetrics(), BusMetrics()
    write_metrics, journal_metrics, loop_lag = WriteMetrics(), JournalMetrics(), Histogram(BOUNDS_S)
    restarts: Counter[str] = Counter()
    messages_skipped: Counter[str] = Counter()
    closes: Counter[int] = Counter()
    quotas = Quotas(_limits(settings))
    codec, retry_s = bus_codec(settings), settings.pubnub_retry
    async with tracing(settings, name) as tracer, AsyncExitStack() as stack:
        try:
            store = open_store(database_url(settings), now_ms=_now_ms)
        except ValueError as error:
            raise SettingsError(f"--database-url: {error}") from error
        except ImportError as error:
            raise SettingsError(f"--database-url: {error}; install syncd[postgresql]") from error

        def started(ref: ActorRef[A]) -> ActorRef[A]:
            stack.push_async_callback(_stop, ref)
            return ref

        journal = started(Journal.start(store, journal_metrics))
        supervisor = started(Supervisor.start(escalate, restarts, messages_skipped))
        stack.push_async_callback(bus.close)
        registry = started(ConnectionRegistry.start(encode, registry_metrics))

        def send_to_user(message: SendToUser) -> LoopFuture[int]:
            return cast("LoopFuture[int]", registry.ask(message, block=False))

        broadcaster = started(WebSocketBroadcaster.start(send_to_user, broadcast_metrics, time.perf_counter))
        publisher = started(PubNubPublisher.start(bus, codec.encode, bus_metrics, name, retry_s))
        deps = WatchlistDeps(
            node=name,
            now_ms=_now_ms,
            max_clock_drift_ms=round(settings.max_clock_drift * 1000),
            journal=journal.tell,
            registry=registry.tell,
            broadcaster=broadcaster.tell,
            publisher=_ignore if isinstance(bus, NoBus) else publisher.tell,
            frame=encode,
            bus_metrics=bus_metrics,
            write_metrics=write_metrics,
            now_s=time.perf_counter,
            tracer=tracer,
        )

        def start_watchlist(user_id: str, retired: Callable[[str], None]) -> ActorRef[WatchlistSync]:
            watchlist = WatchlistSync.start(user_id, deps, retired)
            supervise(watchlist, supervisor, restart=False)
            return watchlist

        users = ActiveUsers(start_watchlist)
        stack.push_async_callback(_stop_users, users)
        stack.push_async_callback(_flush, journal, publisher, settings.shutdown_timeout)
        handler = BroadcasterMessageHandler(users, broadcaster.tell, tracer)
        subscriber = started(
            PubNubSubscriber.start(
                bus, codec.decode, handler.handle_sync_message, lambda: tuple(users), journal.tell, bus_metrics, retry_s
            )
        )
        for singleton in (registry, broadcaster, publisher, subscriber):
            supervise(singleton, supervisor)
        for chore in (_sweep(users, subscriber), watch(loop_lag)):
            stack.callback(asyncio.create_task(chore).cancel)

        def tell_watchlist(request: WatchlistRequest) -> None:
            user_id = request.user_id if isinstance(request, DeviceWrite) else request.connection.user_id
            users.watchlist(user_id).tell(request)

        figures = Figures(
            Sources(
                broadcast=broadcast_metrics,
                registry=registry_metrics,
                writes=write_metrics,
                journal=journal_metrics,
                bus=bus_metrics,
                loop_lag=loop_lag,
                restarts=restarts,
                messages_skipped=messages_skipped,
                refusals=quotas.refusals,
                closes=closes,
                active_watchlists=lambda: len(users),
                actors=lambda: len(ActorRegistry.get_all()),
                tasks=lambda: len(asyncio.all_tasks()),
                mailboxes={
                    ref.actor_class.__name__: cast("SimpleQueue[Any]", ref.actor_inbox).qsize
                    for ref in (journal, registry, broadcaster, publisher, subscriber)
                },
                bus_status=bus.status,
            )
        )
        yield Node(name, users, tell_watchlist, journal, registry, broadcaster, bus, closes, quotas, figures, tracer)


def _ignore(_message: Publish) -> None:
    """Take the place of the publisher where there is nobody else to tell."""


async def _stop(ref: ActorRef[Any]) -> None:
    await ref.stop(block=False)


async def _stop_users(users: ActiveUsers) -> None:
    await asyncio.gather(*(_stop(users.watchlist(user_id)) for user_id in users))


async def _flush(journal: ActorRef[Journal], publisher: ActorRef[PubNubPublisher], timeout_s: float) -> None:
    committed: LoopFuture[HeadsLoaded] = LoopFuture()
    emptied: LoopFuture[None] = LoopFuture()
    try:
        async with asyncio.timeout(timeout_s):
            journal.tell(LoadHeads((), committed.set))
            await committed  # answered behind every commit that was told before it
            publisher.tell(Flush(emptied.set))
            await emptied
    except TimeoutError:
        logger.warning("the bus did not take everything in time; other nodes find the rest in the journal")


async def _sweep(users: ActiveUsers, subscriber: ActorRef[PubNubSubscriber]) -> None:
    while True:
        await asyncio.sleep(SWEEP_S)
        users.sweep()
        subscriber.tell(CompareHeads())


def database_url(settings: Settings) -> str:
    """Return where the journal is (``settings.journal_url``); the data directory is made if it is to be there."""
    if settings.database_url is None:
        settings.data_dir.mkdir(parents=True, exist_ok=True)
    return settings.journal_url


def _limits(settings: Settings) -> Limits:
    return Limits(**{name: getattr(settings, name) for name in Limits.__struct_fields__})


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
