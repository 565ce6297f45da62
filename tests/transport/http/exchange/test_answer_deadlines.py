import asyncio

import pytest

from tests.timeouts import TIMEOUT_S
from transport.errors import Problem
from transport.http.exchange.answer_deadlines import AnswerDeadlines, with_deadline


def pending() -> asyncio.Future[str]:
    return asyncio.get_running_loop().create_future()


async def test_an_answer_that_comes_in_time_is_returned() -> None:
    answer = pending()
    asyncio.get_running_loop().call_soon(answer.set_result, "added")
    assert await with_deadline(answer, TIMEOUT_S) == "added"


async def test_an_answer_that_is_there_already_is_returned() -> None:
    answer = pending()
    answer.set_result("added")
    assert await with_deadline(answer, 0.0) == "added"


async def test_one_that_comes_too_late_is_a_503_and_comes_to_nothing() -> None:
    with pytest.raises(Problem, match="No answer within 0 s; a write with an operation_id") as late:
        await with_deadline(pending(), 0.01)
    assert (late.value.status, late.value.headers) == (503, {"Retry-After": "1"})


async def test_an_error_of_who_answers_is_raised_as_it_is() -> None:
    answer = pending()
    answer.set_exception(ZeroDivisionError())
    with pytest.raises(ZeroDivisionError):
        await with_deadline(answer, TIMEOUT_S)


class Waiting:
    """Knows what it was told when it was given up."""

    def __init__(self) -> None:
        self.problem = asyncio.get_running_loop().create_future()

    def give_up(self, problem: Problem) -> None:
        self.problem.set_result(problem)


async def given_up(waiting: Waiting) -> Problem:
    async with asyncio.timeout(TIMEOUT_S):
        problem: Problem = await waiting.problem
    return problem


async def test_all_that_are_late_are_given_up_in_their_order() -> None:
    deadlines = AnswerDeadlines(0.05)
    first, later, last = Waiting(), Waiting(), Waiting()
    deadlines.begin(first)
    deadlines.begin(later)
    problem = await given_up(first)
    assert (problem.status, problem.headers) == (503, {"Retry-After": "1"})
    assert "No answer within 0 s; a write with an operation_id" in problem.detail
    deadlines.begin(last)
    await given_up(later)
    assert not last.problem.done()
    await given_up(last)  # though the timer has fired once already
    assert not deadlines.end(last)


async def test_what_ends_in_time_is_not_given_up() -> None:
    deadlines = AnswerDeadlines(0.05)
    in_time, late = Waiting(), Waiting()
    deadlines.begin(in_time)
    assert deadlines.end(in_time)
    await asyncio.sleep(0.02)
    deadlines.begin(late)  # the timer of the one before looks at it too early
    await given_up(late)
    assert not in_time.problem.done()
    assert not deadlines.end(in_time)
    assert not deadlines.end(late)


async def test_a_thousand_answers_share_one_timer(monkeypatch: pytest.MonkeyPatch) -> None:
    loop = asyncio.get_running_loop()
    made: list[float] = []
    call_later = loop.call_later

    def count(delay: float, *arguments: object) -> asyncio.TimerHandle:
        made.append(delay)
        return call_later(delay, *arguments)  # type: ignore[arg-type]  # as it was

    monkeypatch.setattr(loop, "call_later", count)
    deadlines = AnswerDeadlines(TIMEOUT_S)
    for _ in range(1000):
        waiting = Waiting()
        deadlines.begin(waiting)
        deadlines.end(waiting)
    assert made == [TIMEOUT_S]
