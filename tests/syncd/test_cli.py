"""The command line, run as its user would."""

import asyncio
import json
import sqlite3
import subprocess
import sys
from pathlib import Path
from uuid import UUID

import jwt
import pytest
from websockets.asyncio.client import connect

from tests.daemon import ROOT, SECRET, DaemonProcess, token
from tests.timeouts import TIMEOUT_S

pytestmark = pytest.mark.integration


def syncd(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "syncd", *arguments],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
    )


def test_the_help_lists_the_commands() -> None:
    done = syncd("--help")
    assert done.returncode == 0
    for command in ("serve", "token", "tail", "load", "broker", "migrate"):
        assert f"\n    {command} " in done.stdout


async def test_a_minted_token_lets_its_device_in(daemon: DaemonProcess, user: str) -> None:
    done = syncd("token", "--user", user, "--device", "tv", "--json", SYNCD_JWT_SECRET=SECRET)
    minted = json.loads(done.stdout)
    assert minted["user"] == user
    async with connect(daemon.ws_url, additional_headers={"Authorization": f"Bearer {minted['token']}"}):
        pass


def test_without_a_key_the_first_command_makes_the_data_directory_and_the_secret(tmp_path: Path) -> None:
    data_dir = str(tmp_path / "made" / "later")
    first, second = (syncd("token", "--user", "u", "--device", "d", "--data-dir", data_dir) for _ in range(2))
    assert (first.returncode, second.returncode) == (0, 0), first.stderr
    secret = (tmp_path / "made" / "later" / "jwt-secret").read_text().strip()
    for done in (first, second):
        assert jwt.decode(done.stdout.strip(), secret, algorithms=["HS256"])["device_id"] == "d"


@pytest.mark.parametrize("command", [("serve",), ("migrate",), ("token", "--user", "u", "--device", "d")])
def test_a_data_directory_that_cannot_be_made_is_told(command: tuple[str, ...]) -> None:
    done = syncd(*command, "--data-dir", "/dev/null/x")
    assert done.returncode == 2
    assert done.stderr == f"syncd {command[0]}: --data-dir /dev/null/x: Not a directory\n"


@pytest.mark.parametrize(
    ("arguments", "environment", "status", "said"),
    [
        (("serve", "--port", "70000"), {}, 2, "--port"),
        (("serve", "--bus", "pigeon"), {}, 2, "--bus pigeon"),
        (("serve", "--jwks-url", "http://x", "--jwt-public-key-file", "y"), {}, 2, "exclude each other"),
        (("serve", "--jwt-secret", "short"), {}, 2, "jwt-secret must hold at least 32 bytes"),
        (("serve", "--database-url", "mysql://x"), {}, 2, "--database-url: "),
        (("serve", "--database-url", "nonsense"), {}, 2, "--database-url: this is not the URL of a database"),
        (("tail",), {}, 1, "a token is needed"),
        (("tail", "--token", "x", "--url", "http://x"), {}, 1, "token"),
        (("token", "--user", "u", "--device", "d", "--jwks-url", "http://x"), {}, 2, "private key"),
        (("token", "--user", "u", "--device", "d", "--ttl", "0"), {}, 2, "--ttl"),
    ],
)
def test_wrong_usage_ends_with_one_line_that_names_the_mistake(
    tmp_path: Path, arguments: tuple[str, ...], environment: dict[str, str], status: int, said: str
) -> None:
    if arguments[0] == "serve":
        arguments = ("serve", "--port", "0", "--data-dir", str(tmp_path), *arguments[1:])
    done = syncd(*arguments, **environment)
    assert done.returncode == status
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_a_taken_port_is_told(daemon: DaemonProcess, tmp_path: Path) -> None:
    done = syncd("serve", "--port", str(daemon.port), "--data-dir", str(tmp_path))
    assert done.returncode == 2
    assert f"--port {daemon.port}" in done.stderr


async def test_tail_shows_the_list_what_comes_and_after_a_restart_what_it_missed(
    daemon: DaemonProcess, user: str, tmp_path: Path
) -> None:
    contents = [str(UUID(int=number)) for number in range(3)]
    base_url = daemon.ws_url.removesuffix("/ws")

    async def tail() -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "syncd", "tail", "--url", base_url, "--state", str(tmp_path / "tail.db")),
            cwd=ROOT,
            env={"SYNCD_TOKEN": token(user, "terminal")},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )

    async def shown(process: asyncio.subprocess.Process) -> list[str]:
        assert process.stdout is not None
        return (await process.stdout.readline()).decode().split()[1:3]

    async def change(action: str, content_id: str) -> None:
        message = {"type": "watchlist_update", "operation": action, "content_id": content_id, "id": 1}
        async with connect(daemon.ws_url, additional_headers={"Authorization": f"Bearer {token(user)}"}) as socket:
            await socket.send(json.dumps(message))
            while json.loads(await socket.recv())["type"] != "ack":
                pass

    await change("add", contents[0])
    first = await tail()
    assert await shown(first) == ["add", contents[0]]
    await change("add", contents[1])
    assert await shown(first) == ["add", contents[1]]
    first.terminate()
    await first.communicate()
    await change("remove", contents[0])
    await change("add", contents[2])
    second = await tail()
    kept = [await shown(second) for _ in range(2)]
    assert kept == [["add", contents[0]], ["add", contents[1]]]
    missed = [await shown(second) for _ in range(2)]
    assert sorted(missed) == [["add", contents[2]], ["remove", contents[0]]]
    second.terminate()
    await second.communicate()


def test_load_reports_that_everything_arrived(daemon: DaemonProcess) -> None:
    done = syncd(
        *("load", "--url", daemon.ws_url.removesuffix("/ws"), "--users", "2", "--devices", "2"),
        *("--rate", "100", "--seconds", "0.5", "--json"),
        SYNCD_JWT_SECRET=SECRET,
    )
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert (report["writes"], report["expected"], report["missing"]) == (50, 100, 0)
    assert 0 < report["p50_ms"] <= report["p99_ms"]


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
