"""One HTTP request of a simulated client, on a connection of its own."""

import asyncio
from typing import Any, Final

import msgspec

from simulation.client_deps import ClientDeps
from simulation.node import SimulatedNode
from simulation.outside.network import Connection

TIMEOUT_S: Final = 12.0
"""Longer than the service takes to give up."""


class Response(msgspec.Struct, frozen=True):
    """Of an HTTP request."""

    status: int
    body: dict[str, Any]


class _Exchange(asyncio.Protocol):
    """One request on a connection of its own."""

    def __init__(self, request: bytes, response: "asyncio.Future[Response | None]") -> None:
        self._request = request
        self._response = response
        self._received = b""
        self._transport: Any = None

    def connection_made(self, transport: Any) -> None:
        """Send the request."""
        self._transport = transport
        transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        """Take the response."""
        self._received += data
        head, separator, body = self._received.partition(b"\r\n\r\n")
        if not separator:
            return
        lines = head.split(b"\r\n")
        fields = dict(line.lower().split(b": ", 1) for line in lines[1:])
        if len(body) >= int(fields.get(b"content-length", b"0")):  # 204 has none
            self._answer(Response(int(lines[0].split()[1]), msgspec.json.decode(body) if body else {}))

    def eof_received(self) -> bool:
        """Close, too."""
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """Know that nothing more comes."""
        self._answer(None)

    def _answer(self, response: Response | None) -> None:
        if not self._response.done():
            self._response.set_result(response)


async def exchange(
    deps: ClientDeps, node: SimulatedNode, request_line: str, token: str, body: bytes = b""
) -> Response | None:
    """Return what ``node`` responds to a request; ``None``: it did not."""
    head = f"{request_line} HTTP/1.1\r\nhost: node\r\nauthorization: Bearer {token}\r\n"
    if body:
        head += f"content-type: application/json\r\ncontent-length: {len(body)}\r\n"
    answered: asyncio.Future[Response | None] = deps.loop.create_future()
    made: list[Connection] = []

    def connected(connection: Connection | None) -> None:
        if connection is not None:
            made.append(connection)
        elif not answered.done():
            answered.set_result(None)

    deps.network.connect(node, _Exchange(f"{head}\r\n".encode() + body, answered), connected)
    try:
        async with asyncio.timeout(TIMEOUT_S):
            return await answered
    except TimeoutError:
        return None
    finally:
        for connection in made:
            connection.client.abort()
