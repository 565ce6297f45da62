"""Restarts under load, seen by apps: real clients on real nodes, where a restart is a reconnect and nothing else."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from itertools import count
from pathlib import Path
from uuid import UUID

import aiohttp
import pytest
from syncd_client import Client, Confirmed, Disconnected, Event, Refused
from websockets.asyncio.client import connect

from bench.front import Front
from syncd.cluster import Child
from tests.scenarios.conftest import (
    SECRET,
    TIMEOUT_S,
    WATCHLIST,
    Bearer,
    BusServer,
    ClusterNode,
    NatsServer,
    StartNode,
)
from transport.access.minting import mint

pytestmark = pytest.mark.integration

USERS = ("ann", "bob")
DEVICES_PER_USER = 3
DRAIN = ("--shutdown-timeout", "2")
"""Asks devices to come back spread over a second."""


class App:
    """A device whose owner never stops adding films; ``told`` is everything that its client said meanwhile."""

    def __init__(self, url: str, user: str, number: int) -> None:
        self.user = user
        self.client = Client(url)
        self.told: list[Event] = []
        self.client.subscribe(self.told.append)
        self._films = count(number << 32)

        async def get_token() -> str:
            return mint(SECRET, user, f"device-{number}", 3600)

        self.client.sign_in(user, get_token)

    @property
    def confirmed(self) -> dict[str, int | None]:
        """Content -> revision of each write that the service acknowledged."""
        return {event.content_id: event.revision for event in self.told if isinstance(event, Confirmed)}

    @property
    def ends(self) -> list[Disconnected]:
        """Connections and attempts that ended."""
        return [event for event in self.told if isinstance(event, Disconnected)]

    async def go_on_writing(self) -> None:
        """Keep a few changes on their way, for ever."""
        while True:
            if self.client.queued < 5:
                self.client.add(str(UUID(int=next(self._films))))
            await asyncio.sleep(0.05)  # a user's history keeps 10,000 changes, and journal_agrees reads all


@asynccontextmanager
async def apps_at_work(url: str) -> AsyncIterator[list[App]]:
    """Apps of several users that write for the length of the context; at its end nothing of it may be missing."""
    async with AsyncExitStack() as stack:
        apps = [App(url, user, number) for number, user in enumerate(USERS * DEVICES_PER_USER)]
        for app in apps:
            await stack.enter_async_context(app.client)
        writing = [asyncio.create_task(app.go_on_writing()) for app in apps]
        try:
            await more_is_confirmed(apps)
            yield apps
        finally:
            for task in writing:
                task.cancel()
            await asyncio.wait(writing)
        for app in apps:
            async with asyncio.timeout(TIMEOUT_S):
                await app.client.wait_until(lambda app=app: app.client.queued == 0)  # type: ignore[misc]
        await everybody_sees_the_same(apps)
        nothing_but_reconnects_surfaced(apps)


async def more_is_confirmed(apps: list[App]) -> None:
    """Tell every app that the network is back, and wait until it has had more confirmed."""
    wanted = [len(app.confirmed) + 10 for app in apps]
    async with asyncio.timeout(TIMEOUT_S):
        for app, enough in zip(apps, wanted, strict=True):
            app.client.connect()
            while len(app.confirmed) < enough:
                await asyncio.sleep(0.01)


async def everybody_sees_the_same(apps: list[App]) -> None:
    """Wait until each user's devices show every film that any of them had confirmed, and nothing else."""
    for user in USERS:
        devices = [app for app in apps if app.user == user]
        films = {film for app in devices for film in app.confirmed}

        def shows_them(client: Client, films: set[str] = films) -> bool:
            return {item.content_id for item in client.items} == films

        for app in devices:
            async with asyncio.timeout(TIMEOUT_S):
                await app.client.wait_until(lambda app=app: shows_them(app.client))  # type: ignore[misc]


def nothing_but_reconnects_surfaced(apps: list[App]) -> None:
    """Check what the apps were told: each write confirmed once, none refused, every end followed by a retry."""
    for app in apps:
        operations = [event.operation_id for event in app.told if isinstance(event, Confirmed)]
        assert len(set(operations)) == len(operations)
        assert not [event for event in app.told if isinstance(event, Refused)]
        assert all(end.retry_in_ms is not None for end in app.ends), app.ends


async def journal_agrees(url: str, apps: list[App], bearer: Bearer) -> None:
    """Check the journal: no gaps, every acknowledged write at its revision, nothing else, nothing twice."""
    async with aiohttp.ClientSession() as http:
        for user in USERS:
            recorded: dict[str, int] = {}
            has_more = True
            while has_more:
                since = f"{url}{WATCHLIST}?since={len(recorded)}"
                async with http.get(since, headers=bearer(user, "auditor")) as response:
                    page = await response.json()
                before = len(recorded)
                recorded |= {change["content_id"]: change["revision"] for change in page["changes"]}
                assert len(recorded) == before + len(page["changes"])
                has_more = page.get("has_more", False)
            assert list(recorded.values()) == list(range(1, len(recorded) + 1))
            assert recorded == {
                film: revision for app in apps if app.user == user for film, revision in app.confirmed.items()
            }


def port_of(node: ClusterNode) -> int:
    return int(node.url.rpartition(":")[2])


def url_of(front: Front) -> str:
    return f"ws://127.0.0.1:{front.port}"


End = Callable[[Child], Awaitable[int | None]]

ends = pytest.mark.parametrize("end", [Child.terminate, Child.kill], ids=["SIGTERM", "SIGKILL"])


@pytest.fixture
async def nats(tmp_path: Path) -> AsyncIterator[BusServer]:
    server = NatsServer(tmp_path / "nats.log")
    await server.start()
    yield server
    await server.kill()


@ends
async def test_three_nodes_behind_one_port_restart_one_by_one_and_the_apps_see_reconnects_only(
    end: End, nats: BusServer, start_node: StartNode, bearer: Bearer
) -> None:
    nodes = [await start_node(*nats.flags, *DRAIN) for _ in range(3)]
    async with Front(lambda: [port_of(node) for node in nodes]) as front, apps_at_work(url_of(front)) as apps:
        for node in nodes:
            assert await end(node.child) in (0, None)
            await node.start()
            await more_is_confirmed(apps)
        assert all(app.ends for app in apps)
    await journal_agrees(nodes[0].url, apps, bearer)


@pytest.fixture
async def node(tmp_path: Path) -> AsyncIterator[ClusterNode]:
    """A node as it comes: alone, on SQLite."""
    node = ClusterNode(("--data-dir", str(tmp_path / "data"), *DRAIN), tmp_path / "node.log")
    await node.start()
    yield node
    await node.child.kill()


@ends
async def test_a_node_alone_restarts_under_load_and_the_apps_see_reconnects_only(
    end: End, node: ClusterNode, bearer: Bearer
) -> None:
    async with apps_at_work(node.url.replace("http", "ws", 1)) as apps:
        for _ in range(3):
            assert await end(node.child) in (0, None)
            await node.start()
            await more_is_confirmed(apps)
        assert all(app.ends for app in apps)
    await journal_agrees(node.url, apps, bearer)


@pytest.mark.parametrize("days", [365, -365])
async def test_a_clock_that_steps_by_a_year_and_back_stops_no_write(
    days: int, node: ClusterNode, bearer: Bearer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    is_off = tmp_path / "the-clock-is-off"
    (tmp_path / "sitecustomize.py").write_text(
        "import os, time\nright = time.time_ns\n"
        f"time.time_ns = lambda: right() + os.path.exists({str(is_off)!r}) * {days * 86_400 * 10**9}\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    await node.child.terminate()
    await node.start()
    numbers = count()

    async def stamped_days_ahead(user: str) -> float:
        body = {"operation": "add", "content_id": str(UUID(int=next(numbers)))}
        async with http.post(node.url + WATCHLIST, json=body, headers=bearer(user)) as response:
            stamp = (await response.json())["timestamp"]
        return float(stamp["physical"] / 86_400_000 - time.time() / 86_400)

    async with apps_at_work(node.url.replace("http", "ws", 1)) as apps, aiohttp.ClientSession() as http:
        assert abs(await stamped_days_ahead("carl")) < 1
        is_off.touch()
        assert abs(await stamped_days_ahead("dora") - days) < 1
        assert abs(await stamped_days_ahead("carl") - max(days, 0)) < 1  # a user's stamps never go back
        await more_is_confirmed(apps)
        is_off.unlink()
        assert abs(await stamped_days_ahead("emil")) < 1
        assert abs(await stamped_days_ahead("dora") - max(days, 0)) < 1
        await more_is_confirmed(apps)
        assert not any(app.ends for app in apps)


async def test_a_stopping_node_asks_its_devices_to_come_back_at_different_moments(
    node: ClusterNode, bearer: Bearer
) -> None:
    async with AsyncExitStack() as stack:
        devices = [
            await stack.enter_async_context(connect(node.ws_url, additional_headers=bearer("ann", f"d{number}")))
            for number in range(20)
        ]
        ending = asyncio.create_task(node.child.terminate())
        goodbyes = [json.loads(await device.recv()) for device in devices]
        for device in devices:
            await device.wait_closed()
            assert device.close_code == 1001
        assert await ending == 0
    assert {goodbye["type"] for goodbye in goodbyes} == {"goodbye"}
    moments = [goodbye["reconnect_in_ms"] for goodbye in goodbyes]
    assert len(set(moments)) > 10
    assert all(0 <= moment <= 1000 for moment in moments)
