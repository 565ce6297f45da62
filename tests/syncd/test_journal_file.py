"""A daemon whose journal's file is moved away or overwritten says so, and acknowledges nothing that would be lost."""

import subprocess
import sys
from pathlib import Path
from uuid import UUID

import aiohttp
import pytest

from tests.daemon import ROOT, SECRET, WATCHLIST, DaemonProcess, StartDaemon, bearer
from tests.other_program import back_up, overwrite
from tests.timeouts import TIMEOUT_S

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


def syncd(command: str, data_dir: Path, *flags: str) -> "subprocess.CompletedProcess[str]":
    arguments = (command, "--data-dir", str(data_dir), *flags)
    environment = {"SYNCD_JWT_SECRET": SECRET, "SYNCD_PORT": "0"}
    return subprocess.run(
        [sys.executable, "-m", "syncd", *arguments],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
    )


async def test_a_file_that_was_overwritten_takes_no_write_until_it_is_restored_as_the_documents_say(
    start_daemon: StartDaemon, http: aiohttp.ClientSession, tmp_path: Path
) -> None:
    daemon = start_daemon()
    data_dir, backup = tmp_path / "data", tmp_path / "backup.db"
    file = data_dir / "journal.db"
    assert await write(http, daemon, 1) == 200
    back_up(file, backup)
    assert await write(http, daemon, 2) == 200
    overwrite(backup, file)
    said = f"sqlite: {file} was overwritten while in use"
    for number in (3, 4):
        assert await write(http, daemon, number) == 503
    async with http.get(daemon.url + "/ready") as response:
        assert response.status == 503
        assert f"cannot be written: {said}" in (await response.json())["problems"]["journal"]
    assert await daemon.terminate() == 0
    assert daemon.log.read_text().count(f"cannot be written: {said}") == 1
    refused = syncd("serve", data_dir)
    assert refused.returncode == 1
    assert f"{said}: restore it while no daemon runs, then run 'syncd migrate --renew-epoch'\n" in refused.stderr
    overwrite(backup, file)
    assert syncd("migrate", data_dir, "--renew-epoch").returncode == 0
    daemon = start_daemon()
    async with http.get(daemon.url + WATCHLIST, headers=bearer()) as response:
        assert (await response.json())["revision"] == 1
    assert await write(http, daemon, 2) == 200
