"""So many lines of a cause in a minute; the rest is counted, and said in one line."""

import logging

import pytest

from syncd.process.log_bounds import LogBounds


class Time:
    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def bounds(time: Time) -> LogBounds:
    return LogBounds(3, time)


def record(line: int = 1, **extra: object) -> logging.LogRecord:
    made = logging.LogRecord("syncd.test", logging.WARNING, "test.py", line, "user %s", ("ann",), None)
    made.__dict__.update(extra)
    return made


def test_of_one_cause_so_many_pass_and_the_others_are_counted(bounds: LogBounds) -> None:
    assert [bounds.filter(record()) for _ in range(5)] == [True, True, True, False, False]
    assert bounds.left_out == 2


def test_another_line_and_another_outcome_are_other_causes(bounds: LogBounds) -> None:
    for _ in range(4):
        bounds.filter(record(outcome="unauthorized"))
    assert bounds.filter(record(outcome="ok"))
    assert bounds.filter(record(line=2))


def test_what_differs_in_a_number_only_is_one_cause_and_statuses_are_not(bounds: LogBounds) -> None:
    closed = [bounds.filter(record(outcome=f"{count} disconnected, 2 of 3 nodes")) for count in range(5)]
    assert closed == [True, True, True, False, False]
    assert all(bounds.filter(record(outcome=f"refused: {status}")) for status in range(401, 406))


def test_each_stage_of_traced_writes_is_a_cause_of_its_own(bounds: LogBounds) -> None:
    for stage in ["committed"] * 4 + ["relayed"]:
        passed = bounds.filter(record(name="syncd.trace", msg=stage))
    assert passed
    assert bounds.left_out == 1


def test_after_a_minute_the_count_is_said_once_and_the_cause_is_heard_again(bounds: LogBounds, time: Time) -> None:
    for _ in range(5):
        bounds.filter(record())
    time.now_s += 59.9
    assert list(bounds.summaries()) == []
    time.now_s += 0.1
    (summary,) = bounds.summaries()
    assert (summary.name, summary.levelname) == ("syncd.test", "WARNING")
    assert summary.getMessage() == "left out within a minute: 2 more lines like 'user %s'"
    assert list(bounds.summaries()) == []
    assert bounds.filter(record())
    assert bounds.left_out == 2


def test_at_the_end_what_was_left_out_is_said_at_once(bounds: LogBounds) -> None:
    for _ in range(4):
        bounds.filter(record())
    assert len(list(bounds.summaries(is_end=True))) == 1
