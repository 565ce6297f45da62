import pytest
from hypothesis import given
from hypothesis import strategies as st

from transport import limits
from transport.limits import Limits, Quotas, TokenBuckets


def test_a_burst_is_let_through_and_then_the_rate() -> None:
    buckets = TokenBuckets(rate=2, burst=3)
    assert [buckets.take("ann", 0.0) for _ in range(4)] == [0, 0, 0, 0.5]
    assert buckets.take("ann", 0.5) == 0
    assert buckets.take("ann", 0.5) == 0.5


def test_keys_do_not_share() -> None:
    buckets = TokenBuckets(rate=1, burst=1)
    assert buckets.take("ann", 0.0) == 0
    assert buckets.take("bob", 0.0) == 0
    assert buckets.take("ann", 0.0) == 1


def test_a_refusal_takes_nothing() -> None:
    buckets = TokenBuckets(rate=1, burst=5)
    assert buckets.take("ann", 0.0, 4) == 0
    assert buckets.take("ann", 0.0, 4) == 3
    assert buckets.take("ann", 0.0, 1) == 0


def test_more_than_a_burst_at_once_takes_a_full_bucket_and_leaves_a_debt() -> None:
    buckets = TokenBuckets(rate=1, burst=5)
    assert buckets.take("ann", 0.0, 8) == 0
    assert buckets.take("ann", 0.0) == 4
    assert buckets.take("ann", 4.0) == 0


def test_full_buckets_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MAX_REMEMBERED", 10)
    buckets = TokenBuckets(rate=1, burst=2)
    for number in range(1000):
        assert buckets.take(str(number), float(number)) == 0
    assert len(buckets) <= 11


@given(st.lists(st.tuples(st.floats(0, 1), st.integers(1, 3)), max_size=50))
def test_no_more_gets_through_than_burst_and_rate_allow(steps: list[tuple[float, int]]) -> None:
    buckets = TokenBuckets(rate=3, burst=5)
    now_s, taken = 0.0, 0
    for pause_s, tokens in steps:
        now_s += pause_s
        if buckets.take("ann", now_s, tokens) == 0:
            taken += tokens
        assert taken <= 5 + 3 * now_s + 1e-6


def test_connections_are_bounded_per_user_and_in_all() -> None:
    quotas = Quotas(Limits(max_connections=3, max_connections_per_user=2))
    assert quotas.connect("ann") is None
    assert quotas.connect("ann") is None
    assert "2 connections" in str(quotas.connect("ann"))
    assert quotas.connect("bob") is None
    assert "3 connections" in str(quotas.connect("bob"))
    quotas.disconnect("ann")
    assert quotas.connect("bob") is None
    assert quotas.refusals == {"connections_per_user": 1, "connections": 1}


def test_messages_are_bounded_per_user() -> None:
    quotas = Quotas(Limits(messages_per_second=1, message_burst=2))
    assert quotas.take_messages("ann", 2, 0.0) == 0
    assert quotas.take_messages("ann", 1, 0.0) == 1
    assert quotas.refusals == {"messages": 1}
