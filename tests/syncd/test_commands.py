"""The command line, run as its user would."""

import asyncio
import json
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from websockets.asyncio.client import connect

from tests.syncd.conftest import ROOT, SECRET, DaemonProcess, token

pytestmark = pytest.mark.integration


def syncd(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "syncd", *arguments],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=30,
    )


def test_the_help_lists_the_commands() -> None:
    done = syncd("--help")
    assert done.returncode == 0
    for command in ("serve", "token", "tail", "broker", "migrate"):
        assert f"\n    {command} " in done.stdout


async def test_a_minted_token_lets_its_device_in(daemon: DaemonProcess, user: str) -> None:
    done = syncd("token", "--user", user, "--device", "tv", "--json", SYNCD_JWT_SECRET=SECRET)
    minted = json.loads(done.stdout)
    assert minted["user"] == user
    async with connect(daemon.ws_url, additional_headers={"Authorization": f"Bearer {minted['token']}"}):
        pass


@pytest.mark.parametrize(
    ("arguments", "environment", "status", "said"),
    [
        (("serve", "--port", "70000"), {}, 2, "--port"),
        (("serve", "--bus", "pigeon"), {}, 2, "--bus pigeon"),
        (("serve", "--jwks-url", "http://x", "--jwt-public-key-file", "y"), {}, 2, "exclude each other"),
        (("serve", "--jwt-secret", "short"), {}, 2, "jwt-secret must hold at least 32 bytes"),
        (("serve", "--database-url", "mysql://x"), {}, 2, "--database-url: "),
        (("tail",), {}, 1, "a token is needed"),
        (("tail", "--token", "x", "--url", "ws://127.0.0.1:1/ws"), {}, 1, "ws://127.0.0.1:1/ws"),
        (("token", "--user", "u", "--device", "d", "--jwks-url", "http://x"), {}, 2, "private key"),
        (("token", "--user", "u", "--device", "d", "--ttl", "0"), {}, 2, "--ttl"),
    ],
)
def test_wrong_usage_ends_with_one_line_that_names_the_mistake(
    tmp_path: Path, arguments: tuple[str, ...], environment: dict[str, str], status: int, said: str
) -> None:
    if arguments[0] == "serve":
        arguments = (*arguments, "--data-dir", str(tmp_path))
    done = syncd(*arguments, **environment)
    assert done.returncode == status
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_a_taken_port_is_told(daemon: DaemonProcess, tmp_path: Path) -> None:
    done = syncd("serve", "--port", str(daemon.port), "--data-dir", str(tmp_path))
    assert done.returncode == 2
    assert f"--port {daemon.port}" in done.stderr


async def test_tail_shows_what_was_missed_and_what_comes(daemon: DaemonProcess, user: str) -> None:
    headers = {"Authorization": f"Bearer {token(user)}"}
    content_id = "0b0e6a4e-52a5-4a5b-9a1f-000000000001"
    message = json.dumps({"type": "watchlist_update", "operation": "add", "content_id": content_id})
    async with connect(daemon.ws_url, additional_headers=headers) as socket:
        await socket.send(message)
        await socket.recv()
        tail = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "syncd", "tail", "--url", daemon.ws_url, "--since", "0"),
            cwd=ROOT,
            env={"SYNCD_TOKEN": token(user, "terminal")},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
        assert tail.stdout is not None
        assert b"resumed" in await tail.stdout.readline()
        assert (await tail.stdout.readline()).split()[:3] == [b"1", b"add", content_id.encode()]
        await socket.send(message.replace("add", "remove"))
        assert (await tail.stdout.readline()).split()[:2] == [b"2", b"remove"]
        tail.terminate()
        await tail.communicate()


def test_migrate_reports_the_schema_and_an_older_release_is_refused_by_a_newer_database(tmp_path: Path) -> None:
    done = syncd("migrate", "--data-dir", str(tmp_path))
    assert done.returncode == 0
    assert done.stdout.startswith("schema: none -> ")
    with sqlite3.connect(tmp_path / "journal.db") as database:
        database.execute("UPDATE alembic_version SET version_num = '9999'")
    database.close()
    refused = syncd("serve", "--port", "0", "--data-dir", str(tmp_path))
    assert refused.returncode == 1
    assert "newer release" in refused.stderr
