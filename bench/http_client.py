"""An HTTP client that costs little: on two cores the server must be what is measured."""

import asyncio
from collections.abc import Iterable
from typing import NamedTuple

from httptools import HttpResponseParser


class Answer(NamedTuple):
    """What a server said."""

    status: int
    body: bytes


class HttpConnection(asyncio.Protocol):
    """A kept-alive connection; one request at a time. Made by ``open``."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport
        self._parser = HttpResponseParser(self)
        self._body = b""
        self._answer: asyncio.Future[Answer] | None = None

    @classmethod
    async def open(cls, port: int, host: str = "127.0.0.1") -> "HttpConnection":
        """Return a new connection. Raises: OSError."""
        _, connection = await asyncio.get_running_loop().create_connection(cls, host, port)
        return connection

    def exchange(self, request: bytes) -> asyncio.Future[Answer]:
        """Send a whole request and return its answer to be; ConnectionError if the server hangs up instead."""
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return self._answer

    @property
    def is_closed(self) -> bool:
        """Whether either side has hung up; servers do, after some idle seconds."""
        return self._transport.is_closing()

    def close(self) -> None:
        """Hang up."""
        self._transport.close()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # a stream's
        """Called by the event loop."""
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Called by the event loop."""
        self._parser.feed_data(data)

    def connection_lost(self, exc: Exception | None) -> None:
        """Called by the event loop."""
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(ConnectionError("the server hung up"))

    def on_body(self, body: bytes) -> None:
        """Called by the parser."""
        self._body += body

    def on_message_complete(self) -> None:
        """Called by the parser."""
        body, self._body = self._body, b""
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(Answer(self._parser.get_status_code(), body))


def post_request(path: str, body: bytes, token: str | None = None) -> bytes:
    """Return the bytes of a POST of JSON."""
    authorization = f"Authorization: Bearer {token}\r\n" if token else ""
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{authorization}"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def get_request(path: str, token: str) -> bytes:
    """Return the bytes of a GET."""
    return f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token}\r\n\r\n".encode()


async def send_all(port: int, requests: Iterable[bytes], connections: int) -> None:
    """Send ``requests`` over so many connections, each of which waits for an answer before it sends the next.

    Raises:
        RuntimeError: an answer was not a 200.
    """
    shared = iter(requests)

    async def work() -> None:
        connection = await HttpConnection.open(port)
        for request in shared:
            answer = await connection.exchange(request)
            if answer.status != 200:
                raise RuntimeError(f"the server answered {answer.status}: {answer.body[:200]!r}")
        connection.close()

    async with asyncio.TaskGroup() as workers:
        for _ in range(connections):
            workers.create_task(work())
