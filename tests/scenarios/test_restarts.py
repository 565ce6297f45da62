"""Restarts under load, seen by apps: real clients on real nodes, where a restart is a reconnect and nothing else."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from itertools import count
from pathlib import Path
from uuid import UUID

import aiohttp
import pytest
from websockets.asyncio.client import connect

from bench.front import Front
from syncd.cluster import Child
from tests.scenarios.apps import DRAIN, apps_at_work, journal_agrees, more_is_confirmed
from tests.scenarios.conftest import (
    WATCHLIST,
    Bearer,
    BusServer,
    ClusterNode,
    NatsServer,
    StartNode,
)


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
