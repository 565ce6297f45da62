"""How long a stop may still take: the time runs from the first question."""

from syncd.process.grace import Grace
from tests.fakes.hand_clock import HandClock


def test_the_time_runs_from_the_first_question_and_never_below_nothing() -> None:
    clock = HandClock(100.0)
    grace = Grace(10.0, clock)
    clock.now_s = 200.0
    assert grace.left_s() == 10.0
    clock.now_s = 203.0
    assert grace.left_s() == 7.0
    clock.now_s = 300.0
    assert grace.left_s() == 0.0
