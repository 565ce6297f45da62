"""Writes that the HTTP protocol answers itself, without an ASGI application: no scope, no task, no response object.

The rules are those of ``writes``, and so are the answers, byte for byte.
"""

import logging
from collections.abc import Mapping, Sequence
from typing import Any, Final, Protocol

from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from transport.access.authentication import Claims
from transport.errors import Problem, SigningKeyMissing
from transport.http.exchange.cors import NO_CORS, Cors
from transport.http.exchange.pending_answers import BodyOrProblem
from transport.http.exchange.requests import check_body_size, traceparent
from transport.http.exchange.responses import JSON_TYPE
from transport.http.http1.request_head import Field, RequestHead
from transport.http.routes.writes import WriteRoute
from transport.wire.problems import OUR_ERROR, problem_response

logger = logging.getLogger(__name__)

_JSON: Final = (b"content-type", JSON_TYPE.encode())


class Connection(Protocol):
    """What a write needs of the HTTP protocol that it belongs to."""

    transport: Any
    server_state: Any

    def on_response_complete(self) -> None:
        """Go on with the next request."""


class _NobodyWaits:
    """Stands in for an event."""

    def set(self) -> None:
        """Do nothing."""


class DirectWrite:
    """One write, where uvicorn has the cycle of a request and its response: the public attributes are those it uses.

    Thread: the event loop.
    """

    __slots__ = (
        *("_body", "_connection", "_cors", "_has_more", "_has_waited", "_head", "_judgement", "_route"),
        *("disconnected", "keep_alive", "response_complete", "response_started"),
    )

    message_event = _NobodyWaits()

    def __init__(
        self,
        route: WriteRoute,
        head: RequestHead,
        judgement: Claims | Problem,
        connection: Connection,
        cors: Cors,
        *,
        keep_alive: bool,
    ) -> None:
        self._route = route
        self._head = head
        self._judgement = judgement
        self._connection: Connection | None = connection  # until it is answered
        self._cors = cors
        self._body = bytearray()
        self._has_more = True
        self._has_waited = False  # for the body, which did not come in one read
        self.keep_alive = keep_alive
        self.disconnected = self.response_started = self.response_complete = False

    def receive(self, part: bytes) -> None:
        """Take another part of the body."""
        self._body += part

    def end(self) -> None:
        """Note that the body is complete."""
        self._has_more = False

    def proceed(self) -> bool:
        """Answer or submit the write if what has come is enough for that, and return whether it is."""
        judgement = self._judgement
        if isinstance(judgement, Problem):
            self.answer(judgement)
            return True
        try:
            check_body_size(len(self._body), self._route.max_bytes)
            if self._has_more:
                self._has_waited = True
                return False
            if self._has_waited:
                self._route.check_again(self._head)
            body, self._body = bytes(self._body), bytearray()  # an idle connection holds this object
            self._route.submit(judgement, body, traceparent(self._head), self.answer)
        except Problem as problem:
            self.answer(problem)
        except Exception:
            logger.exception("a write failed")
            self.answer(OUR_ERROR)
        return True

    def answer(self, answer: BodyOrProblem) -> None:
        """Write the response, unless there is one already or nobody to read it."""
        connection, self._connection = self._connection, None  # which holds this object
        if connection is None or self.disconnected or connection.transport.is_closing():
            return
        connection.transport.write(self._response(answer, connection.server_state.default_headers))
        self.response_started = self.response_complete = True
        if not self.keep_alive:
            connection.transport.close()
        connection.on_response_complete()

    def _response(self, answer: BodyOrProblem, default_headers: Sequence[Field]) -> bytes:
        if isinstance(answer, Problem):
            response = problem_response(answer)
            status, headers, body = response.status_code, response.raw_headers, bytes(response.body)
        else:
            status, headers, body = 200, [(b"content-length", b"%d" % len(answer)), _JSON], answer
        lines = [STATUS_LINE[status]]
        for name, value in (
            *default_headers,
            *headers,
            *self._cors.response_headers(self._head.headers.get(b"origin")),
        ):
            lines += (name, b": ", value, b"\r\n")
        lines.append(b"\r\n" if self.keep_alive else b"connection: close\r\n\r\n")
        lines.append(body)
        return b"".join(lines)


class DirectWrites:
    """The routes, by their paths. Thread: the event loop.

    Args:
        routes: the routes; the last segment of a path may be ``*``: any, as if nothing in it were escaped.
        cors: which pages from elsewhere may use it.
    """

    def __init__(self, routes: Mapping[str, WriteRoute], cors: Cors = NO_CORS) -> None:
        self._routes = {path.encode(): route for path, route in routes.items() if not path.endswith("*")}
        self._above = {path[:-1].encode(): route for path, route in routes.items() if path.endswith("*")}
        self._cors = cors

    def __contains__(self, url: bytes) -> bool:
        """Return whether a POST to ``url`` is a write."""
        return url in self._routes or url[: url.rfind(b"/") + 1] in self._above

    def begin(
        self, url: bytes, lines: Sequence[Field], connection: Connection, *, keep_alive: bool
    ) -> DirectWrite | None:
        """Return the write that begins with this head.

        ``None``: it is for the application, which can wait for its token's key, ask for its body, and read any path.
        """
        route, head = self._routes.get(url) or self._route_above(url), RequestHead(lines)
        if route is None or b"expect" in head.headers:
            return None
        judgement: Claims | Problem
        try:
            judgement = route.judge(head)
        except SigningKeyMissing:
            return None
        except Problem as problem:
            judgement = problem
        except Exception:
            logger.exception("a write failed")
            judgement = OUR_ERROR
        return DirectWrite(route, head, judgement, connection, self._cors, keep_alive=keep_alive)

    def _route_above(self, url: bytes) -> WriteRoute | None:
        """Return the route at a path with any last segment; ``None``: not with this one."""
        at = url.rfind(b"/") + 1
        try:
            return self._above[url[:at]].of(url[at:].decode("latin-1"))
        except Problem:
            return None


NO_WRITES: Final = DirectWrites({})
