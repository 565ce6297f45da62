"""Answers to writes that are under way: made when the last outcome is in, or when that takes too long."""

import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from http import HTTPStatus

from typing_extensions import override

from actors.messages.change import Change
from actors.messages.collections import WATCHLIST, kind_of
from actors.messages.journal import Outcome, Status
from actors.messages.progress import ProgressChange
from transport.errors import Problem
from transport.http.exchange.answer_deadlines import AnswerDeadlines
from transport.http.exchange.responses import (
    BulkResponse,
    WriteResponse,
    json_body,
    progress_response,
    write_response,
)
from transport.wire.problems import OUR_ERROR, QUOTA_EXCEEDED, unavailable

logger = logging.getLogger(__name__)

BodyOrProblem = bytes | Problem
"""The JSON of a 200, or what stands in its place."""
Answered = Callable[[BodyOrProblem], None]
"""Is told once. Must not raise: it runs in the turn of the actor that decides."""


class PendingAnswer(ABC):
    """One request's. What is decided after it was given up comes to nothing. Thread: the event loop."""

    __slots__ = ("_answered", "_deadlines")

    def __init__(self, deadlines: AnswerDeadlines, answered: Answered) -> None:
        self._deadlines = deadlines
        self._answered = answered
        deadlines.begin(self)

    def give_up(self, problem: Problem) -> None:
        """Answer with ``problem``; for ``AnswerDeadlines``."""
        self._answered(problem)

    def _finish(self) -> None:
        if not self._deadlines.end(self):
            return
        answer: BodyOrProblem
        try:
            answer = self._body()
        except Problem as problem:
            answer = problem
        except Exception:
            logger.exception("the answer to a write failed")
            answer = OUR_ERROR
        self._answered(answer)

    @abstractmethod
    def _body(self) -> bytes:
        """Return the JSON. Raises: Problem."""


class WriteAnswer(PendingAnswer):
    """To the one ``change`` of a request."""

    __slots__ = ("_change", "_collection", "_outcome")

    def __init__(
        self,
        deadlines: AnswerDeadlines,
        answered: Answered,
        change: Change | ProgressChange,
        collection: str = WATCHLIST,
    ) -> None:
        super().__init__(deadlines, answered)
        self._change = change
        self._collection = collection

    def decide(self, outcome: Outcome) -> None:
        """Take what became of it, and answer."""
        self._outcome = outcome
        self._finish()

    @override
    def _body(self) -> bytes:
        change, outcome = self._change, self._outcome
        match outcome.status:
            case Status.NOT_FOUND:
                where = kind_of(self._collection)
                raise Problem(HTTPStatus.NOT_FOUND, f"content_id: {change.content_id} is not in the {where}.")
            case Status.REFUSED if outcome.retry_after_s is not None:
                raise unavailable(outcome.reason or "The write was not accepted.", outcome.retry_after_s)
            case Status.REFUSED if outcome.exceeds_quota:
                detail = outcome.reason or "The write is beyond a limit."
                raise Problem(HTTPStatus.CONFLICT, detail, code=QUOTA_EXCEEDED, field=outcome.field)
            case Status.REFUSED:
                raise Problem(HTTPStatus.BAD_REQUEST, outcome.reason or "The write was refused.")
        if isinstance(change, ProgressChange):
            return json_body(progress_response(outcome))
        return json_body(write_response(change, outcome))


class BulkAnswer(PendingAnswer):
    """To many operations; those that are no changes have their result already.

    Args:
        results: in the order of the operations; ``None``: still to be decided.
    """

    __slots__ = ("_missing", "_results", "_retry")

    def __init__(self, deadlines: AnswerDeadlines, answered: Answered, results: Sequence[WriteResponse | None]) -> None:
        super().__init__(deadlines, answered)
        self._results = list(results)
        self._missing = self._results.count(None)
        self._retry: Outcome | None = None

    def decide(self, index: int, result_of: Callable[[Outcome], WriteResponse], outcome: Outcome) -> None:
        """Take what became of one operation; the last one answers."""
        self._results[index] = result_of(outcome)
        if outcome.retry_after_s is not None:
            self._retry = outcome
        self._missing -= 1
        self.finish_if_decided()

    def finish_if_decided(self) -> None:
        """Answer if nothing is missing, as in a request without a single change."""
        if not self._missing:
            self._finish()

    @override
    def _body(self) -> bytes:
        if self._retry is not None and self._retry.retry_after_s is not None:
            # As a result it would look final, and the device would drop the write.
            detail = f"Not every operation was accepted; repeat them all ({self._retry.reason})."
            raise unavailable(detail, self._retry.retry_after_s)
        return json_body(BulkResponse([result for result in self._results if result is not None]))
