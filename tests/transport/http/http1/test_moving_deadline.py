"""On a loop whose clock is moved by hand: what matters is which timers are made, and when they fire."""

import asyncio
from collections.abc import Callable
from typing import cast

import pytest

from transport.http.http1.moving_deadline import MovingDeadline

SECOND_LOOK_S = 1.0


class Timer:
    def __init__(self, at_s: float, callback: Callable[[], None]) -> None:
        self.at_s = at_s
        self.callback = callback
        self.is_cancelled = False

    def cancel(self) -> None:
        self.is_cancelled = True


class Clock:
    """The part of a loop that is about time."""

    def __init__(self) -> None:
        self.now_s = 100.0
        self.timers: list[Timer] = []
        """All that were ever made."""

    def time(self) -> float:
        return self.now_s

    def call_at(self, at_s: float, callback: Callable[[], None]) -> Timer:
        self.timers.append(Timer(at_s, callback))
        return self.timers[-1]

    def pass_time(self, until_s: float, early_s: float = 0.0) -> None:
        """Fire what is due; ``early_s`` too soon, as a clock of milliseconds does."""
        while due := [timer for timer in self.timers if timer.at_s <= until_s and not timer.is_cancelled]:
            first = min(due, key=lambda timer: timer.at_s)
            self.now_s = max(self.now_s, first.at_s - early_s)
            first.is_cancelled = True
            first.callback()
        self.now_s = until_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def missed() -> list[float]:
    return []


@pytest.fixture
def deadline(clock: Clock, missed: list[float]) -> MovingDeadline:
    return MovingDeadline(cast("asyncio.AbstractEventLoop", clock), lambda: missed.append(clock.now_s), SECOND_LOOK_S)


def test_a_deadline_is_missed_once(clock: Clock, deadline: MovingDeadline, missed: list[float]) -> None:
    deadline.move(5)
    clock.pass_time(104)
    assert missed == []
    clock.pass_time(200)
    assert missed == [105 + SECOND_LOOK_S]


def test_a_deadline_that_moves_makes_no_timer_of_its_own(
    clock: Clock, deadline: MovingDeadline, missed: list[float]
) -> None:
    for _ in range(1000):
        deadline.move(5)
        clock.pass_time(clock.now_s + 0.001)
    assert len(clock.timers) == 1
    clock.pass_time(200)
    assert missed == [pytest.approx(105.999 + SECOND_LOOK_S)]
    assert len(clock.timers) == 3


def test_a_deadline_may_move_to_an_earlier_time(clock: Clock, deadline: MovingDeadline, missed: list[float]) -> None:
    deadline.move(30)
    deadline.move(5)
    clock.pass_time(200)
    assert missed == [105 + SECOND_LOOK_S]


def test_a_timer_that_fires_a_moment_early_is_not_set_again_and_again(
    clock: Clock, deadline: MovingDeadline, missed: list[float]
) -> None:
    deadline.move(5)
    clock.pass_time(200, early_s=0.0009)
    assert (len(missed), len(clock.timers)) == (1, 2)


def test_a_deadline_that_has_ended_is_not_missed(clock: Clock, deadline: MovingDeadline, missed: list[float]) -> None:
    deadline.move(5)
    deadline.end()
    assert clock.timers[-1].is_cancelled  # what it would call is free
    deadline.move(5)
    clock.pass_time(200)
    assert missed == []


def test_a_deadline_that_was_never_set_may_end(deadline: MovingDeadline) -> None:
    deadline.end()


def test_after_an_absence_of_any_length_there_is_time_to_read_what_has_come(
    clock: Clock, deadline: MovingDeadline, missed: list[float]
) -> None:
    for away_s in (5.001, 70):
        deadline.move(5)
        clock.now_s += away_s  # nothing has run meanwhile
        clock.pass_time(clock.now_s + SECOND_LOOK_S - 0.1)
        deadline.move(5)
        clock.pass_time(clock.now_s + 4.9)
        assert missed == []
    clock.pass_time(200)
    assert len(missed) == 1


def test_an_absence_is_forgiven_once_and_not_twice_in_a_row(
    clock: Clock, deadline: MovingDeadline, missed: list[float]
) -> None:
    deadline.move(5)
    for now_s in (130, 150):
        clock.now_s = now_s
        clock.pass_time(now_s)
    assert missed == [150]
