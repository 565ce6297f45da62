"""``kill -9`` of the daemon, its writer or its reader in a storm of writes, again and again.

What was acknowledged is there, once; no revision is missing; devices see each revision once and in order, and lose
their connection only with the daemon; no process outlives the daemon.

``SYNCD_TEST_KILLS=20`` kills each twenty times on each database; ``-s`` shows what was counted.
"""

import asyncio
import json
import os
import random
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any
from uuid import UUID

import aiohttp
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

from tests.processes import store_process, wait_until_gone
from tests.scenarios.conftest import WATCHLIST, Bearer, ClusterNode
from tests.timeouts import TIMEOUT_S

pytestmark = pytest.mark.integration

KILLS = int(os.environ.get("SYNCD_TEST_KILLS", "2"))
USERS = ("ann", "bob", "cid")
WRITERS_PER_USER = 12

Kill = Callable[[ClusterNode], Awaitable[None]]


class Device:
    """Follows its user's list, over every reconnect."""

    def __init__(self, node: ClusterNode, headers: dict[str, str]) -> None:
        self._node, self._headers = node, headers
        self._epoch = ""
        self.shown: list[str] = []
        """What was added, revision 1 first."""
        self.connections = 0

    async def follow(self) -> None:
        while True:
            url = f"{self._node.ws_url}?since={len(self.shown)}{self._epoch}"
            with suppress(OSError, WebSocketException):
                async with connect(url, additional_headers=self._headers, compression=None) as socket:
                    self.connections += 1
                    async for message in socket:
                        self._take(json.loads(message))
            await asyncio.sleep(0.05)

    def _take(self, message: dict[str, object]) -> None:
        if message["type"] == "resumed":
            assert message["recovered"], message
            self._epoch = f"&epoch={message['epoch']}"
        else:
            assert message["type"] == "watchlist_update", message
            assert message["revision"] == len(self.shown) + 1
            self.shown.append(str(message["content_id"]))


class Storm:
    """Devices of several users that write and read as fast as they are answered, and some that follow."""

    def __init__(self, node: ClusterNode, http: aiohttp.ClientSession, bearer: Bearer) -> None:
        self._node, self._http, self._bearer = node, http, bearer
        self._films = count(1)
        self._is_over = False
        self._unread: set[str] = set()
        self.devices = {user: Device(node, bearer(user, "tv")) for user in USERS}
        self.acknowledged: dict[str, dict[str, int]] = {user: {} for user in USERS}
        """User -> film -> revision."""
        self.recorded: dict[str, list[str]] = {user: [] for user in USERS}
        """User -> what was added, as the journal tells it, revision 1 first."""
        self.repetitions = 0

    @property
    def acknowledgements(self) -> int:
        return sum(map(len, self.acknowledged.values()))

    async def rage(self, until: Callable[[], Awaitable[None]]) -> None:
        """Write and read until ``until`` returns, and return when everything is acknowledged, read and shown."""
        async with asyncio.TaskGroup() as following:
            follows = [following.create_task(device.follow()) for device in self.devices.values()]
            async with asyncio.TaskGroup() as writing:
                for user in USERS:
                    writing.create_task(self._read(user))
                    for _ in range(WRITERS_PER_USER):
                        writing.create_task(self._write(user))
                await until()
                self._is_over = True
            for user, device in self.devices.items():
                await self._read_on(user)
                await self._is_shown(device, len(self.recorded[user]))
            for follow in follows:
                follow.cancel()

    async def more(self, writes: int) -> None:
        """Return when so many more writes are acknowledged, and everybody's list was read."""
        enough = self.acknowledgements + writes
        self._unread = set(USERS)
        async with asyncio.timeout(TIMEOUT_S):
            while self.acknowledgements < enough or self._unread:
                await asyncio.sleep(0.001)

    async def _read(self, user: str) -> None:
        """Read on and on; whatever was acknowledged before must be there."""
        while not self._is_over:
            acknowledged = list(self.acknowledged[user].items())[-100:]
            await self._read_on(user)
            for film, revision in acknowledged:
                assert self.recorded[user][revision - 1] == film
            self._unread.discard(user)

    async def _read_on(self, user: str) -> None:
        has_more, films = True, self.recorded[user]
        while has_more:
            page = await self._answer("GET", user, f"{WATCHLIST}?since={len(films)}")
            for change in page["changes"]:
                films.append(change["content_id"])
                assert change["revision"] == len(films)
            has_more = page.get("has_more", False)

    async def _write(self, user: str) -> None:
        while not self._is_over:
            film = str(UUID(int=next(self._films)))
            body = {"operation": "add", "content_id": film, "operation_id": f"add {film}"}
            answer = await self._answer("POST", user, WATCHLIST, body)
            self.acknowledged[user][film] = answer["revision"]

    async def _answer(self, method: str, user: str, path: str, body: object = None) -> dict[str, Any]:
        """Ask until there is an answer."""
        headers = self._bearer(user, "phone")
        while True:
            with suppress(aiohttp.ClientError, OSError):
                async with self._http.request(method, self._node.url + path, headers=headers, json=body) as response:
                    answer: dict[str, Any] = await response.json(content_type=None)
                    if response.status == 200:
                        return answer
                    assert "Retry-After" in response.headers, answer
            self.repetitions += 1
            await asyncio.sleep(0.05)  # sooner than asked to

    async def _is_shown(self, device: Device, revision: int) -> None:
        async with asyncio.timeout(TIMEOUT_S):
            while len(device.shown) < revision:
                await asyncio.sleep(0.01)


async def kill_daemon(node: ClusterNode) -> None:
    """Kill the daemon, which takes its processes with it, and start another."""
    children = [await asyncio.to_thread(store_process, node.child.pid, name) for name in ("writer", "reader")]
    await node.child.kill()
    for child in children:
        await asyncio.to_thread(wait_until_gone, child)
    await node.start()


async def kill_writer(node: ClusterNode) -> None:
    os.kill(await asyncio.to_thread(store_process, node.child.pid, "writer"), signal.SIGKILL)


async def kill_reader(node: ClusterNode) -> None:
    os.kill(await asyncio.to_thread(store_process, node.child.pid, "reader"), signal.SIGKILL)


@pytest.fixture(params=["sqlite", "postgresql"])
async def node(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[ClusterNode]:
    flags: tuple[str, ...] = ("--data-dir", str(tmp_path / "data"))
    if request.param == "postgresql":
        flags += ("--database-url", request.getfixturevalue("database_url"))
    node = ClusterNode(flags, tmp_path / "node.log")
    await node.start()
    yield node
    await node.child.kill()


@pytest.mark.timeout(TIMEOUT_S * (5 + KILLS))
@pytest.mark.parametrize("kill", [kill_daemon, kill_writer, kill_reader])
async def test_what_was_acknowledged_outlives_kill_nine_and_is_shown_once_and_in_order(
    kill: Kill, node: ClusterNode, http: aiohttp.ClientSession, bearer: Bearer
) -> None:
    chance = random.Random(7)
    storm = Storm(node, http, bearer)

    async def killing() -> None:
        for _ in range(KILLS):
            await storm.more(chance.randint(1, 400))
            await kill(node)
        await storm.more(100)

    await storm.rage(killing)
    for user, device in storm.devices.items():
        recorded = storm.recorded[user]
        assert len(set(recorded)) == len(recorded)
        assert {film: revision for revision, film in enumerate(recorded, 1)} == storm.acknowledged[user]
        assert device.shown == recorded
    connections = sum(device.connections for device in storm.devices.values())
    if kill is not kill_daemon:
        assert connections == len(USERS)
    print(
        f"\n{kill.__name__}: {KILLS} kills, {storm.acknowledgements} writes acknowledged,"
        f" {storm.repetitions} requests repeated, {connections} connections of {len(USERS)} devices"
    )
