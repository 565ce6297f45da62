"""What a service manager hears, on a real datagram socket."""

import asyncio
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from syncd.process.systemd import supervised
from tests.deploy.conftest import ROOT, SECRET
from tests.fakes.service_manager import ServiceManager
from tests.timeouts import TIMEOUT_S


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "notify")


@pytest.fixture
def manager(path: str) -> Iterator[ServiceManager]:
    manager = ServiceManager(path)
    yield manager
    manager.close()


async def test_ready_is_said_on_entry_and_stopping_on_leaving(manager: ServiceManager, path: str) -> None:
    async with supervised({"NOTIFY_SOCKET": path}):
        assert await manager.hear() == "READY=1"
        assert not manager.has_more()
    assert await manager.hear() == "STOPPING=1"
    assert not manager.has_more()


async def test_the_watchdog_is_fed_until_the_stop(manager: ServiceManager, path: str) -> None:
    async with supervised({"NOTIFY_SOCKET": path, "WATCHDOG_USEC": "20000", "WATCHDOG_PID": str(os.getpid())}):
        assert await manager.hear() == "READY=1"
        for _ in range(3):
            assert await manager.hear() == "WATCHDOG=1"
    while (last := await manager.hear()) == "WATCHDOG=1":
        pass
    assert last == "STOPPING=1"
    assert not manager.has_more()


async def test_stopping_is_said_after_a_failure_too(manager: ServiceManager, path: str) -> None:
    with pytest.raises(KeyError):
        async with supervised({"NOTIFY_SOCKET": path}):
            raise KeyError
    assert [await manager.hear(), await manager.hear()] == ["READY=1", "STOPPING=1"]


async def test_a_watchdog_for_another_process_is_not_ours_to_feed(manager: ServiceManager, path: str) -> None:
    async with supervised({"NOTIFY_SOCKET": path, "WATCHDOG_USEC": "20000", "WATCHDOG_PID": "1"}):
        assert await manager.hear() == "READY=1"
    assert await manager.hear() == "STOPPING=1"


@pytest.mark.parametrize("timeout_us", ["soon", "-1", "0", "²"])
async def test_a_watchdog_of_no_time_is_none(manager: ServiceManager, path: str, timeout_us: str) -> None:
    async with supervised({"NOTIFY_SOCKET": path, "WATCHDOG_USEC": timeout_us}):
        assert await manager.hear() == "READY=1"
    assert await manager.hear() == "STOPPING=1"


async def test_an_abstract_socket_is_reached() -> None:
    name = f"syncd-test-{uuid4()}"
    manager = ServiceManager("\0" + name)
    async with supervised({"NOTIFY_SOCKET": "@" + name}):
        assert await manager.hear() == "READY=1"
    manager.close()


async def test_without_a_service_manager_nothing_happens(caplog: pytest.LogCaptureFixture) -> None:
    async with supervised({"WATCHDOG_USEC": "20000"}):
        assert len(asyncio.all_tasks()) == 1
    assert not caplog.records


async def test_a_service_manager_that_is_gone_does_not_stop_the_daemon(
    path: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with supervised({"NOTIFY_SOCKET": path}):
        pass
    assert [record.getMessage().partition(": ")[0] for record in caplog.records] == [
        "systemd was not notified of READY=1",
        "systemd was not notified of STOPPING=1",
    ]


@pytest.mark.integration
async def test_the_daemon_is_ready_when_it_serves_and_says_that_it_stops(
    manager: ServiceManager, path: str, tmp_path: Path
) -> None:
    daemon = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "syncd", "--port", "0", "--data-dir", str(tmp_path / "data")),
        cwd=ROOT,
        env={"SYNCD_JWT_SECRET": SECRET, "NOTIFY_SOCKET": path, "WATCHDOG_USEC": "30000000"},
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        assert [await manager.hear(), await manager.hear()] == ["READY=1", "WATCHDOG=1"]
        daemon.send_signal(signal.SIGTERM)
        assert await manager.hear() == "STOPPING=1"
        assert await asyncio.wait_for(daemon.wait(), TIMEOUT_S) == 0
    finally:
        if daemon.returncode is None:
            daemon.kill()
            await daemon.wait()
