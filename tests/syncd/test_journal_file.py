"""A daemon whose journal's file is moved away says so, loses nothing, and goes on when the file is back."""

from pathlib import Path
from uuid import UUID

import aiohttp
import pytest

from tests.daemon import WATCHLIST, DaemonProcess, StartDaemon, bearer

pytestmark = pytest.mark.integration


async def write(http: aiohttp.ClientSession, daemon: DaemonProcess, number: int) -> int:
    body = {"operation": "add", "content_id": str(UUID(int=number)), "operation_id": f"op-{number}"}
    async with http.post(daemon.url + WATCHLIST, json=body, headers=bearer()) as response:
        await response.read()
        return response.status


async def test_readiness_names_a_file_that_was_moved_away_until_it_is_back(
    start_daemon: StartDaemon, http: aiohttp.ClientSession, tmp_path: Path
) -> None:
    daemon = start_daemon()
    file = tmp_path / "data" / "journal.db"
    assert await write(http, daemon, 1) == 200
    elsewhere = file.rename(tmp_path / "elsewhere.db")
    assert await write(http, daemon, 2) == 503
    async with http.get(daemon.url + "/ready") as response:
        assert response.status == 503
        assert f"{file} was removed while in use" in await response.text()
    assert not file.exists()
    elsewhere.rename(file)
    assert await write(http, daemon, 2) == 200
    async with http.get(daemon.url + "/ready") as response:
        assert response.status == 200
