"""The figures that actors count: histograms, percentiles, and what one node starts with."""

from itertools import product

import pytest

from actors.messages.journal import Outcome, Status
from actors.metrics import BroadcastMetrics, Histogram, NodeMetrics


def test_an_observation_falls_into_the_first_bucket_that_is_not_below_it() -> None:
    histogram = Histogram((1.0, 2.0))
    for value in (0.0, 1.0, 1.5, 2.0, 2.5):
        histogram.observe(value)
    assert histogram.counts == [2, 2, 1]
    assert histogram.sum == 7.0


def test_what_happened_several_times_counts_as_often() -> None:
    histogram = Histogram((1.0,))
    histogram.observe(0.5, times=3)
    histogram.observe(2.0, times=0)
    assert (histogram.counts, histogram.sum, list(histogram.latest)) == ([3, 0], 1.5, [0.5] * 3)


def test_percentiles_are_of_the_latest_observations() -> None:
    histogram = Histogram((1.0,), window=100)
    histogram.observe(1_000.0, times=50)
    for number in range(100):
        histogram.observe(float(number))
    assert histogram.percentiles(0.0, 0.5, 0.99, 1.0) == (0.0, 50.0, 99.0, 99.0)
    assert histogram.average() == 49.5
    assert sum(histogram.counts) == 150


def test_before_the_first_observation_everything_is_zero() -> None:
    histogram = Histogram((1.0,))
    assert histogram.percentiles(0.5, 0.99) == (0.0, 0.0)
    assert histogram.average() == 0.0


def test_messages_that_left_together_have_one_latency_each() -> None:
    metrics = BroadcastMetrics()
    metrics.record_relay(3, 0.25)
    assert metrics.messages_relayed == 3
    assert list(metrics.broadcast_latency.latest) == [0.25] * 3


def test_of_the_messages_updates_are_counted_by_kind_of_collection() -> None:
    metrics = BroadcastMetrics()
    metrics.record_relay(3, 0.25, "list")
    metrics.record_relay(2, 0.25)
    of_kinds = {"watchlist": 0, "list": 3, "progress": 0, "devices": 0}
    assert (metrics.messages_relayed, metrics.updates_relayed) == (5, of_kinds)


def test_every_status_is_shown_from_the_start() -> None:
    writes = NodeMetrics().writes
    assert writes.by_status() == dict.fromkeys(Status, 0)
    assert writes.outcomes == dict.fromkeys(product(("watchlist", "list", "progress", "devices"), Status), 0)


def test_writes_are_counted_by_kind_of_collection() -> None:
    writes = NodeMetrics().writes
    for kind, count in (("watchlist", 2), ("list", 3)):
        for _ in range(count):
            writes.count(Outcome(status=Status.ADDED), kind)
    assert (writes.outcomes["watchlist", "added"], writes.outcomes["list", "added"]) == (2, 3)
    assert writes.by_status()["added"] == 5


def test_a_bound_that_was_met_is_counted_by_its_name() -> None:
    writes = NodeMetrics().writes
    assert writes.refusals == {
        "items_per_list": 0,
        "gaps_per_replica": 0,
        "replicas_per_user": 0,
        "lists_per_user": 0,
        "keys_per_user": 0,
        "followed_per_user": 0,
    }
    writes.count(Outcome(status=Status.REFUSED, quota="items_per_list"), "watchlist")
    writes.count(Outcome(status=Status.ADDED, quota="tags_per_item"), "watchlist")
    writes.count(Outcome(status=Status.REFUSED), "list")
    assert writes.refusals == {
        "items_per_list": 1,
        "gaps_per_replica": 0,
        "replicas_per_user": 0,
        "lists_per_user": 0,
        "keys_per_user": 0,
        "followed_per_user": 0,
    }
    assert (writes.tags_superseded, writes.by_status()["refused"]) == (1, 2)


@pytest.mark.parametrize("name", NodeMetrics.__struct_fields__)
def test_two_nodes_of_one_process_count_apart(name: str) -> None:
    assert getattr(NodeMetrics(), name) is not getattr(NodeMetrics(), name)
