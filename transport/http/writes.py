"""The routes that change a watchlist: each write is answered once it is in the database, or refused."""

import asyncio
import time
from collections.abc import Sequence
from functools import partial
from http import HTTPStatus
from typing import Final

import msgspec
from starlette.responses import Response

from actors.messages.change import Change
from actors.messages.journal import DeviceWrite, Outcome, Status
from transport.access.authentication import Claims
from transport.errors import Problem
from transport.http.answers import BulkResponse, WriteResponse, json_response, write_response
from transport.http.app import HttpRequest
from transport.http.deadlines import outcome_with_deadline, set_outcome, with_deadline
from transport.http.deps import ApiDeps
from transport.http.requests import (
    MAX_BULK_BYTES,
    MAX_WRITE_BYTES,
    BulkRequest,
    authenticated,
    decode,
    read_body,
    traceparent,
)
from transport.problems import unavailable

CHANGE_DECODER: Final = msgspec.json.Decoder(Change)
BULK_DECODER: Final = msgspec.json.Decoder(BulkRequest)

_PendingWrite = tuple[Change, asyncio.Future[Outcome]]
"""A change, and its outcome to be."""


class WriteRoutes:
    """One write, or many at once. Thread: the event loop."""

    def __init__(self, deps: ApiDeps) -> None:
        self._deps = deps

    async def watchlist(self, request: HttpRequest) -> Response:
        """Add or remove one content."""
        claims = await authenticated(request, self._deps.authenticator)
        change = decode(CHANGE_DECODER, await read_body(request, MAX_WRITE_BYTES))
        self._deps.quotas.acquire_messages(claims.user_id, 1, time.monotonic())
        pending = self._submit(change, claims, traceparent(request))
        outcome = await outcome_with_deadline(pending, self._deps.answer_timeout_s)
        match outcome.status:
            case Status.NOT_FOUND:
                raise Problem(HTTPStatus.NOT_FOUND, f"content_id: {change.content_id} is not in the watchlist.")
            case Status.REFUSED if outcome.retry_after_s is not None:
                raise unavailable(outcome.reason or "The write was not accepted.", outcome.retry_after_s)
            case Status.REFUSED:
                raise Problem(HTTPStatus.BAD_REQUEST, outcome.reason or "The write was refused.")
        return json_response(write_response(change, outcome))

    async def operations(self, request: HttpRequest) -> Response:
        """Add or remove many; a bad operation leaves the rest alone."""
        claims = await authenticated(request, self._deps.authenticator)
        bulk = decode(BULK_DECODER, await read_body(request, MAX_BULK_BYTES))
        self._deps.quotas.acquire_messages(claims.user_id, len(bulk.operations), time.monotonic())
        trace = traceparent(request)
        accepted = [self._accept(raw, claims, trace) for raw in bulk.operations]  # all, before the first is answered
        return json_response(BulkResponse(await with_deadline(_results(accepted), self._deps.answer_timeout_s)))

    def _accept(self, raw: msgspec.Raw, claims: Claims, trace: str | None) -> _PendingWrite | WriteResponse:
        try:
            change = CHANGE_DECODER.decode(raw)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            return WriteResponse(success=False, status=Status.REFUSED, detail=f"{error}.")
        return change, self._submit(change, claims, trace)

    def _submit(self, change: Change, claims: Claims, trace: str | None) -> asyncio.Future[Outcome]:
        pending: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._deps.write(
            DeviceWrite(
                user_id=claims.user_id,
                device_id=claims.device_id,
                change=change,
                answer=partial(set_outcome, pending),
                trace=self._deps.tracer.accept(trace, claims.user_id, claims.device_id, "http"),
            )
        )
        return pending


async def _results(accepted: Sequence[_PendingWrite | WriteResponse]) -> list[WriteResponse]:
    return [one if isinstance(one, WriteResponse) else await _result(*one) for one in accepted]


async def _result(change: Change, pending: asyncio.Future[Outcome]) -> WriteResponse:
    outcome = await pending
    if outcome.retry_after_s is not None:  # as a result it would look final, and the device would drop the write
        detail = f"Not every operation was accepted; repeat them all ({outcome.reason})."
        raise unavailable(detail, outcome.retry_after_s)
    return write_response(change, outcome)
