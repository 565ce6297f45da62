"""One node: everything started in order, wired, and stopped in reverse."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import Any

from msgspec import Struct, structs
from pykka import ActorRef

from actors.bus.deployment import Deployment
from actors.bus.device_commands import DeviceCommands
from actors.fanout.connection_registry import ConnectionRegistry
from actors.journal.journal import Journal
from actors.messages.bus import CompareHeads, Publish, ShowLists
from actors.messages.channel import HeadMoved
from actors.messages.content_ids import CONTENT_IDS
from actors.messages.journal import Probe
from actors.metrics import JournalMetrics, NodeMetrics
from actors.ports import Bus, StoreClient
from actors.runtime.introspection import mailbox_size
from actors.runtime.registry import count_actors
from actors.runtime.tell import Tell, TellIfAlive
from actors.tracing import Tracer
from actors.watchlist.active_users import ActiveUsers
from syncd import __version__
from syncd.buses import bus_codec, bus_engine, bus_retry_s, control_codec
from syncd.errors import ExtraMissing, SettingsError
from syncd.outside import MACHINE, NodeStore, Outside
from syncd.process import logs
from syncd.process.grace import Grace
from syncd.process.loop_lag import watch
from syncd.process.tracing import tracing
from syncd.settings import Settings
from syncd.starts import (
    Channels,
    FanOut,
    Wiring,
    control_handler,
    start_bus,
    start_deployment,
    start_fanout,
    start_journal,
    start_supervisor,
)
from transport.access.limits import Limits, Quotas
from transport.bus.none import NoBus
from transport.figures.prometheus import Figures, Sources
from transport.figures.stats import NodeStats, node_stats

FLUSH_SHARE = 0.7
"""Of ``shutdown_timeout``: what the database has not taken by then is refused, and the rest is for the other steps."""

SWEEP_S = 30.0
"""How often users whom nobody needs are stopped, and the others' heads compared with the journal."""

OnStorm = Callable[[str], None]


class Node(Struct, frozen=True, eq=False, kw_only=True):
    """The running actors, as the outside needs them."""

    name: str
    users: ActiveUsers
    """The way in: ``users.tell_watchlist``."""
    journal: ActorRef[Journal]
    store: StoreClient
    begin_stop: Callable[[], None]
    """Starts the clock of ``shutdown_timeout``, if it does not run yet; leaving does so, too."""
    registry: ActorRef[ConnectionRegistry]
    commands: ActorRef[DeviceCommands]
    announce: Callable[[str, HeadMoved], None]
    """Tells those who follow a user's collection, here and on other nodes, that it has moved on."""
    show_lists: Tell[ShowLists]
    """Tells those who follow which lists a user has, here and on other nodes, which these are now."""
    bus: Bus
    deployment: ActorRef[Deployment]
    metrics: NodeMetrics
    quotas: Quotas
    figures: Figures
    tracer: Tracer
    outside: Outside
    started_s: float
    """By the monotonic clock."""

    def stats(self) -> NodeStats:
        """Return the figures of now. Thread: the event loop."""
        uptime_s = self.outside.now_s() - self.started_s
        return node_stats(
            self.figures.sources, node=self.name, version=__version__, now_s=self.outside.wall_s(), uptime_s=uptime_s
        )


@asynccontextmanager
async def running_node(
    settings: Settings, bus: Bus, give_up: OnStorm, metrics: NodeMetrics | None = None, outside: Outside = MACHINE
) -> AsyncIterator[Node]:
    """Run a node's actors on the running loop for the length of the context.

    On leaving, what is committed is published, then every actor stops, last started first, within ``shutdown_timeout``.

    Args:
        settings: where the journal is (its data directory exists), how long to wait for what.
        bus: how to reach the other nodes; closed on leaving.
        give_up: called once if restarting actors does not help.
        metrics: counted into, if others count there too.
        outside: clocks, chance, the way to the store, and how often to look at both.

    Raises:
        ContentIdsDiffer, SchemaTooNew, StoreUnavailable: the journal's database cannot be used.
        SettingsError: a setting is wrong, or needs something that is not installed.
    """
    name, quotas, metrics = outside.new_name(), Quotas(_limits(settings)), metrics or NodeMetrics()
    codec, control = bus_codec(settings), control_codec(settings)
    async with tracing(settings, name) as tracer, AsyncExitStack() as stack:
        wiring = _wiring(settings, bus, name, stack, metrics, tracer, outside)
        journal, store = await _start_journal(wiring, settings)
        begin_stop = _stop_clock(wiring.grace, store)
        supervisor = await start_supervisor(wiring, give_up)
        stack.push_async_callback(bus.close)
        fanout = await start_fanout(wiring, supervisor, lambda: channels.presence)
        deployment = await start_deployment(wiring, supervisor, bus, control)
        handle_control = None if control is None else control_handler(deployment)
        channels = await start_bus(wiring, supervisor, journal, fanout, bus, codec, handle_control)
        probing = _probe(journal, channels, metrics.journal, outside.probe_s)
        _keep_doing(stack, _sweep(channels), probing, watch(metrics.loop_lag, outside.lag_s))
        stack.callback(begin_stop)
        yield Node(
            name=name, users=channels.users, journal=journal, store=store, begin_stop=begin_stop,
            registry=fanout.registry, commands=channels.commands, bus=bus, deployment=deployment, quotas=quotas,
            announce=partial(_announce, channels, name), show_lists=TellIfAlive(channels.hints), metrics=metrics,
            tracer=tracer, outside=outside, started_s=outside.now_s(),
            figures=_figures(settings, metrics, quotas.refusals, bus, store, (journal, deployment), fanout, channels),
        )  # fmt: skip


def _has_database_alone(settings: Settings, bus: Bus) -> bool:
    """Return whether no other node can be there: the data directory is locked."""
    return settings.database_url is None and isinstance(bus, NoBus)


def _wiring(
    settings: Settings,
    bus: Bus,
    name: str,
    stack: AsyncExitStack,
    metrics: NodeMetrics,
    tracer: Tracer,
    outside: Outside,
) -> Wiring:
    return Wiring(
        node=name,
        stack=stack,
        metrics=metrics,
        tracer=tracer,
        max_clock_drift_ms=round(settings.max_clock_drift * 1000),
        max_followed=settings.max_followed_per_user,
        bus_retry_s=bus_retry_s(settings),
        grace=Grace(settings.shutdown_timeout, outside.now_s),
        outside=outside,
        content_ids=CONTENT_IDS[settings.content_ids],
        is_alone=_has_database_alone(settings, bus),
    )


def _stop_clock(grace: Grace, store: NodeStore) -> Callable[[], None]:
    loop = asyncio.get_running_loop()
    timers: list[asyncio.TimerHandle] = []

    def begin_stop() -> None:
        if not timers:
            timers.append(loop.call_later(grace.left_s() * FLUSH_SHARE, store.give_up))

    return begin_stop


async def _start_journal(wiring: Wiring, settings: Settings) -> tuple[ActorRef[Journal], NodeStore]:
    try:
        store = wiring.outside.open_store(settings, wiring.metrics.journal.child_restarts)
        return await start_journal(wiring, store), store
    except ValueError as error:
        raise SettingsError(f"--database-url: {error}") from error
    except ImportError as error:
        raise ExtraMissing("--database-url", "postgresql", error) from error


def _figures(
    settings: Settings,
    metrics: NodeMetrics,
    refusals: Counter[str],
    bus: Bus,
    store: NodeStore,
    others: tuple[ActorRef[Any], ...],
    fanout: FanOut,
    channels: Channels,
) -> Figures:
    singletons = (
        *others, fanout.registry, fanout.broadcaster, channels.publisher, channels.subscriber, channels.commands,
        channels.hints, channels.presence,
    )  # fmt: skip
    sources = Sources(
        metrics=metrics,
        refusals=refusals,
        active_watchlists=lambda: len(channels.users),
        actors=count_actors,
        tasks=lambda: len(asyncio.all_tasks()),
        mailboxes={ref.actor_class.__name__: partial(mailbox_size, ref) for ref in singletons},
        bus_engine=bus_engine(settings),
        bus_status=bus.status,
        bus_figures=bus.figures,
        children=store.pids,
        log_lines_left_out=logs.lines_left_out,
    )
    return Figures(sources)


def _announce(channels: Channels, name: str, user_id: str, moved: HeadMoved) -> None:
    moved = structs.replace(moved, origin=name)
    channels.users.tell_if_active(user_id, moved)
    channels.publisher.tell(Publish(user_id, moved))


def _keep_doing(stack: AsyncExitStack, *chores: Coroutine[None, None, None]) -> None:
    for chore in chores:
        stack.callback(asyncio.create_task(chore).cancel)


async def _sweep(channels: Channels) -> None:
    while True:
        await asyncio.sleep(SWEEP_S)
        channels.users.sweep()
        channels.subscriber.tell(CompareHeads())


async def _probe(journal: ActorRef[Journal], channels: Channels, metrics: JournalMetrics, every_s: float) -> None:
    compared = 0
    while True:
        await asyncio.sleep(every_s)
        if metrics.failures != compared and metrics.unavailable is None:  # it is back, and may lack something
            compared = metrics.failures
            channels.subscriber.tell(CompareHeads())
        journal.tell(Probe())


def _limits(settings: Settings) -> Limits:
    return Limits(**{name: getattr(settings, name) for name in Limits.__struct_fields__})
