"""A database that hangs, processes of the store that hang or die: seconds are lost, nothing else."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path

import aiohttp
import pytest
from sqlalchemy import make_url

from bench.front import Front
from syncd.cluster import LocalPostgreSQL
from tests.processes import frozen, frozen_postgresql, store_process, wait_until_gone
from tests.scenarios.conftest import SECRET, WATCHLIST, Bearer, ClusterNode
from tests.timeouts import TIMEOUT_S

pytestmark = pytest.mark.integration

SHUTDOWN_TIMEOUT_S = 4
RECOVERS_S = TIMEOUT_S / 3
"""20 s: within them the service works again when the database answers on new connections."""
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


@contextmanager
def hanging(file: Path) -> Iterator[None]:
    """Let whoever opens ``file`` wait for ever in the kernel, as on a disk that hangs."""
    file.unlink()
    os.mkfifo(file)
    try:
        yield
    finally:
        file.unlink()


async def works_again(http: aiohttp.ClientSession, node: ClusterNode, headers: dict[str, str]) -> None:
    """Return when both processes do what they are asked."""
    async with asyncio.timeout(TIMEOUT_S):
        while await add(http, node, headers) != 200 or (await node.ready(http))[0] != 200:
            await asyncio.sleep(0.1)


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
    await works_again(http, node, headers)  # by then the killed one is gone, also on a busy machine
    async with http.get(node.url + "/metrics") as response:
        metrics = await response.text()
    assert f'syncd_journal_child_pid{{child="writer"}} {float(store_process(node.child.pid, "writer"))}' in metrics


async def test_connections_that_stay_open_and_say_nothing_more_are_replaced_and_do_not_hold_up_a_stop(
    start_node: StartNode, database_url: str, http: aiohttp.ClientSession, bearer: Bearer
) -> None:
    url = make_url(database_url)
    headers = bearer("ann")
    async with Front(lambda: [f"{url.query['host']}/.s.PGSQL.5432"]) as network:
        through_it = url.set(host="127.0.0.1", port=network.port).difference_update_query(["host"])
        node = await start_node("--database-url", through_it.render_as_string(hide_password=False))
        assert await add(http, node, headers) == 200
        assert network.silence() >= 2
        async with http.get(node.url + "/health") as response:
            assert response.status == 200
        async with asyncio.timeout(RECOVERS_S):
            assert await add(http, node, headers) == 503
            await works_again(http, node, headers)
        assert network.silence() >= 2
        writing = asyncio.create_task(add(http, node, headers))
        async with http.get(node.url + "/health") as response:
            assert response.status == 200
        async with ended_in_time(node):
            os.kill(node.child.pid, signal.SIGTERM)
        assert await writing == 503


async def test_a_disk_that_hangs_costs_the_writers_deadline_and_does_not_hold_up_a_stop(
    start_node: StartNode, http: aiohttp.ClientSession, bearer: Bearer, tmp_path: Path
) -> None:
    node = await start_node()
    headers = bearer("ann")
    file = tmp_path / "data" / "journal.db.high-water"
    assert await add(http, node, headers) == 200
    with hanging(file):
        os.kill(store_process(node.child.pid, "writer"), signal.SIGKILL)  # it has the file open
        while await add(http, node, headers) == 200:  # by the one that is to be killed
            await asyncio.sleep(0.01)
        # On a busy machine a write's own time may be over first: the daemon takes itself for paused, and waits longer.
        async with asyncio.timeout(TIMEOUT_S):
            while "did not answer within 8 s; it is started again" not in node.log.read_text():
                assert await add(http, node, headers) == 503
        async with http.get(node.url + WATCHLIST, headers=headers) as response:
            assert (await response.json())["revision"] == 1
    await works_again(http, node, headers)
    with hanging(file):
        os.kill(store_process(node.child.pid, "writer"), signal.SIGKILL)
        writing = asyncio.create_task(add(http, node, headers))
        async with http.get(node.url + "/health") as response:
            assert response.status == 200
        async with ended_in_time(node):
            os.kill(node.child.pid, signal.SIGTERM)
        with suppress(aiohttp.ClientOSError):  # on a busy machine it comes when nobody listens any more
            assert await writing == 503


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


@contextmanager
def starting(tmp_path: Path, **environment: str) -> Iterator["subprocess.Popen[bytes]"]:
    """A daemon that waits for something; the block lets it end, and it must not have started."""
    log = tmp_path / "log"
    with (
        log.open("wb") as errors,
        subprocess.Popen(
            [sys.executable, "-m", "syncd", "--port", "0", "--data-dir", tmp_path, "--log-level", "debug"],
            env={**os.environ, "SYNCD_JWT_SECRET": SECRET, **environment},
            stderr=errors,
        ) as daemon,
    ):
        yield daemon
        assert daemon.wait(TIMEOUT_S) == 0, log.read_text()
    assert "stopped before it had started" in log.read_text()


def test_a_start_that_waits_for_a_database_ends_when_it_is_told_to(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(TIMEOUT_S)
        url = f"postgresql://127.0.0.1:{silent.getsockname()[1]}/x"
        with starting(tmp_path, SYNCD_DATABASE_URL=url) as daemon:
            connection, _ = silent.accept()
            with connection:
                daemon.send_signal(signal.SIGTERM)
                daemon.wait(TIMEOUT_S)


def test_a_start_that_waits_for_a_disk_ends_when_it_is_told_to(tmp_path: Path) -> None:
    file = tmp_path / "journal.db.high-water"
    os.mkfifo(file)
    with starting(tmp_path) as daemon, opened_elsewhere(file):
        daemon.send_signal(signal.SIGTERM)
        daemon.wait(TIMEOUT_S)


@contextmanager
def opened_elsewhere(pipe: Path) -> Iterator[None]:
    """Wait until another process has opened ``pipe``, and let it wait for what it reads."""
    ends_s = time.monotonic() + TIMEOUT_S
    while True:
        try:
            descriptor = os.open(pipe, os.O_WRONLY | os.O_NONBLOCK)
        except OSError:  # nobody has
            assert time.monotonic() < ends_s
            time.sleep(0.01)
        else:
            break
    yield
    os.close(descriptor)
