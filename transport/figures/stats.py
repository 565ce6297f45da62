"""What a node is doing now, for the operator's page: ``GET /api/v1/admin/stats``."""

from collections import Counter

from msgspec import Struct

from actors.messages.collections import COLLECTION_KINDS
from actors.metrics import Histogram, NodeMetrics
from transport.figures.prometheus import Sources


class LatencyStats(Struct, frozen=True):
    """Latencies of the latest 1,000 observations, in milliseconds."""

    average_ms: float
    p50_ms: float
    p95_ms: float
    p99_ms: float


class JournalStats(Struct, frozen=True):
    """``problem``: why the database cannot be written, or not be read; ``None``: it can."""

    problem: str | None
    operations: int
    transactions: int
    failures: int
    commit_latency: LatencyStats


class BusStats(Struct, frozen=True, omit_defaults=True):
    """``problem``: why the bus does not work; ``None``: it does, as far as can be seen."""

    problem: str | None
    published: int
    received: int
    publish_failures: int
    duplicates: int
    outbox: int
    gaps_healed: int
    engine: str = ""
    """``none``: this node knows of no other. Empty: an older node, which does not say."""


class DeviceStats(Struct, frozen=True, omit_defaults=True):
    """Devices connected to the node, and what became of the commands that it was given for others.

    ``None``: an older node, which does not say.
    """

    online: int
    commands: dict[str, int]
    """By outcome."""
    handoffs: dict[str, int] | None = None
    """Those of the commands that are handoffs, by outcome."""
    waiting: int | None = None
    """Devices that came, went or were edited, and are not in the database yet."""
    leases_lost: int | None = None


class CollectionStats(Struct, frozen=True, omit_defaults=True):
    """What is counted of the collections of one kind."""

    updates_relayed: int
    writes: dict[str, int]
    """By status."""
    reads: int | None = None
    """``None``: an older node, which does not say."""


class NodeStats(Struct, frozen=True, omit_defaults=True):
    """Counters since the node started, and what is now: read it twice for a rate."""

    node: str
    version: str
    time: float
    """Seconds since 1970."""
    uptime_s: float
    connections: int
    users: int
    active_watchlists: int
    messages_relayed: int
    messages_sent: int
    broadcast_latency: LatencyStats
    write_latency: LatencyStats
    journal: JournalStats
    bus: BusStats
    writes: dict[str, int]
    """By status."""
    refusals: dict[str, int]
    """By reason."""
    closes: dict[int, int]
    """Connections that the node has closed, by close code."""
    devices: DeviceStats | None = None
    """``None``: an older node, which does not say."""
    collections: dict[str, CollectionStats] | None = None
    """By kind: ``watchlist``, ``list`` for all others, ``progress``. ``None``: an older node, which does not say."""


def node_stats(sources: Sources, *, node: str, version: str, now_s: float, uptime_s: float) -> NodeStats:
    """Return the node's figures of now. Cost: some sorts of 1,000 numbers."""
    metrics = sources.metrics
    journal, bus, registry = metrics.journal, metrics.bus, metrics.registry
    return NodeStats(
        node=node,
        version=version,
        time=now_s,
        uptime_s=uptime_s,
        connections=registry.total_connections,
        users=registry.active_users,
        active_watchlists=sources.active_watchlists(),
        messages_relayed=metrics.broadcast.messages_relayed,
        messages_sent=registry.messages_sent,
        broadcast_latency=_latency(metrics.broadcast.broadcast_latency),
        write_latency=_latency(registry.write_latency),
        journal=JournalStats(
            problem=journal.problem,
            operations=journal.operations,
            transactions=journal.transactions,
            failures=journal.failures,
            commit_latency=_latency(metrics.writes.commit_latency),
        ),
        bus=BusStats(
            problem=sources.bus_status(),
            published=bus.published,
            received=bus.received,
            publish_failures=bus.publish_failures,
            duplicates=bus.duplicates,
            outbox=bus.outbox,
            gaps_healed=bus.gaps_healed,
            engine=sources.bus_engine,
        ),
        writes=metrics.writes.by_status(),
        refusals=sources.all_refusals(),
        closes=dict(metrics.closes),
        devices=_device_stats(metrics),
        collections={kind: _collection_stats(metrics, kind) for kind in COLLECTION_KINDS},
    )


def _device_stats(metrics: NodeMetrics) -> DeviceStats:
    presence, outcomes = metrics.presence, metrics.commands.outcomes
    commands: Counter[str] = Counter()
    for (_, outcome), count in outcomes.items():
        commands[outcome] += count
    return DeviceStats(
        online=presence.devices,
        commands=dict(commands),
        handoffs={outcome: count for (kind, outcome), count in outcomes.items() if kind == "handoff"},
        waiting=presence.waiting,
        leases_lost=presence.leases_lost,
    )


def _collection_stats(metrics: NodeMetrics, kind: str) -> CollectionStats:
    outcomes = metrics.writes.outcomes
    return CollectionStats(
        updates_relayed=metrics.broadcast.updates_relayed[kind],
        writes={status: count for (of_kind, status), count in outcomes.items() if of_kind == kind},
        reads=metrics.journal.reads[kind],
    )


def _latency(histogram: Histogram) -> LatencyStats:
    p50, p95, p99 = histogram.percentiles(0.5, 0.95, 0.99)
    return LatencyStats(histogram.average() * 1000, p50 * 1000, p95 * 1000, p99 * 1000)
