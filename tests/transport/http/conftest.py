from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import aiohttp
import httpx
import pytest

from tests.daemon import DaemonProcess, bearer, way
from tests.transport.conftest import Serve
from transport.http.api import http_api
from transport.http.routes.deps import ApiDeps

__all__ = ["way"]

ServeApi = Callable[..., Awaitable[int]]
Ask = Callable[..., Awaitable[tuple[int, Any]]]
Connect = Callable[[ApiDeps], Awaitable[httpx.AsyncClient]]


@pytest.fixture
async def api(daemon: DaemonProcess) -> AsyncIterator[aiohttp.ClientSession]:
    """A client of the shared daemon, which names paths only."""
    async with aiohttp.ClientSession(daemon.url) as session:
        yield session


@pytest.fixture
def ask(api: aiohttp.ClientSession, user: str) -> Ask:
    """``await ask(method, path, body, **headers)``: status and answer of the shared daemon, to ``user``."""

    async def ask(method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        async with api.request(method, path, json=body, headers=bearer(user) | headers) as response:
            return response.status, await response.json(content_type=None) if await response.read() else None

    return ask


@pytest.fixture
def serve_api(serve: Serve) -> ServeApi:
    """Start uvicorn with the API alone, over stand-ins for its actors; returns the port."""

    async def start(deps: ApiDeps, **arguments: Any) -> int:
        api = http_api(deps)
        return await serve(app=api.app, direct_writes=api.direct_writes, **arguments)

    return start


@pytest.fixture
async def connect(serve_api: ServeApi) -> AsyncIterator[Connect]:
    """Start the API alone and return a client of it, which names paths only."""
    clients: list[httpx.AsyncClient] = []

    async def start(deps: ApiDeps) -> httpx.AsyncClient:
        url = f"http://127.0.0.1:{await serve_api(deps)}"
        clients.append(httpx.AsyncClient(base_url=url, verify=False))  # reading all authorities takes 25 ms
        return clients[-1]

    yield start
    for client in clients:
        await client.aclose()
