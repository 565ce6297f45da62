import os

import pytest
from prometheus_client.parser import text_string_to_metric_families

from actors.messages.journal import Outcome, Status
from transport.figures.prometheus import Figures, Sources


def samples(figures: Figures) -> dict[tuple[str, ...], float]:
    """Return every sample by its name and label values, as Prometheus itself would read it."""
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(figures.prometheus().decode())
        for sample in family.samples
    }


def test_figures_are_read_when_they_are_asked_for(sources: Sources) -> None:
    figures = Figures(sources)
    assert samples(figures)[("syncd_messages_relayed_total",)] == 0
    sources.metrics.broadcast.record_relay(3, 0.0004)
    sources.metrics.registry.total_connections = 2
    sources.metrics.bus.refused["malformed"] = 4
    sources.metrics.broadcast.messages_refused = 1
    found = samples(figures)
    assert found[("syncd_messages_relayed_total",)] == 3
    assert found[("syncd_total_connections",)] == found[("syncd_active_connections",)] == 2
    assert found[("syncd_messages_refused_total", "malformed")] == 4
    assert found[("syncd_messages_refused_total", "invalid_content_id")] == 1
    assert found[("syncd_active_watchlists",)] == 5
    assert (found[("syncd_actors",)], found[("syncd_tasks",)]) == (17, 9)
    assert found[("syncd_mailbox_messages", "Journal")] == 3
    assert found[("syncd_refusals_total", "messages")] == 2
    assert found[("syncd_connections_closed_total", "4002")] == 3
    assert found[("syncd_bus_up",)] == found[("syncd_journal_up",)] == 1


def test_writes_relays_and_reads_are_told_by_kind_of_collection_too(sources: Sources) -> None:
    sources.metrics.writes.outcomes["list", "added"] += 2
    sources.metrics.writes.outcomes["watchlist", "added"] += 3
    sources.metrics.broadcast.record_relay(4, 0.1, "list")
    sources.metrics.journal.reads["progress"] += 1
    found = samples(Figures(sources))
    assert found[("syncd_writes_total", "added")] == 5
    assert found[("syncd_collection_writes_total", "list", "added")] == 2
    assert found[("syncd_collection_writes_total", "watchlist", "refused")] == 0
    assert found[("syncd_collection_updates_relayed_total", "list")] == 4
    assert found[("syncd_collection_updates_relayed_total", "watchlist")] == 0
    assert [found[("syncd_collection_reads_total", kind)] for kind in ("list", "progress")] == [0, 1]


def test_what_became_of_edits_of_lists_is_told_and_a_bound_that_one_met_is_a_refusal(sources: Sources) -> None:
    sources.metrics.journal.list_edits["put", "quota_exceeded"] += 2
    sources.metrics.writes.count(Outcome(status=Status.REFUSED, quota="lists_per_user"), "list")
    found = samples(Figures(sources))
    assert found[("syncd_list_edits_total", "put", "quota_exceeded")] == 2
    assert found[("syncd_list_edits_total", "delete", "not_found")] == 0
    assert found[("syncd_refusals_total", "lists_per_user")] == 3


def test_writes_are_refused_where_too_many_wait_for_a_head_or_for_the_store(sources: Sources) -> None:
    sources.metrics.writes.too_many_waiting += 2
    sources.metrics.journal.writes_refused += 3
    assert samples(Figures(sources))[("syncd_journal_writes_refused_total",)] == 5


def test_what_only_the_bus_engine_knows_is_told(sources: Sources) -> None:
    found = samples(Figures(sources))
    assert found[("syncd_bus_subscribed_users",)] == 3
    assert found[("syncd_bus_last_message_age_seconds",)] == 0.5
    assert found[("syncd_bus_reconnects_total",)] == 1
    assert found[("syncd_bus_rebuilds_total",)] == 2
    assert found[("syncd_bus_dropped_total",)] == 4
    assert found[("syncd_bus_malformed_total",)] == 5
    reasons = {"double": 6, "echo": 7, "elsewhere": 8}
    assert {reason: found[("syncd_bus_passed_over_total", reason)] for reason in reasons} == reasons


def test_writing_and_reading_are_two_facts(sources: Sources) -> None:
    figures = Figures(sources)
    sources.metrics.journal.unavailable = "read-only"
    found = samples(figures)
    assert (found[("syncd_journal_up",)], found[("syncd_journal_readable",)]) == (0, 1)
    sources.metrics.journal.unavailable, sources.metrics.journal.unreadable = None, "gone"
    found = samples(figures)
    assert (found[("syncd_journal_up",)], found[("syncd_journal_readable",)]) == (1, 0)


def test_an_issuer_that_is_away_is_shown_with_what_is_known_of_it(sources: Sources) -> None:
    issuer = sources.metrics.issuer
    assert samples(Figures(sources))[("syncd_issuer_up",)] == 1
    issuer.problem, issuer.keys, issuer.fetch_failures, issuer.tokens_undecided = "HTTP 500", 2, 3, 4
    found = samples(Figures(sources))
    assert (found[("syncd_issuer_up",)], found[("syncd_issuer_keys",)]) == (0, 2)
    assert found[("syncd_issuer_fetch_failures_total",)] == 3
    assert found[("syncd_tokens_undecided_total",)] == 4


def test_devices_and_their_commands_are_counted(sources: Sources) -> None:
    presence, commands = sources.metrics.presence, sources.metrics.commands
    presence.devices, presence.waiting, presence.written, presence.leases_lost = 2, 3, 4, 5
    commands.outcomes["handoff", "sent"], commands.delivered = 6, 7
    found = samples(Figures(sources))
    assert [found[(f"syncd_{name}",)] for name in ("devices", "presence_waiting")] == [2, 3]
    assert [found[(f"syncd_{name}_total",)] for name in ("presence_written", "leases_lost")] == [4, 5]
    assert found[("syncd_device_commands_total", "handoff", "sent")] == 6
    assert found[("syncd_device_commands_total", "other", "device_offline")] == 0
    assert found[("syncd_device_commands_delivered_total",)] == 7


def test_the_stores_processes_are_shown_while_they_run(sources: Sources) -> None:
    sources.metrics.journal.child_restarts["reader"] += 1
    found = samples(Figures(sources))
    assert found[("syncd_journal_child_restarts_total", "reader")] == 1
    assert found[("syncd_journal_child_restarts_total", "writer")] == 0
    assert found[("syncd_journal_child_pid", "writer")] == os.getpid()
    assert found[("syncd_journal_child_resident_memory_bytes", "writer")] > 2**20
    assert found[("syncd_journal_child_cpu_seconds", "writer")] > 0
    assert ("syncd_journal_child_pid", "reader") not in found


def test_a_histogram_cumulates_its_buckets(sources: Sources) -> None:
    for elapsed_s in (0.00004, 0.0004, 0.0005, 9.0):
        sources.metrics.broadcast.record_relay(1, elapsed_s)
    found = samples(Figures(sources))
    name = "syncd_broadcast_latency_seconds"
    assert found[(f"{name}_bucket", "5e-05")] == 1
    assert found[(f"{name}_bucket", "0.0005")] == 3
    assert found[(f"{name}_bucket", "0.5")] == 3
    assert found[(f"{name}_bucket", "+Inf")] == found[(f"{name}_count",)] == 4
    assert found[(f"{name}_sum",)] == pytest.approx(9.00094)


def test_the_documented_figures_are_in_milliseconds_over_the_last_thousand(sources: Sources) -> None:
    for number in range(1, 2001):
        sources.metrics.broadcast.record_relay(1, number / 1000)
    figures = Figures(sources).documented()
    assert figures["messages_relayed"] == 2000
    assert figures["broadcast_latency_p50_ms"] == 1501
    assert figures["broadcast_latency_p99_ms"] == 1991
    assert figures["broadcast_latency_average_ms"] == pytest.approx(1500.5)
