"""The smallest ASGI application that serves a table of routes as RFC 9110 has it.

In place of Starlette's router and middleware, which find an endpoint by trying patterns and pass each request through
five coroutines: here every path is fixed, and a dict finds it.
"""

import logging
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from urllib.parse import unquote

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from transport.errors import ClientGone, Problem
from transport.http.exchange.cors import NO_CORS, Cors
from transport.http.http1.carrying import CARRIER, Carrier
from transport.http.http1.request_head import RequestHead
from transport.wire.problems import OUR_ERROR, problem_response
from transport.wire.query import refuse_tokens

logger = logging.getLogger(__name__)


class HttpRequest(RequestHead):
    """One request as an endpoint sees it."""

    __slots__ = ("_receive", "_scope")

    def __init__(self, scope: Scope, receive: Receive) -> None:
        super().__init__(scope["headers"])
        self._scope = scope
        self._receive = receive

    @property
    def method(self) -> str:
        """As it was sent: ``GET``."""
        method: str = self._scope["method"]
        return method

    @property
    def carrier(self) -> Carrier:
        """The connection that the request came on. Raises: ClientGone, it has ended."""
        carrier: Carrier | None = self._scope["extensions"][CARRIER]()
        if carrier is None or carrier.transport.is_closing():
            raise ClientGone
        return carrier

    @property
    def address(self) -> str:
        """The client's, as far as trusted proxies tell it; empty for one that is connected to a unix socket."""
        client: tuple[str, int] | None = self._scope.get("client")
        return "" if client is None else client[0]

    @property
    def last_segment(self) -> str:
        """What follows the last slash of the path; a slash that is escaped is part of it.

        Bytes that are no UTF-8 are lone surrogates, which nothing is called: replaced, they would name another thing.
        """
        path: bytes = self._scope["raw_path"]
        return unquote(path.rpartition(b"/")[2], errors="surrogateescape")

    @property
    def query(self) -> bytes:
        """What follows the path's question mark."""
        query: bytes = self._scope["query_string"]
        return query

    async def chunk(self) -> tuple[bytes, bool]:
        """Return the next part of the body and whether more follows.

        Raises:
            ClientGone: no more will come, though it should.
        """
        message = await self._receive()
        if message["type"] != "http.request":
            raise ClientGone
        return message.get("body", b""), message.get("more_body", False)


async def _gone(receive: Receive) -> None:
    """Return when the server knows, too, that the client is gone: until then it takes a missing answer for an error."""
    while (await receive())["type"] != "http.disconnect":
        pass


Endpoint = Callable[[HttpRequest], Awaitable[Response]]
"""Answers a request; may raise ``Problem``."""

Routes = Mapping[str, Mapping[str, Endpoint]]
"""Path -> method -> endpoint. The last segment of a path may be ``*``: any, which the endpoint looks at."""


def with_any_last_segment(path: str) -> str:
    """Return ``path`` with ``*`` in place of its last segment."""
    return f"{path[: path.rfind('/')]}/*"


class HttpApp:
    """The application: ``Config(app=HttpApp(routes))``.

    Args:
        routes: what to serve. HEAD comes with GET (the server leaves the body out), OPTIONS with all.
        cors: which pages from elsewhere may use it.

    Thread: the event loop.
    """

    def __init__(self, routes: Routes, cors: Cors = NO_CORS) -> None:
        self._cors = cors
        self._endpoints: dict[tuple[str, str], Endpoint] = {}
        self._allow: dict[str, str] = {}
        for path, by_method in routes.items():
            methods = dict(by_method)
            if "GET" in methods:
                methods["HEAD"] = methods["GET"]
            self._allow[path] = ", ".join(sorted({*methods, "OPTIONS"}))
            self._endpoints.update({(method, path): endpoint for method, endpoint in methods.items()})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, whatever happens."""
        request = HttpRequest(scope, receive)
        try:
            response = await self._respond(scope, request)
        except Problem as problem:
            response = problem_response(problem)
        except ClientGone:
            await _gone(receive)
            return
        except Exception:
            logger.exception("%s %s failed", scope["method"], scope["path"])
            response = problem_response(OUR_ERROR)
        response.raw_headers += self._cors.response_headers(request.headers.get(b"origin"))
        await response(scope, receive, send)

    async def _respond(self, scope: Scope, request: HttpRequest) -> Response:
        if scope["query_string"]:
            refuse_tokens(scope["query_string"])
        method, path = scope["method"], scope["path"]
        if path not in self._allow:
            above = with_any_last_segment(scope["raw_path"].decode("latin-1"))
            path = above if above in self._allow else path
        if method == "OPTIONS":
            methods = "GET, POST, PUT, DELETE" if ("PUT", path) in self._endpoints else "GET, POST"
            if preflight := self._cors.preflight(request.headers, methods):
                return preflight
        endpoint = self._endpoints.get((method, path))
        return await endpoint(request) if endpoint else self._without_endpoint(method, path, scope["path"])

    def _without_endpoint(self, method: str, path: str, asked: str) -> Response:
        if path not in self._allow:
            raise Problem(HTTPStatus.NOT_FOUND, f"There is nothing at {asked}.")
        allow = {"Allow": self._allow[path]}
        if method != "OPTIONS":
            raise Problem(HTTPStatus.METHOD_NOT_ALLOWED, f"{method} is not possible at {asked}.", allow)
        return Response(status_code=HTTPStatus.NO_CONTENT, headers=allow)
