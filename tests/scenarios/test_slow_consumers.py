"""A hundred devices that stop reading cost the node their bound, and the others not one message."""

import asyncio
import json
import re
from collections.abc import Iterator
from contextlib import AsyncExitStack, ExitStack
from pathlib import Path
from uuid import UUID

import aiohttp
import pytest
from websockets.asyncio.client import ClientConnection, connect

from actors.messages.connection import MAX_WAITING_BYTES
from bench.processes import memory_bytes
from tests.daemon import DaemonProcess, bearer
from tests.fakes.slow_device import slow_device
from tests.timeouts import TIMEOUT_S
from transport.websocket.protocol import WRITE_HIGH_WATER_BYTES

USERS = [f"user-{number}" for number in range(5)]
SLOW_PER_USER = 20
REQUESTS, WRITES_PER_REQUEST = 10, 500
UPDATES = REQUESTS * WRITES_PER_REQUEST
WRITER = "w" * 128
"""Makes an update some 330 bytes: all of them are 1.6 MB a device, 165 MB for those that do not read."""
SLACK_BYTES = 40 * 2**20
"""For 25,000 writes under way, the journal's caches and the allocator."""


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[DaemonProcess]:
    daemon = DaemonProcess(tmp_path / "data")
    yield daemon
    daemon.kill()


async def write(http: aiohttp.ClientSession, url: str, user: str) -> None:
    for request in range(REQUESTS):
        numbers = range(request * WRITES_PER_REQUEST, (request + 1) * WRITES_PER_REQUEST)
        operations = [{"operation": "add", "content_id": str(UUID(int=number))} for number in numbers]
        async with http.post(
            f"{url}/api/v1/sync/operations", json={"operations": operations}, headers=bearer(user, WRITER)
        ) as answer:
            assert answer.status == 200, await answer.text()


async def read_all(device: ClientConnection) -> list[int]:
    return [json.loads(await device.recv())["revision"] for _ in range(UPDATES)]


async def metric(http: aiohttp.ClientSession, daemon: DaemonProcess, series: str) -> float:
    async with http.get(daemon.url + "/metrics") as response:
        found = re.search(rf"^{re.escape(series)} (\S+)$", await response.text(), re.MULTILINE)
    return float(found[1]) if found else 0.0


async def test_devices_that_stop_reading_are_let_go_and_the_others_get_everything(daemon: DaemonProcess) -> None:
    slow = SLOW_PER_USER * len(USERS)
    async with AsyncExitStack() as stack, asyncio.timeout(TIMEOUT_S), aiohttp.ClientSession() as http:
        sockets = stack.enter_context(ExitStack())
        for number in range(slow):
            device = slow_device(daemon.port, USERS[number % len(USERS)], f"slow-{number}")
            sockets.enter_context(device)
        healthy = [
            await stack.enter_async_context(connect(daemon.ws_url, additional_headers=bearer(user, "tv")))
            for user in USERS
        ]
        while await metric(http, daemon, "syncd_active_connections") < slow + len(USERS):
            await asyncio.sleep(0.01)
        before = memory_bytes(daemon.process.pid)
        readers = [asyncio.create_task(read_all(device)) for device in healthy]
        await asyncio.gather(*(write(http, daemon.url, user) for user in USERS))
        grown = memory_bytes(daemon.process.pid) - before
        for reader in readers:
            assert await reader == list(range(1, UPDATES + 1))
        assert await metric(http, daemon, 'syncd_connections_closed_total{code="4002"}') == slow
        assert await metric(http, daemon, "syncd_active_connections") == len(USERS)
        assert grown < slow * (WRITE_HIGH_WATER_BYTES + MAX_WAITING_BYTES) + SLACK_BYTES
