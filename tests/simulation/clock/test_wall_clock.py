"""Wall clocks that are wrong, by as much as their worlds say."""

import pytest

from simulation.clock.wall_clock import START_S, WallClock


@pytest.mark.parametrize(("skew_s", "drift", "ahead_s"), [(0, 0, 0), (5, 0, 5), (0, 0.01, 1), (-5, -0.01, -6)])
def test_a_clock_is_ahead_by_its_skew_and_what_has_come_to_it(skew_s: float, drift: float, ahead_s: float) -> None:
    assert WallClock(lambda: 100.0, skew_s, drift).now_s() == pytest.approx(START_S + 100 + ahead_s)


def test_a_clock_can_be_set() -> None:
    clock = WallClock(lambda: 100.0, 5, 0.01)
    clock.skew_s = 0
    assert clock.now_s() == pytest.approx(START_S + 101)
