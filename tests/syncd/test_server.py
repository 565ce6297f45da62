"""The listening socket: where it listens, what is served on it and for how long, and how many files it may have."""

import resource
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from websockets import InvalidStatus, Origin
from websockets.asyncio.client import connect

from storage.schema import migrate
from syncd.errors import SettingsError
from syncd.keys.signing import authenticator
from syncd.node import running_node
from syncd.revocations import RevokedTokenIds
from syncd.server import bind, raise_file_limit, serving
from syncd.settings import Settings
from tests.daemon import SECRET, StartDaemon, bearer
from transport.bus.none import NoBus

pytestmark = pytest.mark.integration

WATCHLIST = "/api/v1/sync/watchlist"


@pytest.mark.parametrize(("host", "family"), [("127.0.0.1", socket.AF_INET), ("::1", socket.AF_INET6)])
def test_a_socket_listens_where_the_settings_say(host: str, family: int) -> None:
    with bind(Settings(host=host, port=0)) as listener:
        address, port = listener.getsockname()[:2]
        assert (listener.family, address) == (family, host)
        socket.create_connection((host, port)).close()


@pytest.mark.parametrize("host", ["a..b", "x" * 64])
def test_a_host_that_cannot_be_is_told(host: str) -> None:
    with pytest.raises(SettingsError, match=f"^--host {host} --port 0: "):
        bind(Settings(host=host, port=0))


def test_a_port_can_be_had_again_at_once() -> None:
    with bind(Settings(port=0)) as listener:
        port = listener.getsockname()[1]
        socket.create_connection(("127.0.0.1", port)).close()
    bind(Settings(port=port)).close()


@pytest.mark.parametrize("host", ["192.0.2.1", "no-such-host.invalid"])
def test_an_address_that_cannot_be_had_is_refused_by_its_settings(host: str) -> None:
    with pytest.raises(SettingsError, match=f"^--host {host} --port 8083: "):
        bind(Settings(host=host))


def test_a_port_that_is_taken_is_refused_by_its_settings() -> None:
    with bind(Settings(port=0)) as listener:
        port = listener.getsockname()[1]
        with pytest.raises(SettingsError, match=f"^--host 127.0.0.1 --port {port}: Address already in use$"):
            bind(Settings(port=port))


def test_as_many_files_may_be_open_as_the_system_allows() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(soft, 256), hard))
    try:
        for _ in range(2):
            raise_file_limit()
            assert resource.getrlimit(resource.RLIMIT_NOFILE) == (hard, hard)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


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


async def test_in_development_pages_of_this_machine_may_connect_and_of_others_it_is_told(
    start_daemon: StartDaemon, http: aiohttp.ClientSession
) -> None:
    daemon = start_daemon("--log-format", "json", secret=None)
    header = {"Authorization": f"Bearer {daemon.welcome[3].strip()}"}
    preflight = {"Access-Control-Request-Method": "POST"}
    async with connect(daemon.ws_url, additional_headers=header, origin=Origin("http://localhost:3000")):
        pass
    async with http.options(daemon.url + WATCHLIST, headers={"Origin": "http://localhost:3000", **preflight}) as answer:
        assert answer.headers["Access-Control-Allow-Origin"] == "http://localhost:3000"
    with pytest.raises(InvalidStatus, match="403"):
        await connect(daemon.ws_url, additional_headers=header, origin=Origin("http://evil.example"))
    async with http.options(daemon.url + WATCHLIST, headers={"Origin": "http://evil.example", **preflight}) as answer:
        assert "Access-Control-Allow-Origin" not in answer.headers
    async with http.get(f"{daemon.url}/metrics") as answer:
        assert 'syncd_refusals_total{reason="origin"} 2.0' in await answer.text()
    assert await daemon.terminate() == 0
    said = "a page of 'http://evil.example' was refused: allow its origin by --allowed-origins (SYNCD_ALLOWED_ORIGINS)"
    assert daemon.log.read_text().count(said) == 2
