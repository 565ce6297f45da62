import asyncio
from collections.abc import Awaitable, Callable

import pytest

from tests.timeouts import TIMEOUT_S
from transport.errors import Problem
from transport.http.deadlines import outcome_with_deadline, set_outcome, with_deadline

Wait = Callable[[asyncio.Future[str], float], Awaitable[str]]

either = pytest.mark.parametrize("wait", [with_deadline, outcome_with_deadline])


def pending() -> asyncio.Future[str]:
    return asyncio.get_running_loop().create_future()


@either
async def test_an_answer_that_comes_in_time_is_returned(wait: Wait) -> None:
    answer = pending()
    asyncio.get_running_loop().call_soon(set_outcome, answer, "added")
    assert await wait(answer, TIMEOUT_S) == "added"


@either
async def test_an_answer_that_is_there_already_is_returned(wait: Wait) -> None:
    answer = pending()
    set_outcome(answer, "added")
    assert await wait(answer, 0.0) == "added"


@either
async def test_one_that_comes_too_late_is_a_503_and_comes_to_nothing(wait: Wait) -> None:
    answer = pending()
    with pytest.raises(Problem, match="No answer within 0 s; a write with an operation_id") as late:
        await wait(answer, 0.01)
    assert (late.value.status, late.value.headers) == (503, {"Retry-After": "1"})
    set_outcome(answer, "added")


@either
async def test_an_error_of_who_answers_is_raised_as_it_is(wait: Wait) -> None:
    answer = pending()
    answer.set_exception(ZeroDivisionError())
    with pytest.raises(ZeroDivisionError):
        await wait(answer, TIMEOUT_S)
