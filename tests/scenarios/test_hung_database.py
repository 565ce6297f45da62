"""A database that hangs, processes of the store that hang or die: seconds are lost, nothing else."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

from syncd.cluster import LocalPostgreSQL
from tests.processes import frozen, frozen_postgresql, store_process, wait_until_gone
from tests.scenarios.conftest import SECRET, WATCHLIST, Bearer, ClusterNode
from tests.timeouts import TIMEOUT_S

pytestmark = pytest.mark.integration

SHUTDOWN_TIMEOUT_S = 4
ADD = {"operation": "add", "content_id": "0b0e6a4e-52a5-4a5b-9a1f-000000000001"}

StartNode = Callable[..., Awaitable[ClusterNode]]


@pytest.fixture
async def start_node(tmp_path: Path) -> AsyncIterator[StartNode]:
    nodes: list[ClusterNode] = []

    async def start(*flags: str) -> ClusterNode:
        limit = ("--shutdown-timeout", str(SHUTDOWN_TIMEOUT_S))
        nodes.append(ClusterNode(("--data-dir", str(tmp_path / "data"), *limit, *flags), tmp_path / "node.log"))
        await nodes[-1].start()
        return nodes[-1]

    yield start
    for node in nodes:
        await node.child.kill()


@asynccontextmanager
async def ended_in_time(node: ClusterNode) -> AsyncIterator[None]:
    """Let the block stop ``node``, which must then end by itself, with all its processes, within its time."""
    processes = [store_process(node.child.pid, name) for name in ("writer", "reader")]
    began_s = time.monotonic()
    yield
    async with asyncio.timeout(TIMEOUT_S):
        assert await node.child.ended() == 0
    assert time.monotonic() - began_s < SHUTDOWN_TIMEOUT_S + 2  # seconds of a busy machine
    for process in processes:
        wait_until_gone(process)


async def add(http: aiohttp.ClientSession, node: ClusterNode, headers: dict[str, str]) -> int:
    async with http.post(node.url + WATCHLIST, json=ADD, headers=headers) as response:
        assert response.status == 200 or "Retry-After" in response.headers
        return response.status


async def test_a_frozen_postgresql_refuses_for_now_and_does_not_hold_up_a_stop(
    start_node: StartNode, postgresql: LocalPostgreSQL, database_url: str, http: aiohttp.ClientSession, bearer: Bearer
) -> None:
    node = await start_node("--database-url", database_url)
    headers = bearer("ann")
    assert await add(http, node, headers) == 200
    with frozen_postgresql(postgresql.url):
        writing = asyncio.create_task(add(http, node, headers))
        async with http.get(node.url + "/health") as response:
            assert response.status == 200
        async with ended_in_time(node):
            os.kill(node.child.pid, signal.SIGTERM)
        assert await writing == 503


async def test_a_writer_that_hangs_costs_its_deadline_and_reads_go_on(
    start_node: StartNode, http: aiohttp.ClientSession, bearer: Bearer
) -> None:
    node = await start_node()
    headers = bearer("ann")
    assert await add(http, node, headers) == 200
    with frozen(store_process(node.child.pid, "writer")):
        writing = asyncio.create_task(add(http, node, headers))
        async with http.get(node.url + WATCHLIST, headers=headers) as response:
            assert (await response.json())["revision"] == 1
        assert await writing == 503
        async with http.get(node.url + "/metrics") as response:
            metrics = await response.text()
    assert "syncd_journal_up 0.0" in metrics
    assert "syncd_journal_readable 1.0" in metrics
    assert 'syncd_journal_child_restarts_total{child="writer"} 1.0' in metrics
    assert f'syncd_journal_child_pid{{child="writer"}} {float(store_process(node.child.pid, "writer"))}' in metrics
    async with asyncio.timeout(TIMEOUT_S):
        while await add(http, node, headers) != 200:
            await asyncio.sleep(0.1)


async def test_processes_that_hang_do_not_hold_up_a_stop(start_node: StartNode) -> None:
    node = await start_node()
    with frozen(*(store_process(node.child.pid, name) for name in ("writer", "reader"))):
        async with ended_in_time(node):
            os.kill(node.child.pid, signal.SIGTERM)


async def test_a_daemon_that_is_killed_leaves_no_process_behind(start_node: StartNode) -> None:
    node = await start_node()
    processes = [store_process(node.child.pid, name) for name in ("writer", "reader")]
    with frozen(*processes):  # they cannot notice by themselves
        await node.child.kill()
        for process in processes:
            wait_until_gone(process)


def test_a_start_that_waits_for_a_database_ends_when_it_is_told_to(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with (
        socket.create_server(("127.0.0.1", 0)) as silent,
        log.open("wb") as errors,
        subprocess.Popen(
            [sys.executable, "-m", "syncd", "--port", "0", "--data-dir", tmp_path, "--log-level", "debug"],
            env={
                **os.environ,
                "SYNCD_JWT_SECRET": SECRET,
                "SYNCD_DATABASE_URL": f"postgresql://127.0.0.1:{silent.getsockname()[1]}/x",
            },
            stderr=errors,
        ) as daemon,
    ):
        silent.settimeout(TIMEOUT_S)
        connection, _ = silent.accept()
        with connection:
            daemon.send_signal(signal.SIGTERM)
            assert daemon.wait(TIMEOUT_S) == 0, log.read_text()
    assert "stopped before it had started" in log.read_text()
