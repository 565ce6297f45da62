import pytest

from actors.bus.freshness import Freshness
from actors.errors import BusMessageRefused

NOW_MS = 1_764_000_000_000


def reason_of(freshness: Freshness, message_id: str, sent_ms: int, now_ms: int = NOW_MS) -> str:
    with pytest.raises(BusMessageRefused) as refused:
        freshness.admit(message_id, sent_ms, now_ms)
    return refused.value.reason


def test_a_message_that_comes_again_is_refused_as_long_as_it_would_be_fresh() -> None:
    freshness = Freshness(fresh_ms=10_000)
    freshness.admit("early", NOW_MS + 10_000, NOW_MS)  # by a clock that is ahead
    for passed_ms in range(0, 20_001, 1_000):
        freshness.admit(f"at {passed_ms}", NOW_MS + passed_ms, NOW_MS + passed_ms)
        assert reason_of(freshness, "early", NOW_MS + 10_000, NOW_MS + passed_ms) == "replayed"
    assert reason_of(freshness, "early", NOW_MS + 10_000, NOW_MS + 20_001) == "stale"


@pytest.mark.parametrize("off_ms", [-10_001, 10_001, -(10**15), 10**15])
def test_a_message_of_another_time_is_refused(off_ms: int) -> None:
    assert reason_of(Freshness(fresh_ms=10_000), "old", NOW_MS + off_ms) == "stale"


def test_what_is_no_longer_fresh_is_not_remembered() -> None:
    freshness = Freshness(fresh_ms=10_000)
    for number in range(1_000):
        freshness.admit(str(number), NOW_MS + number * 1_000, NOW_MS + number * 1_000)
    assert len(freshness) == 11
