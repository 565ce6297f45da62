"""HTTP/1.1 for the broker: a connection that can also refuse, hang up half-way and say nothing, as faults demand.

An ASGI server would answer in the application's place where the broker must not answer, so this sits on the parser.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Coroutine
from http import HTTPStatus
from typing import cast

import httptools

from pubnub_broker.exchange import Refused, Request, Response, bad_request, error

MAX_HEAD_BYTES = 128 * 1024
MAX_BODY_BYTES = 1024 * 1024
MAX_PIPELINED = 64

logger = logging.getLogger(__name__)

Reply = Response | None | Coroutine[None, None, Response | None]
"""What to answer, now or later; ``None``: close the connection without a word."""


class HttpConnection(asyncio.Protocol):
    """One client's connection: requests in order, one answered at a time; a client that leaves drops its request.

    Thread: the event loop.
    """

    def __init__(self, answer: Callable[[Request], Reply], connections: "set[HttpConnection]") -> None:
        self._answer = answer
        self._connections = connections
        self._parser = httptools.HttpRequestParser(self)
        self._transport: asyncio.Transport
        self._target = b""
        self._headers: dict[bytes, bytes] = {}
        self._body = bytearray()
        self._head_bytes = 0
        self._requests: deque[tuple[Request, bool]] = deque()  # with: may the connection live on?
        self._task: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Asyncio's hook."""
        self._transport = cast("asyncio.Transport", transport)
        self._connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Asyncio's hook."""
        self._connections.discard(self)
        self._requests.clear()
        if self._task:
            self._task.cancel()

    def abort(self) -> None:
        """Drop the connection at once."""
        self._transport.abort()

    def data_received(self, data: bytes) -> None:
        """Asyncio's hook."""
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserCallbackError as failure:
            if not isinstance(failure.__context__, Refused):
                raise
            self._write(failure.__context__.response, keep_alive=False)
        except httptools.HttpParserUpgrade as upgrade:  # an offer, of HTTP/2 for one; we stay with HTTP/1.1
            self.data_received(data[upgrade.args[0] :])
        except httptools.HttpParserError:
            self._write(bad_request("not an HTTP/1.1 request"), keep_alive=False)

    def on_message_begin(self) -> None:
        """The parser's hook."""
        self._target = b""
        self._headers = {}
        self._body = bytearray()
        self._head_bytes = 0

    def on_url(self, url: bytes) -> None:
        """The parser's hook."""
        self._target += url
        self._count_head(len(url), 414)

    def on_header(self, name: bytes, value: bytes) -> None:
        """The parser's hook."""
        self._headers[name.lower()] = value
        self._count_head(len(name) + len(value), 431)

    def on_headers_complete(self) -> None:
        """The parser's hook."""
        if self._headers.get(b"expect", b"").lower() == b"100-continue":
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, body: bytes) -> None:
        """The parser's hook."""
        self._body += body
        if len(self._body) > MAX_BODY_BYTES:
            raise _too_large(413)

    def on_message_complete(self) -> None:
        """The parser's hook."""
        method = self._parser.get_method().decode("ascii")
        request = Request(method, self._target, self._headers, bytes(self._body))
        self._requests.append((request, self._parser.should_keep_alive()))
        if len(self._requests) > MAX_PIPELINED:
            self.abort()
        self._answer_next()

    def _count_head(self, count: int, status: int) -> None:
        self._head_bytes += count
        if self._head_bytes > MAX_HEAD_BYTES:
            raise _too_large(status)

    def _answer_next(self) -> None:
        while self._requests and self._task is None:
            request, keep_alive = self._requests.popleft()
            try:
                reply = self._answer(request)
            except Exception:
                logger.exception("the broker failed to answer a request")
                reply = _DEFECT
            if isinstance(reply, Coroutine):
                self._task = asyncio.get_running_loop().create_task(self._answer_later(reply, keep_alive))
            else:
                self._write(reply, keep_alive)

    async def _answer_later(self, reply: Coroutine[None, None, Response | None], keep_alive: bool) -> None:
        try:
            response = await reply
        except Exception:
            logger.exception("the broker failed to answer a request")
            response = _DEFECT
        self._write(response, keep_alive)
        self._task = None
        self._answer_next()

    def _write(self, response: Response | None, keep_alive: bool) -> None:
        if self._transport.is_closing():
            return
        if response is None:
            self.abort()
            return
        body = response.body
        head = (
            b'HTTP/1.1 %d %s\r\nContent-Type: text/javascript; charset="UTF-8"\r\nCache-Control: no-cache\r\n'
            b"%b%bContent-Length: %d\r\n\r\n"
        ) % (
            response.status,
            HTTPStatus(response.status).phrase.encode("ascii"),
            _PUBLIC if response.is_public else b"",
            b"" if keep_alive else b"Connection: close\r\n",
            len(body),
        )
        if response.is_truncated:
            body, keep_alive = body[: len(body) // 2], False
        self._transport.write(head + body)
        if not keep_alive:
            self._transport.close()


_PUBLIC = (
    b"Access-Control-Allow-Origin: *\r\nAccess-Control-Allow-Methods: GET, POST, DELETE, OPTIONS\r\n"
    b"Access-Control-Allow-Headers: *\r\n"
)
_DEFECT = error(500, "the broker failed: see its log", "Broker")


def _too_large(status: int) -> Refused:
    return Refused(error(status, HTTPStatus(status).phrase, "Broker"))
