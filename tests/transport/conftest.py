import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from functools import partial
from typing import Any

import pytest
import uvicorn
import uvloop

from tests.daemon import bystander, daemon, http, start_daemon, user
from tests.databases import database_url, postgresql
from tests.timeouts import TIMEOUT_S
from transport.http.direct_writes import NO_WRITES, DirectWrites
from transport.http.http1.request_limits import RequestLimits
from transport.http.protocol import HttpProtocol

__all__ = ["bystander", "daemon", "database_url", "http", "postgresql", "start_daemon", "user"]

Serve = Callable[..., Awaitable[int]]

ON_BOTH_LOOPS = (
    "websocket/test_device_protocol",
    "websocket/test_sliced_reads",
    "http/test_protocol",
    "http/test_upgrades",
    "http/test_direct_writes",
    "http/test_streams",
)


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Run tests of sockets on both loops: their transports differ, and the service runs on the second."""
    loops: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {"asyncio": asyncio.new_event_loop}
    if f"{item.path.parent.name}/{item.path.stem}" in ON_BOTH_LOOPS:
        loops["uvloop"] = uvloop.new_event_loop
    return loops


async def _plain_app(scope: Any, receive: Any, send: Any) -> None:
    """Read the body and answer its length."""
    length = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        length += len(message["body"])
        if not message["more_body"]:
            break
    body = b"%d" % length
    headers = [(b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    """Start uvicorn with our HTTP protocol and the given WebSocket protocol; returns the port."""
    started: list[tuple[uvicorn.Server, socket.socket]] = []

    async def start(
        ws: Any = "none",
        limits: RequestLimits | None = None,
        app: Any = _plain_app,
        direct_writes: DirectWrites = NO_WRITES,
        keep_alive_s: Any = 5,
        access_log: bool = False,
    ) -> int:
        config = uvicorn.Config(
            app,
            http=partial(HttpProtocol, limits or RequestLimits(second_look_s=0.05), direct_writes),  # type: ignore[arg-type]  # any callable will do
            ws=ws,
            lifespan="off",
            log_config=None,
            timeout_keep_alive=keep_alive_s,
            access_log=access_log,
        )
        config.load()
        server = uvicorn.Server(config)
        server.lifespan = config.lifespan_class(config)
        listener = socket.create_server(("127.0.0.1", 0))
        await server.startup(sockets=[listener])
        started.append((server, listener))
        port: int = listener.getsockname()[1]
        return port

    yield start
    for server, listener in started:
        async with asyncio.timeout(TIMEOUT_S):
            await _shutdown(server, listener)


async def _shutdown(server: uvicorn.Server, listener: socket.socket) -> None:
    """As uvicorn's, which takes a tenth of a second even where no connection is left."""
    for accepting in server.servers:
        accepting.close()
    listener.close()
    state = server.server_state
    for connection in list(state.connections):
        connection.shutdown()
    while state.connections or state.tasks:
        await asyncio.sleep(0.001)
    for accepting in server.servers:
        await accepting.wait_closed()
