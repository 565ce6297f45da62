"""The listening socket: where it listens, what is served on it, and for how long."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from msgspec import structs
from websockets.asyncio.client import connect, unix_connect
from websockets.exceptions import InvalidStatus
from websockets.typing import Origin

from storage.schema.version import migrate
from syncd.keys.development import development_token
from syncd.keys.signing import authenticator
from syncd.listening import bind
from syncd.node import running_node
from syncd.revocations import RevokedTokenIds
from syncd.server import serving
from syncd.settings import Settings
from tests.daemon import SECRET, bearer
from tests.timeouts import TIMEOUT_S
from transport.access.minting import mint
from transport.bus.none import NoBus

pytestmark = pytest.mark.integration

WATCHLIST = "/api/v1/sync/watchlist"


@asynccontextmanager
async def served(settings: Settings) -> AsyncIterator[str]:
    """A node behind its server; the base URL."""
    revoked: RevokedTokenIds = {}
    with bind(settings) as listener:
        async with (
            running_node(settings, NoBus(), pytest.fail) as node,
            serving(settings, node, authenticator(settings, revoked), revoked, listener) as url,
        ):
            yield url


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    settings = Settings(data_dir=tmp_path, port=0, jwt_secret=SECRET, shutdown_timeout=1.0)
    migrate(settings.journal_url)
    return settings


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
async def test_http_and_devices_are_served_on_one_port(settings: Settings, tmp_path: Path, host: str) -> None:
    chosen = Settings(data_dir=tmp_path, host=host, port=0, jwt_secret=SECRET)
    async with served(chosen) as url, aiohttp.ClientSession(url) as http:
        async with http.get("/health") as response:
            assert (response.status, (await response.json())["service"]) == (200, "syncd")
        async with connect(url.replace("http", "ws") + "/ws", additional_headers=bearer()) as device:
            await (await device.ping())
        async with http.get(WATCHLIST) as response:
            assert response.status == 401


async def test_on_leaving_devices_are_told_goodbye_and_the_port_is_free(settings: Settings) -> None:
    async with served(settings) as url:
        device = await connect(url.replace("http", "ws") + "/ws", additional_headers=bearer())
        await (await device.ping())
    assert '"goodbye"' in str(await device.recv())
    await device.wait_closed()
    assert device.close_code == 1001
    bind(Settings(port=int(url.rpartition(":")[2]))).close()


@pytest.mark.parametrize("jwt_secret", [SECRET, None])
async def test_the_demo_is_there_in_development_only(tmp_path: Path, jwt_secret: str | None) -> None:
    settings = Settings(data_dir=tmp_path, port=0, jwt_secret=jwt_secret, shutdown_timeout=1.0)
    async with served(settings) as url, aiohttp.ClientSession(url) as http:
        statuses = {}
        for path in ("/admin", "/"):
            async with http.get(path) as response:
                statuses[path] = response.status
    assert statuses == {"/admin": 200, "/": 404 if jwt_secret else 200}


async def test_idle_connections_are_kept_longer_than_the_usual_proxy_keeps_them(settings: Settings) -> None:
    assert Settings().keep_alive_timeout > 60
    chosen = structs.replace(settings, keep_alive_timeout=0.2)
    async with served(chosen) as url:
        reader, writer = await asyncio.open_connection("127.0.0.1", int(url.rpartition(":")[2]))
        for _ in range(2):
            writer.write(b"GET /health HTTP/1.1\r\nHost: h\r\n\r\n")
            async with asyncio.timeout(TIMEOUT_S):
                await reader.readuntil(b"}")
        async with asyncio.timeout(TIMEOUT_S):
            assert await reader.read() == b""
        writer.close()


async def test_a_unix_socket_is_served_as_an_address_is(settings: Settings, tmp_path: Path) -> None:
    path = tmp_path / "syncd.sock"
    async with served(structs.replace(settings, unix_socket=path)) as address:
        assert address == f"unix:{path}"
        async with unix_connect(str(path), "ws://syncd/ws", additional_headers=bearer()) as device:
            await (await device.ping())


async def test_below_a_paths_prefix_is_all_that_devices_use(settings: Settings) -> None:
    chosen = structs.replace(settings, path_prefix="/sync-service/")
    async with served(chosen) as url, aiohttp.ClientSession(url) as http:
        for prefix in ("", "/sync-service"):
            for path in (WATCHLIST, "/api/v1/sync/stream?since=0&poll=0", "/ws"):
                async with http.get(prefix + path, headers=bearer()) as response:
                    assert response.status == (426 if path == "/ws" else 200)
            async with connect(url.replace("http", "ws") + f"{prefix}/ws", additional_headers=bearer()) as device:
                await (await device.ping())
        async with http.get("/openapi.json") as response:
            assert (await response.json())["servers"][0]["url"] == "/sync-service"


@pytest.mark.parametrize(("secret", "status"), [(None, 101), (SECRET, 403)])
async def test_in_development_a_page_of_another_port_may_connect(
    settings: Settings, tmp_path: Path, secret: str | None, status: int
) -> None:
    chosen = structs.replace(settings, jwt_secret=secret)
    async with served(chosen) as url:
        token = development_token(chosen, "tv") if secret is None else mint(SECRET, "ann", "tv", 60)
        headers = {"Authorization": f"Bearer {token}"}
        page = connect(
            url.replace("http", "ws") + "/ws", additional_headers=headers, origin=Origin("http://localhost:3000")
        )
        if status == 101:
            async with page as device:
                await (await device.ping())
        else:
            with pytest.raises(InvalidStatus) as refused:
                await page
            assert refused.value.response.status_code == status
        async with aiohttp.ClientSession(url) as http, http.get("/metrics") as response:
            assert f"syncd_origins_refused_total {float(status == 403)}" in await response.text()
