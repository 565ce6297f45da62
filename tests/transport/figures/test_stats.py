from msgspec import structs

from transport.figures.prometheus import Sources
from transport.figures.stats import LatencyStats, NodeStats, node_stats


def stats(sources: Sources) -> NodeStats:
    return node_stats(sources, node="a1", version="7", now_s=1000.5, uptime_s=3.0)


def test_stats_are_of_the_node_and_of_now(sources: Sources) -> None:
    sources.metrics.registry.total_connections = 2
    sources.metrics.registry.active_users = 1
    sources.metrics.bus.outbox = 4
    told = stats(sources)
    assert (told.node, told.version, told.time, told.uptime_s) == ("a1", "7", 1000.5, 3.0)
    assert (told.connections, told.users, told.active_watchlists) == (2, 1, 5)
    assert (told.refusals["messages"], told.refusals["items_per_list"], told.closes) == (2, 0, {4002: 3})
    assert (told.bus.outbox, told.bus.engine) == (4, "nats")


def test_what_does_not_work_is_named(sources: Sources) -> None:
    assert stats(sources).journal.problem is stats(sources).bus.problem is None
    sources.metrics.journal.unavailable = "disk full"
    sources.metrics.journal.unreadable = "no answer"
    told = stats(structs.replace(sources, bus_status=lambda: "it is away"))
    assert told.journal.problem == "cannot be written: disk full; cannot be read: no answer"
    assert told.bus.problem == "it is away"


def test_latencies_are_in_milliseconds_over_the_last_thousand(sources: Sources) -> None:
    assert stats(sources).broadcast_latency == LatencyStats(0, 0, 0, 0)
    for number in range(1, 2001):
        sources.metrics.broadcast.record_relay(1, number / 1000)
    latency = stats(sources).broadcast_latency
    assert (latency.p50_ms, latency.p95_ms, latency.p99_ms) == (1501, 1951, 1991)
    assert round(latency.average_ms, 3) == 1500.5


def test_figures_that_were_read_do_not_change_afterwards(sources: Sources) -> None:
    before = stats(sources)
    sources.metrics.closes[4001] += 1
    sources.metrics.writes.outcomes["list", "added"] += 1
    assert before.closes == {4002: 3}
    assert (before.writes["added"], stats(sources).writes["added"]) == (0, 1)


def test_what_is_of_a_kind_of_collection_is_counted_by_that(sources: Sources) -> None:
    sources.metrics.writes.outcomes["list", "added"] += 2
    sources.metrics.broadcast.record_relay(3, 0.1, "watchlist")
    sources.metrics.journal.reads["progress"] += 1
    collections = stats(sources).collections
    assert collections is not None
    assert {kind: (one.updates_relayed, one.writes["added"], one.reads) for kind, one in collections.items()} == {
        "watchlist": (3, 0, 0), "list": (0, 2, 0), "progress": (0, 0, 1), "devices": (0, 0, 0),
    }  # fmt: skip


def test_handoffs_are_among_the_commands_and_told_apart(sources: Sources) -> None:
    presence, outcomes = sources.metrics.presence, sources.metrics.commands.outcomes
    presence.devices, presence.waiting, presence.leases_lost = 2, 3, 4
    outcomes["handoff", "sent"], outcomes["other", "sent"], outcomes["other", "not_found"] = 5, 6, 7
    devices = stats(sources).devices
    assert devices is not None
    assert (devices.online, devices.waiting, devices.leases_lost) == (2, 3, 4)
    nothing = dict.fromkeys(("device_offline", "try_again_later", "bus_unavailable", "not_listening", "too_many"), 0)
    assert devices.commands == {"sent": 11, "not_found": 7} | nothing
    assert devices.handoffs == {"sent": 5, "not_found": 0} | nothing
