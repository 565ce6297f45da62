"""The metrics for operators: Prometheus' text format and the documented JSON."""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import accumulate

from msgspec import Struct
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from actors.metrics import Histogram, NodeMetrics
from actors.ports import BusFigures
from transport.figures.processes import most_open_files, open_files, process_figures


class Sources(Struct, frozen=True, eq=False):
    """Where the figures come from."""

    metrics: NodeMetrics
    refusals: Mapping[str, int]
    """Connections, messages and reads beyond a limit, by reason."""
    active_watchlists: Callable[[], int]
    actors: Callable[[], int]
    """Running actors of every kind."""
    tasks: Callable[[], int]
    """How many tasks the event loop has."""
    mailboxes: Mapping[str, Callable[[], int]]
    """By actor: how many messages wait for it."""
    bus_engine: str
    """What stands behind the bus: ``none``, ``pubnub`` or ``nats``."""
    bus_status: Callable[[], str | None]
    bus_figures: Callable[[], BusFigures]
    children: Callable[[], Mapping[str, int]]
    """The store's processes that run: name -> process id."""
    log_lines_left_out: Callable[[], int] = lambda: 0

    def all_refusals(self) -> dict[str, int]:
        """Return what was refused because of a limit, by the limit's name."""
        of_writes = self.metrics.writes.refusals
        lists = of_writes["lists_per_user"] + self.metrics.journal.list_edits["put", "quota_exceeded"]
        return {**self.refusals, **of_writes, "lists_per_user": lists}


class Figures(Collector):
    """Reads the actors' counters at scrape time, so that counting costs an actor one addition.

    Thread: the event loop.
    """

    def __init__(self, sources: Sources) -> None:
        self.sources = sources
        self._prometheus = CollectorRegistry()
        self._prometheus.register(self)

    def prometheus(self) -> bytes:
        """Return the figures in Prometheus' text format 0.0.4."""
        return generate_latest(self._prometheus)

    def documented(self) -> dict[str, float]:
        """Return the documented figures by their names; latencies in milliseconds, over the last 1,000 relays."""
        broadcast, registry = self.sources.metrics.broadcast, self.sources.metrics.registry
        latency = broadcast.broadcast_latency
        p50, p95, p99 = latency.percentiles(0.50, 0.95, 0.99)
        return {
            "messages_relayed": broadcast.messages_relayed,
            "broadcast_latency_average_ms": latency.average() * 1000,
            "broadcast_latency_p50_ms": p50 * 1000,
            "broadcast_latency_p95_ms": p95 * 1000,
            "broadcast_latency_p99_ms": p99 * 1000,
            "active_connections": registry.total_connections,
            "total_connections": registry.total_connections,
            "active_users": registry.active_users,
            "messages_sent": registry.messages_sent,
        }

    def collect(self) -> Iterator[Metric]:
        """Yield every metric; called by Prometheus' client."""
        yield from self._relays()
        yield from self._streams()
        yield from self._limits()
        yield from self._writes()
        yield from self._devices()
        yield from self._children()
        yield from self._bus()
        yield from self._issuer()
        yield from self._listener()
        yield from self._engine()
        yield from self._actors()
        yield from _process()

    def _relays(self) -> Iterator[Metric]:
        broadcast, registry = self.sources.metrics.broadcast, self.sources.metrics.registry
        yield _counter("messages_relayed", "Messages relayed to a user's connections.", broadcast.messages_relayed)
        updates = broadcast.updates_relayed
        yield _counters("collection_updates_relayed", "Those that are updates of a collection.", "collection", updates)
        yield _histogram(
            "broadcast_latency_seconds", "From a relay's start to its last tell.", broadcast.broadcast_latency
        )
        yield _gauge("active_connections", "Connections the broadcaster reaches.", registry.total_connections)
        yield _gauge("total_connections", "Connections registered on this node.", registry.total_connections)
        yield _gauge("active_users", "Users with a connection on this node.", registry.active_users)
        yield _counter("messages_sent", "Messages told to connections.", registry.messages_sent)
        yield _histogram("write_latency_seconds", "From a relay's start to its last write.", registry.write_latency)

    def _streams(self) -> Iterator[Metric]:
        streams = self.sources.metrics.streams
        now = GaugeMetricFamily("syncd_streams", "Connections over HTTP answers, not WebSockets.", labels=["kind"])
        for kind, count in sorted(streams.open.items()):
            now.add_metric([kind], count)
        yield now
        yield _counters("streams_opened", "Streams and polls that were opened.", "kind", streams.opened)

    def _limits(self) -> Iterator[Metric]:
        closes = {str(code): count for code, count in self.sources.metrics.closes.items()}
        yield _counters("refusals", "What was refused because of a limit.", "reason", self.sources.all_refusals())
        yield _counters("connections_closed", "Connections that the node has closed.", "code", closes)
        unread = self.sources.metrics.unread
        yield _gauge("unread_connections", "Connections whose devices do not read what was written.", len(unread))
        yield _gauge("unread_bytes", "Held for them.", sum(held_bytes() for held_bytes in unread))
        illegal = {" ".join(step): count for step, count in self.sources.metrics.illegal_steps.items()}
        yield _counters("connection_illegal_steps", "Messages that cannot come in a state and did.", "step", illegal)

    def _writes(self) -> Iterator[Metric]:
        writes, journal = self.sources.metrics.writes, self.sources.metrics.journal
        yield _counters("writes", "Writes answered.", "status", writes.by_status())
        labels = ("collection", "status")
        yield _counters_of_two("collection_writes", "Those of each kind of collection.", labels, writes.outcomes)
        labels = ("edit", "outcome")
        yield _counters_of_two("list_edits", "What became of edits of users' lists.", labels, journal.list_edits)
        yield _counter(
            "tags_superseded", "Adds that the oldest tags of their content gave way to.", writes.tags_superseded
        )
        yield _histogram("commit_latency_seconds", "From a write's acceptance to its commit.", writes.commit_latency)
        yield _counter("journal_transactions", "Transactions committed.", journal.transactions)
        yield _counter("journal_operations", "Operations answered by those transactions.", journal.operations)
        yield _counter("journal_commit_seconds", "Time spent in transactions.", journal.commit_seconds)
        yield _counter("journal_failures", "Times that the database was unavailable.", journal.failures)
        yield _counter("journal_errors", "Operations, reads and replies that failed by a defect.", journal.errors)
        yield _counters("collection_reads", "Reads of what a collection holds.", "collection", journal.reads)
        yield _counter("journal_reads_refused", "Reads refused: too many of a user waited.", journal.reads_refused)
        yield _counter("journal_rests", "Reads after which their user rested: writers waited.", journal.rests)
        yield _counter(
            "journal_list_edits_refused",
            "Lists not named or deleted: too many edits of a user waited.",
            journal.list_edits_refused,
        )
        refused = journal.writes_refused + writes.too_many_waiting
        yield _counter("journal_writes_refused", "Writes refused: too many of a user waited.", refused)
        yield _gauge("journal_up", "1 if the latest transaction or probe worked.", journal.unavailable is None)
        yield _gauge("journal_readable", "1 if the latest read worked.", journal.unreadable is None)

    def _devices(self) -> Iterator[Metric]:
        presence, commands = self.sources.metrics.presence, self.sources.metrics.commands
        yield _gauge("devices", "Devices connected to this node.", presence.devices)
        yield _gauge("presence_waiting", "Devices that came or went, not written yet.", presence.waiting)
        yield _counter("presence_written", "Devices that were written.", presence.written)
        yield _counter("leases_lost", "Leases that ended while the node lived.", presence.leases_lost)
        labels = ("command", "outcome")
        yield _counters_of_two("device_commands", "Commands to devices.", labels, commands.outcomes)
        yield _counter("device_commands_delivered", "Connections shown a command.", commands.delivered)

    def _children(self) -> Iterator[Metric]:
        restarts = self.sources.metrics.journal.child_restarts
        yield _counters("journal_child_restarts", "Processes started in the place of a lost one.", "child", restarts)
        pids = GaugeMetricFamily("syncd_journal_child_pid", "The process id of now.", labels=["child"])
        memory = GaugeMetricFamily(
            "syncd_journal_child_resident_memory_bytes", "As of process_resident_memory_bytes.", labels=["child"]
        )
        cpu = GaugeMetricFamily("syncd_journal_child_cpu_seconds", "Used by the process of now.", labels=["child"])
        for child, pid in self.sources.children().items():
            if figures := process_figures(pid):
                pids.add_metric([child], pid)
                memory.add_metric([child], figures.resident_bytes)
                cpu.add_metric([child], figures.cpu_s)
        yield from (pids, memory, cpu)

    def _bus(self) -> Iterator[Metric]:
        bus = self.sources.metrics.bus
        refused = {"invalid_content_id": self.sources.metrics.broadcast.messages_refused, **bus.refused}
        yield _counters("messages_refused", "Messages of the channel that were skipped.", "reason", refused)
        yield _gauge("bus_up", "1 if the bus works, as far as can be seen.", self.sources.bus_status() is None)
        yield _gauge("bus_nodes", "Nodes heard of, this one included; 0: it is on its own.", bus.nodes)
        yield _counters("commands_failed", "Commands that could not be carried out.", "reason", bus.commands_failed)
        yield _counter("bus_received", "Messages of active users, and foreign writes.", bus.received)
        yield _counter("bus_published", "Messages the bus accepted.", bus.published)
        yield _counter("bus_publish_failures", "Publishes the bus did not accept.", bus.publish_failures)
        yield _counter("bus_duplicates", "Updates dropped by their revision.", bus.duplicates)
        yield _counter("gaps_healed", "Reads of missing revisions from the journal.", bus.gaps_healed)
        yield _gauge("outbox", "Messages that wait for the bus.", bus.outbox)

    def _issuer(self) -> Iterator[Metric]:
        issuer = self.sources.metrics.issuer
        yield _gauge("issuer_up", "1 if every token can be judged.", issuer.problem is None)
        yield _gauge("issuer_keys", "Usable keys of the issuer's key set.", issuer.keys)
        yield _counter("issuer_fetch_failures", "Fetches of the key set that failed.", issuer.fetch_failures)
        yield _counter("tokens_undecided", "Tokens that could not be judged.", issuer.tokens_undecided)

    def _listener(self) -> Iterator[Metric]:
        listener = self.sources.metrics.listener
        yield _counter("origins_refused", "Pages that may not connect, by their Origin.", listener.origins_refused)
        ends = "When the certificate in use ends, in seconds since 1970; 0: TLS is not served."
        yield _gauge("certificate_ends_timestamp_seconds", ends, listener.certificate_ends_s)
        failures = listener.certificate_failures
        yield _counter("certificate_failures", "Changed certificates that could not be used.", failures)

    def _engine(self) -> Iterator[Metric]:
        engine = self.sources.bus_figures()
        passed_over = {"double": engine.doubles, "echo": engine.echoes, "elsewhere": engine.elsewhere}
        yield _gauge("bus_subscribed_users", "Users whose messages the node wants.", engine.subscribed)
        yield _gauge("bus_last_message_age_seconds", "Since anything arrived.", engine.last_message_age_s)
        yield _counter("bus_reconnects", "Interruptions that ended.", engine.reconnects)
        yield _counter("bus_rebuilds", "Clients replaced because they were silent.", engine.rebuilds)
        yield _counter("bus_dropped", "Times that more came than could be taken.", engine.dropped)
        yield _counter("bus_malformed", "Things that arrived and were not messages.", engine.malformed)
        yield _counters("bus_passed_over", "Messages that were not decoded.", "reason", passed_over)

    def _actors(self) -> Iterator[Metric]:
        sources = self.sources
        left_out = sources.log_lines_left_out()
        yield _counter("log_lines_left_out", "Log lines beyond what one cause may write in a minute.", left_out)
        waiting = GaugeMetricFamily("syncd_mailbox_messages", "Messages that wait for an actor.", labels=["actor"])
        for actor, size in sources.mailboxes.items():
            waiting.add_metric([actor], size())
        yield waiting
        yield _gauge("active_watchlists", "Users with a running WatchlistSync.", sources.active_watchlists())
        yield _gauge("actors", "Actors that run, of every kind.", sources.actors())
        yield _gauge("tasks", "Tasks of the event loop.", sources.tasks())
        yield _counters("actor_restarts", "Actors restarted by the supervisor.", "actor", sources.metrics.restarts)
        yield _counters("actor_messages_skipped", "Messages that raised.", "actor", sources.metrics.messages_skipped)
        yield _histogram("loop_lag_seconds", "How late timers of the event loop are.", sources.metrics.loop_lag)
        exhausted = sources.metrics.open_files.exhausted
        yield _counter("open_files_exhausted", "Seconds in which no file could be opened.", exhausted)


def _process() -> Iterator[Metric]:
    """Yield what Prometheus' clients tell of every process."""
    figures, files = process_figures(os.getpid()), open_files()
    if figures is None or files is None:
        return
    yield GaugeMetricFamily("process_virtual_memory_bytes", "Virtual memory size in bytes.", figures.virtual_bytes)
    yield GaugeMetricFamily("process_resident_memory_bytes", "Resident memory size in bytes.", figures.resident_bytes)
    yield GaugeMetricFamily("process_start_time_seconds", "Start time of the process since 1970.", figures.started_s)
    yield CounterMetricFamily("process_cpu_seconds_total", "User and system CPU time in seconds.", figures.cpu_s)
    yield GaugeMetricFamily("process_max_fds", "Maximum number of open file descriptors.", most_open_files())
    yield GaugeMetricFamily("process_open_fds", "Number of open file descriptors.", files)


def _counter(name: str, text: str, value: float) -> Metric:
    return CounterMetricFamily(f"syncd_{name}", text, value=value)


def _counters(name: str, text: str, label: str, values: Mapping[str, int]) -> Metric:
    family = CounterMetricFamily(f"syncd_{name}", text, labels=[label])
    for value, count in sorted(values.items()):
        family.add_metric([value], count)
    return family


def _counters_of_two(name: str, text: str, labels: tuple[str, str], values: Mapping[tuple[str, str], int]) -> Metric:
    family = CounterMetricFamily(f"syncd_{name}", text, labels=labels)
    for pair, count in sorted(values.items()):
        family.add_metric(pair, count)
    return family


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(f"syncd_{name}", text, value=value)


def _histogram(name: str, text: str, histogram: Histogram) -> Metric:
    bounds: Iterable[str] = (*map(str, histogram.bounds), "+Inf")
    buckets = list(zip(bounds, accumulate(histogram.counts), strict=True))
    return HistogramMetricFamily(f"syncd_{name}", text, buckets=buckets, sum_value=histogram.sum)
