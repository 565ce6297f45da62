import asyncio
import json
from functools import partial

import msgspec
import pytest

from actors.messages.change import Change
from actors.messages.journal import Outcome, Status
from tests.daemon import FILM
from tests.timeouts import TIMEOUT_S
from transport.errors import Problem
from transport.http.exchange.answer_deadlines import AnswerDeadlines
from transport.http.exchange.pending_answers import BodyOrProblem, BulkAnswer, WriteAnswer
from transport.http.exchange.responses import WriteResponse, write_response

CHANGE = msgspec.convert({"operation": "add", "content_id": FILM}, Change)
RESULT = partial(write_response, CHANGE)
EXISTING = Outcome(status=Status.EXISTING)
BAD = WriteResponse(success=False, status=Status.REFUSED, detail="No UUID.")


@pytest.fixture
async def deadlines() -> AnswerDeadlines:
    return AnswerDeadlines(TIMEOUT_S)


async def test_a_write_is_answered_with_its_outcome(deadlines: AnswerDeadlines) -> None:
    told: list[BodyOrProblem] = []
    WriteAnswer(deadlines, told.append, CHANGE).decide(EXISTING)
    (answer,) = told
    assert isinstance(answer, bytes)
    assert json.loads(answer) == {"success": True, "operation": "add", "content_id": FILM, "status": "existing"}


@pytest.mark.parametrize(
    ("outcome", "status"),
    [
        (Outcome(status=Status.NOT_FOUND), 404),
        (Outcome(status=Status.REFUSED), 400),
        (Outcome(status=Status.REFUSED, retry_after_s=2.0), 503),
    ],
)
async def test_a_write_that_came_to_nothing_is_a_problem(
    deadlines: AnswerDeadlines, outcome: Outcome, status: int
) -> None:
    told: list[BodyOrProblem] = []
    WriteAnswer(deadlines, told.append, CHANGE).decide(outcome)
    (answer,) = told
    assert isinstance(answer, Problem)
    assert answer.status == status


async def test_a_bulk_is_answered_once_when_the_last_is_decided_in_the_order_asked(deadlines: AnswerDeadlines) -> None:
    told: list[BodyOrProblem] = []
    bulk = BulkAnswer(deadlines, told.append, [None, BAD, None])
    bulk.finish_if_decided()
    bulk.decide(2, RESULT, Outcome(status=Status.NOT_FOUND))
    assert told == []
    bulk.decide(0, RESULT, EXISTING)
    bulk.finish_if_decided()
    (answer,) = told
    assert isinstance(answer, bytes)
    assert [one["status"] for one in json.loads(answer)["results"]] == ["existing", "refused", "not_found"]


@pytest.mark.parametrize("results", [[], [BAD]])
async def test_a_bulk_without_a_change_is_answered_at_once(
    deadlines: AnswerDeadlines, results: list[WriteResponse | None]
) -> None:
    told: list[BodyOrProblem] = []
    BulkAnswer(deadlines, told.append, results).finish_if_decided()
    (answer,) = told
    assert isinstance(answer, bytes)
    assert len(json.loads(answer)["results"]) == len(results)


async def test_a_bulk_of_which_some_may_succeed_later_is_to_be_repeated_as_a_whole(deadlines: AnswerDeadlines) -> None:
    told: list[BodyOrProblem] = []
    bulk = BulkAnswer(deadlines, told.append, [None, None])
    bulk.decide(0, RESULT, Outcome(status=Status.REFUSED, reason="it is away", retry_after_s=2.0))
    assert told == []
    bulk.decide(1, RESULT, EXISTING)
    (answer,) = told
    assert isinstance(answer, Problem)
    assert (answer.status, answer.headers) == (503, {"Retry-After": "2"})
    assert "it is away" in answer.detail


async def test_what_is_decided_too_late_comes_to_nothing() -> None:
    told: asyncio.Queue[BodyOrProblem] = asyncio.Queue()
    deadlines = AnswerDeadlines(0.01)
    write = WriteAnswer(deadlines, told.put_nowait, CHANGE)
    bulk = BulkAnswer(deadlines, told.put_nowait, [None])
    for _ in range(2):
        answer = await asyncio.wait_for(told.get(), TIMEOUT_S)
        assert isinstance(answer, Problem)
        assert answer.status == 503
    write.decide(EXISTING)
    bulk.decide(0, RESULT, EXISTING)
    assert told.empty()


async def test_an_error_of_ours_is_a_500_and_logged_and_does_not_reach_the_actor_that_decides(
    deadlines: AnswerDeadlines, caplog: pytest.LogCaptureFixture
) -> None:
    told: list[BodyOrProblem] = []
    broken = WriteAnswer(deadlines, told.append, object())  # type: ignore[arg-type]  # which is the error
    broken.decide(EXISTING)
    (answer,) = told
    assert isinstance(answer, Problem)
    assert answer.status == 500
    assert "AttributeError" in caplog.text
