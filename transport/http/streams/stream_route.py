"""The route for devices whose network refuses WebSockets: the same messages as server-sent events."""

from http import HTTPStatus
from typing import Final

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from actors.metrics import StreamMetrics
from transport.connection.device_connection import DeviceDeps
from transport.errors import Problem
from transport.http.exchange.app import HttpRequest, Routes
from transport.http.http1.carrying import Carrier
from transport.http.http1.request_head import Field
from transport.http.streams.device_requests import judged
from transport.http.streams.event_stream import EventStream
from transport.http.streams.server_sent_events import MEDIA_TYPE
from transport.wire.query import stream_query

STREAM: Final = "/api/v1/sync/stream"

_HEADERS: Final[tuple[Field, ...]] = (
    (b"content-type", MEDIA_TYPE.encode()),
    (b"cache-control", b"no-store, no-transform"),
    (b"x-accel-buffering", b"no"),
)
"""Nobody between is to keep the events back: to store, to compress or to buffer them."""


def stream_routes(deps: DeviceDeps, metrics: StreamMetrics) -> Routes:
    """Return the route, whose connections are like those of WebSockets with ``deps``."""

    async def stream(request: HttpRequest) -> Response:
        claims, (resume, poll_s) = await judged(request, deps.authenticator, deps.allowed_origins, stream_query)
        if request.method == "HEAD":
            return _Head()
        carrier = request.carrier
        if carrier.pipeline:  # they came before anybody could know that this answer does not end
            detail = "Send no other request on the connection of a stream or a poll before its end."
            raise Problem(HTTPStatus.BAD_REQUEST, detail, {"Connection": "close"})
        events = EventStream(deps, carrier, poll_s)
        events.begin(claims, resume)
        return _Answer(events, carrier, metrics, "stream" if poll_s is None else "poll")

    return {STREAM: {"GET": stream}}


class _Head(Response):
    """The head of an answer, without a length."""

    def __init__(self) -> None:
        self.raw_headers = list(_HEADERS)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        await send({"type": "http.response.body"})


class _Answer(_Head):
    """A whole answer: its head and its end are the server's, between them its ``EventStream`` writes."""

    def __init__(self, events: EventStream, carrier: Carrier, metrics: StreamMetrics, kind: str) -> None:
        super().__init__()
        self._events = events
        self._carrier = carrier
        self._metrics = metrics
        self._kind = kind

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Return when all is sent, or nobody is there to be sent it."""
        self._metrics.open[self._kind] += 1
        self._metrics.opened[self._kind] += 1
        has_chunks = scope["http_version"] != "1.0"
        try:
            if not has_chunks:
                self._carrier.end_by_closing()
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            self._events.open(has_chunks=has_chunks)
            await self._events.over
            self._events.put_down()
            await send({"type": "http.response.body"})
        finally:
            self._metrics.open[self._kind] -= 1
            self._events.end()
