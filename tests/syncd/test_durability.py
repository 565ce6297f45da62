"""What was acknowledged is there after a restart, and while the database is locked nothing is; see also test_kills."""

import asyncio
import json
import sqlite3
from pathlib import Path
from uuid import UUID

import aiohttp
import pytest
from websockets.asyncio.client import connect

from tests.daemon import WATCHLIST, DaemonProcess, StartDaemon, bearer
from tests.timeouts import TIMEOUT_S

pytestmark = pytest.mark.integration


async def write(http: aiohttp.ClientSession, daemon: DaemonProcess, number: int) -> int:
    """Add a content and return the revision that acknowledges it."""
    body = {"operation": "add", "content_id": str(UUID(int=number)), "operation_id": f"op-{number}"}
    async with http.post(daemon.url + WATCHLIST, json=body, headers=bearer()) as response:
        answer = await response.json(content_type=None)
        assert response.status == 200, answer
        return int(answer["revision"])


async def known(http: aiohttp.ClientSession, daemon: DaemonProcess, device_id: str) -> None:
    """Wait until ann's device is known."""
    async with asyncio.timeout(TIMEOUT_S):
        while True:
            async with http.get(f"{daemon.url}/api/v1/devices", headers=bearer("ann")) as response:
                if device_id in [one["device_id"] for one in (await response.json())["devices"]]:
                    return
            await asyncio.sleep(0.02)


async def test_after_a_restart_a_device_resumes_where_it_was(
    start_daemon: StartDaemon, http: aiohttp.ClientSession
) -> None:
    before = start_daemon()
    for number in range(1, 4):
        await write(http, before, number)
    before.kill()
    after = start_daemon()
    assert await write(http, after, 4) == 4
    assert await write(http, after, 3) == 3  # a retry of before gets the answer of before
    async with connect(f"{after.ws_url}?since=2", additional_headers=bearer()) as socket:
        messages = [json.loads(await socket.recv()) for _ in range(3)]
    assert [message.get("revision") for message in messages[1:]] == [3, 4]


async def test_a_locked_database_answers_503_and_writes_go_on_when_it_is_free(
    start_daemon: StartDaemon, http: aiohttp.ClientSession, tmp_path: Path
) -> None:
    daemon = start_daemon()
    await write(http, daemon, 1)
    async with connect(daemon.ws_url, additional_headers=bearer("ann", "tv")) as socket:
        await known(http, daemon, "tv")  # else that would be a write before the next
        blocker = sqlite3.connect(tmp_path / "data" / "journal.db", isolation_level=None)
        blocker.execute("BEGIN EXCLUSIVE")
        body = {"operation": "add", "content_id": str(UUID(int=2)), "operation_id": "op-2"}
        async with http.post(daemon.url + WATCHLIST, json=body, headers=bearer()) as response:
            problem = await response.json(content_type=None)
            assert response.status == 503
            assert int(response.headers["Retry-After"]) >= 1
            assert "unavailable" in problem["detail"]
        await (await socket.ping())
        blocker.execute("ROLLBACK")
        blocker.close()
        assert await write(http, daemon, 2) == 2
        assert json.loads(await socket.recv())["revision"] == 2
        async with http.get(daemon.url + "/ready") as response:
            assert response.status == 200
