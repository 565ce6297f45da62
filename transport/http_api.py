"""The HTTP API: writes, reads, health and figures (docs/protocol.md)."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from http import HTTPStatus
from typing import TypeVar

import msgspec
from msgspec import Struct
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from actors.connection_messages import DeviceWrite
from actors.conversion import device_update
from actors.journal_messages import (
    Changes,
    Head,
    HeadsLoaded,
    JournalMessage,
    LoadHeads,
    Outcome,
    ReadFailed,
    ReadSince,
    ReadSnapshot,
    Snapshot,
    Status,
    Tell,
)
from actors.runtime import LoopFuture
from transport.authentication import Authenticator, Claims, TokenRefused
from transport.handshake import bearer_token, unauthorized
from transport.problems import Problem, on_bug, on_http_exception, on_problem, unavailable
from transport.requests import (
    MAX_BULK_BYTES,
    MAX_WRITE_BYTES,
    BulkRequest,
    WriteRequest,
    WriteResponse,
    decode,
    read_body,
    since_parameter,
    write_response,
)

T = TypeVar("T")

WRITE_DECODER = msgspec.json.Decoder(WriteRequest)
BULK_DECODER = msgspec.json.Decoder(BulkRequest)
ENCODER = msgspec.json.Encoder()

ANSWER_TIMEOUT_S = 10.0
RETRY_AFTER_S = 1.0


class Service(Struct, frozen=True, eq=False):
    """What the API needs of the daemon."""

    name: str
    version: str
    authenticator: Authenticator
    write: Tell[DeviceWrite]
    journal: Tell[JournalMessage]
    bus_status: Callable[[], str | None]
    """Why the bus does not work at the moment; ``None``: it works."""
    prometheus: Callable[[], bytes]
    figures: Callable[[], dict[str, float]]
    """The documented figures by name; milliseconds."""


def http_api(service: Service) -> Starlette:
    """Return the ASGI application."""
    api = _Api(service)
    routes = {
        ("POST", "/api/v1/sync/watchlist"): api.write_watchlist,
        ("GET", "/api/v1/sync/watchlist"): api.read_watchlist,
        ("POST", "/api/v1/sync/operations"): api.write_operations,
        ("GET", "/api/v1/sync/last_activities"): api.last_activities,
        ("GET", "/api/v1/metrics"): api.figures,
        ("GET", "/health"): api.health,
        ("GET", "/ready"): api.ready,
        ("GET", "/metrics"): api.prometheus,
    }
    return Starlette(
        routes=[Route(path, endpoint, methods=[method]) for (method, path), endpoint in routes.items()],
        exception_handlers={Problem: on_problem, HTTPException: on_http_exception, Exception: on_bug},
    )


class _Api:
    def __init__(self, service: Service) -> None:
        self._service = service

    # Writes

    async def write_watchlist(self, request: Request) -> Response:
        claims = await self._authenticate(request)
        write = decode(WRITE_DECODER, await read_body(request, MAX_WRITE_BYTES))
        outcome = await self._submit(write, claims)
        match outcome.status:
            case Status.NOT_FOUND:
                raise Problem(HTTPStatus.NOT_FOUND, f"content_id: {write.content_id} is not in the watchlist.")
            case Status.REFUSED if outcome.retry_after_s is not None:
                raise unavailable(outcome.reason or "The write was not taken.", outcome.retry_after_s)
            case Status.REFUSED:
                raise Problem(HTTPStatus.BAD_REQUEST, outcome.reason or "The write was refused.")
        return _json(write_response(write, outcome))

    async def write_operations(self, request: Request) -> Response:
        claims = await self._authenticate(request)
        bulk = decode(BULK_DECODER, await read_body(request, MAX_BULK_BYTES))
        results = await asyncio.gather(*(self._one_of_many(raw, claims) for raw in bulk.operations))
        return _json({"results": results})

    async def _one_of_many(self, raw: msgspec.Raw, claims: Claims) -> WriteResponse:
        try:
            write = WRITE_DECODER.decode(raw)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            return WriteResponse(success=False, status=Status.REFUSED, detail=f"{error}.")
        return write_response(write, await self._submit(write, claims))

    async def _submit(self, write: WriteRequest, claims: Claims) -> Outcome:
        answered: LoopFuture[Outcome] = LoopFuture()
        self._service.write(write.write(claims, answered.set))
        return await _in_time(answered)

    # Reads

    async def read_watchlist(self, request: Request) -> Response:
        claims = await self._authenticate(request)
        since = since_parameter(request)
        answered: LoopFuture[Changes | Snapshot | ReadFailed] = LoopFuture()
        if since is None:
            self._service.journal(ReadSnapshot(claims.user_id, answered.set))
        else:
            epoch = request.query_params.get("epoch")
            self._service.journal(ReadSince(claims.user_id, since, answered.set, epoch))
        match await _in_time(answered):
            case ReadFailed(reason=reason):
                raise unavailable(reason, RETRY_AFTER_S)
            case Changes() as changes:
                body = {
                    "revision": changes.revision,
                    "epoch": changes.epoch,
                    "changes": [device_update(update) for update in changes.updates],
                }
                etag = f'"{changes.epoch}-{changes.revision}-since-{since}"'
            case Snapshot() as snapshot:
                body = {"revision": snapshot.revision, "epoch": snapshot.epoch, "items": _items(snapshot)}
                if snapshot.reason is not None:
                    body["reason"] = snapshot.reason
                etag = f'"{snapshot.epoch}-{snapshot.revision}"'
        if request.headers.get("if-none-match") == etag:
            return Response(status_code=HTTPStatus.NOT_MODIFIED, headers={"ETag": etag})
        return _json(body, headers={"ETag": etag, "Cache-Control": "private, no-cache"})

    async def last_activities(self, request: Request) -> Response:
        claims = await self._authenticate(request)
        heads = await self._heads(claims.user_id)
        return _json({"watchlist": heads[0].revision})

    # The operator's

    async def health(self, _request: Request) -> Response:
        return _json({"status": "healthy", "service": self._service.name, "version": self._service.version})

    async def ready(self, _request: Request) -> Response:
        problems: dict[str, str] = {}
        try:
            await self._heads("ready")
        except Problem as problem:
            problems["journal"] = problem.detail
        bus_problem = self._service.bus_status()
        if bus_problem is not None:
            problems["bus"] = bus_problem
        body = {"status": "not ready" if problems else "ready", "problems": problems}
        # Without the bus this node still serves its own users at full speed: it says so, and stays in.
        status = HTTPStatus.SERVICE_UNAVAILABLE if "journal" in problems else HTTPStatus.OK
        return _json(body, status)

    async def prometheus(self, _request: Request) -> Response:
        return Response(self._service.prometheus(), media_type="text/plain; version=0.0.4; charset=utf-8")

    async def figures(self, _request: Request) -> Response:
        return _json(self._service.figures())

    # Shared steps

    async def _authenticate(self, request: Request) -> Claims:
        token = bearer_token(request.headers.get("authorization"))
        try:
            return await self._service.authenticator.authenticate_fetching(token)
        except TokenRefused as refused:
            raise unauthorized(str(refused)) from None

    async def _heads(self, user_id: str) -> tuple[Head, ...]:
        answered: LoopFuture[HeadsLoaded] = LoopFuture()
        self._service.journal(LoadHeads((user_id,), answered.set))
        heads = (await _in_time(answered)).heads
        if heads is None:
            raise unavailable("The journal cannot be read now.", RETRY_AFTER_S)
        return heads


def _items(snapshot: Snapshot) -> list[dict[str, str]]:
    return [
        {
            "content_id": item.content_id,
            "added_at": datetime.fromtimestamp(item.timestamp.physical / 1000, UTC).isoformat(timespec="milliseconds"),
            "device_id": item.device_id,
        }
        for item in snapshot.items
    ]


async def _in_time(answer: Awaitable[T]) -> T:
    try:
        async with asyncio.timeout(ANSWER_TIMEOUT_S):
            return await answer
    except TimeoutError:
        detail = f"No answer within {ANSWER_TIMEOUT_S:.0f} s; a write with an operation_id can be repeated safely."
        raise unavailable(detail, RETRY_AFTER_S) from None


def _json(body: object, status: HTTPStatus = HTTPStatus.OK, headers: dict[str, str] | None = None) -> Response:
    return Response(ENCODER.encode(body), status.value, headers, "application/json")
