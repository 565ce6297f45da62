"""The routes that change a watchlist, or another list: each write is answered once it is in the database, or refused.

Their rules wait for nothing: ``judge`` looks at a request's head, ``submit`` at its body, and the answer comes by a
callback. So they serve an ASGI endpoint, and the HTTP protocol without one.
"""

import asyncio
from abc import ABC, abstractmethod
from functools import partial
from typing import Final, TypeVar

import msgspec
from starlette.responses import Response
from typing_extensions import override

from actors.messages.change import Change
from actors.messages.collections import WATCHLIST
from actors.messages.journal import DeviceWrite, Outcome
from actors.messages.progress import ProgressChange
from actors.messages.registers import RegisterChange
from actors.runtime.tell import Tell
from transport.access.authentication import Claims
from transport.errors import Problem
from transport.http.exchange.answer_deadlines import AnswerDeadlines
from transport.http.exchange.app import HttpRequest
from transport.http.exchange.pending_answers import Answered, BodyOrProblem, WriteAnswer
from transport.http.exchange.requests import (
    MAX_WRITE_BYTES,
    authenticated,
    check_body_head,
    check_token_again,
    claims_of,
    collection_named,
    decode,
    read_body,
    traceparent,
)
from transport.http.exchange.responses import JSON_TYPE
from transport.http.http1.request_head import RequestHead
from transport.http.routes.deps import ApiDeps
from transport.wire.spellings import decode_spelled

C = TypeVar("C", bound=Change | ProgressChange)

CHANGE_DECODER: Final = msgspec.json.Decoder(Change)


class WriteRoute(ABC):
    """What is done with a POST. Thread: the event loop."""

    max_bytes: int
    """The largest that a body may be."""

    def __init__(self, deps: ApiDeps, deadlines: AnswerDeadlines) -> None:
        self._deps = deps
        self._deadlines = deadlines

    def judge(self, head: RequestHead) -> Claims:
        """Return whose write it is, if nothing is wrong with the request's head.

        Raises:
            Problem: something is.
            SigningKeyMissing: its token's key has to be fetched first.
        """
        claims = claims_of(head, self._deps.authenticator)
        check_body_head(head, self.max_bytes)
        return claims

    def check_again(self, head: RequestHead) -> None:
        """Check a token that was accepted before the body has come. Raises: Problem, a 401."""
        check_token_again(head, self._deps.authenticator)

    @abstractmethod
    def submit(self, claims: Claims, body: bytes, trace: str | None, answered: Answered) -> None:
        """Tell the user's actor what ``body`` asks for, and ``answered`` what became of it, now or later.

        Args:
            claims: whose write it is.
            body: whole, and not too large.
            trace: the header ``traceparent``.
            answered: is told once, unless this raises.

        Raises:
            Problem: the body is not as documented, or the user has sent too much; nobody was told.
        """

    async def post(self, request: HttpRequest) -> Response:
        """Do the same as an endpoint of an ASGI application."""
        claims = await authenticated(request, self._deps.authenticator)
        body = await read_body(request, self.max_bytes, self._deps.authenticator)
        answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self.submit(claims, body, traceparent(request), partial(_set_answer, answer))
        return Response(await answer, media_type=JSON_TYPE)

    def _change(self, decoder: msgspec.json.Decoder[C], body: bytes | msgspec.Raw) -> C:
        return decode_spelled(decoder, body, self._deps.content_ids)

    def _acquire(self, claims: Claims, count: int) -> None:
        self._deps.quotas.acquire_messages(claims.user_id, count, self._deps.now_s())

    def of(self, last_segment: str) -> "WriteRoute":
        """Return the route of a path with this last segment, by default this one. Raises: Problem, it names no list."""
        return self

    def _write(
        self,
        change: Change | RegisterChange,
        claims: Claims,
        trace: str | None,
        decide: Tell[Outcome],
        collection: str = WATCHLIST,
    ) -> None:
        self._deps.write(
            DeviceWrite(
                user_id=claims.user_id,
                device_id=claims.device_id,
                change=change,
                answer=decide,
                trace=self._deps.tracer.accept(trace, claims.user_id, claims.device_id, "http", collection),
                collection=collection,
            )
        )


class ListRoute(WriteRoute):
    """Add or remove one content of the watchlist, or of one list."""

    max_bytes = MAX_WRITE_BYTES

    def __init__(self, deps: ApiDeps, deadlines: AnswerDeadlines, collection: str = WATCHLIST) -> None:
        super().__init__(deps, deadlines)
        self._collection = collection

    @override
    def of(self, last_segment: str) -> "ListRoute":
        return ListRoute(self._deps, self._deadlines, collection_named(last_segment))

    @override
    def submit(self, claims: Claims, body: bytes, trace: str | None, answered: Answered) -> None:
        change = decode(partial(self._change, CHANGE_DECODER), body)
        self._acquire(claims, 1)
        answer = WriteAnswer(self._deadlines, answered, change, self._collection)
        self._write(change, claims, trace, answer.decide, self._collection)

    async def post_to(self, request: HttpRequest) -> Response:
        """Do the same for the list that the path names."""
        return await self.of(request.last_segment).post(request)


def _set_answer(pending: asyncio.Future[bytes], answer: BodyOrProblem) -> None:
    if pending.done():  # the request's task was cancelled
        return
    if isinstance(answer, Problem):
        pending.set_exception(answer)
    else:
        pending.set_result(answer)
