"""The HTTP API: writes, reads, health and figures (docs/protocol.md)."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection, Sequence
from functools import partial
from http import HTTPStatus
from types import MappingProxyType
from typing import Final, TypeVar

import msgspec
from msgspec import Struct, field
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response
from starlette.types import ASGIApp

from actors.messages.change import Change
from actors.messages.journal import (
    Changes,
    DeviceWrite,
    Head,
    HeadsLoaded,
    JournalMessage,
    LoadHeads,
    Outcome,
    Page,
    PageExpired,
    ReadChanges,
    ReadFailed,
    ReadPage,
    Status,
)
from actors.runtime import LoopFuture
from actors.runtime.tell import Tell
from actors.tracing import Tracer, untraced
from transport.access.authentication import Authenticator, Claims
from transport.access.limits import Quotas
from transport.errors import Problem
from transport.http.answers import (
    BulkResponse,
    Health,
    LastActivities,
    Readiness,
    WriteResponse,
    watchlist_changes,
    watchlist_page,
    write_response,
)
from transport.http.app import HttpApp, HttpRequest, Routes
from transport.http.etags import entity_tag, is_known
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
from transport.query import ListQuery, list_query

T = TypeVar("T")

CHANGE_DECODER: Final = msgspec.json.Decoder(Change)
BULK_DECODER: Final = msgspec.json.Decoder(BulkRequest)
ENCODER: Final = msgspec.json.Encoder()

ANSWER_TIMEOUT_S: Final = 10.0
RETRY_AFTER_S: Final = 1.0

_OF_A_USER: Final = {"Cache-Control": "private, no-cache", "Vary": "Authorization"}
"""The same URL is another list for another token."""


class Service(Struct, frozen=True, eq=False):
    """What the API needs of the daemon."""

    name: str
    version: str
    authenticator: Authenticator
    quotas: Quotas
    write: Tell[DeviceWrite]
    journal: Tell[JournalMessage]
    bus_status: Callable[[], str | None]
    """Why the bus does not work at the moment; ``None``: it works."""
    prometheus: Callable[[], bytes]
    figures: Callable[[], dict[str, float]]
    """The documented figures by name; milliseconds."""
    allowed_origins: Collection[str] = ()
    """Lower-case ``scheme://host[:port]`` of pages from elsewhere that may use the API, as they may the WebSocket."""
    tracer: Tracer = field(default_factory=untraced)


def http_api(service: Service, more: Routes = MappingProxyType({})) -> ASGIApp:
    """Return the ASGI application, which serves ``more`` too."""
    api = _Api(service)
    app = HttpApp(
        {
            "/api/v1/sync/watchlist": {"GET": api.read_watchlist, "POST": api.write_watchlist},
            "/api/v1/sync/operations": {"POST": api.write_operations},
            "/api/v1/sync/last_activities": {"GET": api.last_activities},
            "/api/v1/metrics": {"GET": api.figures},
            "/health": {"GET": api.health},
            "/ready": {"GET": api.ready},
            "/metrics": {"GET": api.prometheus},
            "/ws": {"GET": api.websocket},
            **more,
        }
    )
    if not service.allowed_origins:
        return app
    return CORSMiddleware(
        app,
        allow_origins=[origin for origin in service.allowed_origins if origin != "*"],  # which is no origin
        allow_methods=("GET", "POST"),
        allow_headers=("Authorization", "Content-Type", "If-None-Match", "traceparent"),
        expose_headers=("ETag", "Retry-After"),
    )


_PendingWrite = tuple[Change, asyncio.Future[Outcome]]
"""A change, and its outcome to be."""


class _Api:
    def __init__(self, service: Service) -> None:
        self._service = service

    # Writes

    async def write_watchlist(self, request: HttpRequest) -> Response:
        claims = await self._authenticate(request)
        change = decode(CHANGE_DECODER, await read_body(request, MAX_WRITE_BYTES))
        self._service.quotas.check_messages(claims.user_id, 1, time.monotonic())
        outcome = await _soon(self._submit(change, claims, traceparent(request)))
        match outcome.status:
            case Status.NOT_FOUND:
                raise Problem(HTTPStatus.NOT_FOUND, f"content_id: {change.content_id} is not in the watchlist.")
            case Status.REFUSED if outcome.retry_after_s is not None:
                raise unavailable(outcome.reason or "The write was not taken.", outcome.retry_after_s)
            case Status.REFUSED:
                raise Problem(HTTPStatus.BAD_REQUEST, outcome.reason or "The write was refused.")
        return _json(write_response(change, outcome))

    async def write_operations(self, request: HttpRequest) -> Response:
        claims = await self._authenticate(request)
        bulk = decode(BULK_DECODER, await read_body(request, MAX_BULK_BYTES))
        self._service.quotas.check_messages(claims.user_id, len(bulk.operations), time.monotonic())
        asked = traceparent(request)
        taken = [self._take(raw, claims, asked) for raw in bulk.operations]  # all, before the first is answered
        return _json(BulkResponse(await _in_time(_results(taken))))

    def _take(self, raw: msgspec.Raw, claims: Claims, asked: str | None) -> _PendingWrite | WriteResponse:
        try:
            change = CHANGE_DECODER.decode(raw)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            return WriteResponse(success=False, status=Status.REFUSED, detail=f"{error}.")
        return change, self._submit(change, claims, asked)

    def _submit(self, change: Change, claims: Claims, asked: str | None) -> asyncio.Future[Outcome]:
        answered: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        trace = self._service.tracer.accept(asked, claims.user_id, claims.device_id, "http")
        self._service.write(
            DeviceWrite(
                user_id=claims.user_id,
                device_id=claims.device_id,
                change=change,
                answer=partial(_settle, answered),
                trace=trace,
            )
        )
        return answered

    # Reads

    async def read_watchlist(self, request: HttpRequest) -> Response:
        claims = await self._authenticate(request)
        asked = list_query(request.query)
        if asked.after is None and (unchanged := await self._unchanged(request, claims)):
            return unchanged
        match await self._list(claims.user_id, asked):
            case ReadFailed(reason=reason):
                raise unavailable(reason, RETRY_AFTER_S)
            case PageExpired():
                raise Problem(HTTPStatus.GONE, "cursor: this listing cannot be continued; start again without it.")
            case Changes() as changes:
                is_current = not changes.has_more
                return _list(watchlist_changes(changes), changes.epoch, changes.revision, is_current)
            case Page() as page:
                return _list(watchlist_page(page), page.epoch, page.revision, asked.after is None)

    async def _list(self, user_id: str, asked: ListQuery) -> Changes | Page | PageExpired | ReadFailed:
        answered: LoopFuture[Changes | Page | PageExpired | ReadFailed] = LoopFuture()
        if asked.since is None:
            self._service.journal(ReadPage(user_id, asked.limit, answered.set, asked.after))
        else:
            self._service.journal(ReadChanges(user_id, asked.since, asked.limit, answered.set, asked.epoch))
        return await _in_time(answered)

    async def last_activities(self, request: HttpRequest) -> Response:
        claims = await self._authenticate(request)
        head = await self._head(claims.user_id)
        etag = entity_tag(head.epoch, head.revision)
        if is_known(etag, request.header(b"if-none-match")):
            return _not_modified(etag)
        return _json(LastActivities(watchlist=head.revision, epoch=head.epoch), headers=_OF_A_USER | {"ETag": etag})

    async def _unchanged(self, request: HttpRequest, claims: Claims) -> Response | None:
        """Answer a condition from the user's head alone; ``None``: there is none, or it does not hold."""
        known = request.header(b"if-none-match")
        if not known:
            return None
        head = await self._head(claims.user_id)
        etag = entity_tag(head.epoch, head.revision)
        return _not_modified(etag) if is_known(etag, known) else None

    # About the service

    async def health(self, _request: HttpRequest) -> Response:
        return _json(Health("healthy", self._service.name, self._service.version))

    async def ready(self, _request: HttpRequest) -> Response:
        problems: dict[str, str] = {}
        try:
            await self._head("ready")
        except Problem as problem:
            problems["journal"] = problem.detail
        bus_problem = self._service.bus_status()
        if bus_problem is not None:
            problems["bus"] = bus_problem
        # Without the bus this node still serves its own users at full speed: it says so, and stays in.
        status = HTTPStatus.SERVICE_UNAVAILABLE if "journal" in problems else HTTPStatus.OK
        return _json(Readiness("not ready" if problems else "ready", problems), status)

    async def prometheus(self, _request: HttpRequest) -> Response:
        return Response(self._service.prometheus(), media_type="text/plain; version=0.0.4; charset=utf-8")

    async def figures(self, _request: HttpRequest) -> Response:
        return _json(self._service.figures())

    async def websocket(self, _request: HttpRequest) -> Response:
        headers = {"Upgrade": "websocket", "Connection": "Upgrade"}
        raise Problem(HTTPStatus.UPGRADE_REQUIRED, "Open a WebSocket here; /asyncapi.json describes it.", headers)

    # Shared steps

    async def _authenticate(self, request: HttpRequest) -> Claims:
        return await authenticated(request, self._service.authenticator)

    async def _head(self, user_id: str) -> Head:
        answered: LoopFuture[HeadsLoaded] = LoopFuture()
        self._service.journal(LoadHeads((user_id,), answered.set))
        heads = (await _in_time(answered)).heads
        if heads is None:
            raise unavailable("The journal cannot be read now.", RETRY_AFTER_S)
        return heads[0]


async def _results(taken: Sequence[_PendingWrite | WriteResponse]) -> list[WriteResponse]:
    return [one if isinstance(one, WriteResponse) else await _result(*one) for one in taken]


async def _result(change: Change, answered: asyncio.Future[Outcome]) -> WriteResponse:
    outcome = await answered
    if outcome.retry_after_s is not None:  # as a result it would look final, and the device would drop the write
        raise unavailable(f"Not every operation was taken; repeat them all ({outcome.reason}).", outcome.retry_after_s)
    return write_response(change, outcome)


async def _in_time(answer: Awaitable[T]) -> T:
    try:
        async with asyncio.timeout(ANSWER_TIMEOUT_S):
            return await answer
    except TimeoutError:
        raise _too_late() from None


async def _soon(answered: asyncio.Future[Outcome]) -> Outcome:
    """As ``_in_time``, for the one answer that is waited for all the time: half the cost."""
    timer = answered.get_loop().call_later(ANSWER_TIMEOUT_S, _expire, answered)
    try:
        return await answered
    except TimeoutError:
        raise _too_late() from None
    finally:
        timer.cancel()


def _settle(answered: asyncio.Future[Outcome], outcome: Outcome) -> None:
    if not answered.done():  # else nobody waits any more
        answered.set_result(outcome)


def _expire(answered: asyncio.Future[Outcome]) -> None:
    if not answered.done():
        answered.set_exception(TimeoutError())


def _too_late() -> Problem:
    detail = f"No answer within {ANSWER_TIMEOUT_S:.0f} s; a write with an operation_id can be repeated safely."
    return unavailable(detail, RETRY_AFTER_S)


def _json(body: object, status: HTTPStatus = HTTPStatus.OK, headers: dict[str, str] | None = None) -> Response:
    return Response(ENCODER.encode(body), status.value, headers, "application/json")


def _list(body: object, epoch: str, revision: int, is_current: bool) -> Response:
    """Return a list; only one that ends where the journal does has a tag to be compared with the journal's head."""
    return _json(body, headers=_OF_A_USER | ({"ETag": entity_tag(epoch, revision)} if is_current else {}))


def _not_modified(etag: str) -> Response:
    return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=_OF_A_USER | {"ETag": etag})
