"""``syncd tail``: a device in the terminal."""

import asyncio
import json
import os
import resource
import sqlite3
import sys
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

import aiohttp
import jwt
import pytest
from websockets.asyncio.client import connect

from syncd.cli import main
from tests.daemon import ROOT, SECRET, DaemonProcess, StartDaemon, bearer, token
from tests.syncd.command_line import syncd
from tests.timeouts import TIMEOUT_S

pytestmark = pytest.mark.integration


async def test_tail_shows_the_list_what_comes_and_after_a_restart_what_it_missed(
    daemon: DaemonProcess, user: str, tmp_path: Path
) -> None:
    contents = [str(UUID(int=number)) for number in range(3)]
    base_url = daemon.ws_url.removesuffix("/ws")

    state = ("--state", str(tmp_path / "tail.db"))

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
    first = await tail(base_url, user, *state)
    assert await shown(first) == ["add", contents[0]]
    await change("add", contents[1])
    assert await shown(first) == ["add", contents[1]]
    first.terminate()
    await first.communicate()
    await change("remove", contents[0])
    await change("add", contents[2])
    second = await tail(base_url, user, *state)
    kept = [await shown(second) for _ in range(2)]
    assert kept == [["add", contents[0]], ["add", contents[1]]]
    missed = [await shown(second) for _ in range(2)]
    assert sorted(missed) == [["add", contents[2]], ["remove", contents[0]]]
    second.terminate()
    await second.communicate()


def test_a_token_that_the_daemon_refuses_ends_it_with_the_reason(daemon: DaemonProcess) -> None:
    url = daemon.ws_url.removesuffix("/ws")
    done = syncd("tail", "--url", url, "--json", SYNCD_TOKEN=f"{token('ann', 'tv', ttl_s=-100)}\n")
    assert done.returncode == 1
    last = json.loads(done.stdout.splitlines()[-1])
    assert (last["type"], last["reason"]) == ("disconnected", "the token was refused before")
    said = "there is whitespace around $SYNCD_TOKEN, which is not taken for a part of it"
    assert done.stderr == f"{said}\nsyncd tail: {url}: {last['reason']}\n"


async def add(daemon: DaemonProcess, user: str, device: str, count: int = 1) -> None:
    operations = [{"operation": "add", "content_id": str(UUID(int=number))} for number in range(count)]
    async with aiohttp.ClientSession(headers=bearer(user, device)) as http:
        for start in range(0, count, 500):
            body = {"operations": operations[start : start + 500]}
            async with http.post(f"{daemon.url}/api/v1/sync/operations", json=body) as response:
                assert response.status == 200


async def tail(
    url: str, user: str, *arguments: str, stdout: int = asyncio.subprocess.PIPE, **options: Any
) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "syncd", "tail", "--url", url, *arguments),
        cwd=ROOT,
        env={"SYNCD_TOKEN": token(user, "terminal"), "PYTHONIOENCODING": "ascii"},
        stdout=stdout,
        stderr=asyncio.subprocess.PIPE,
        **options,
    )


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
async def test_any_address_that_the_daemon_prints_will_do_and_any_console(
    start_daemon: StartDaemon, user: str, host: str
) -> None:
    daemon = start_daemon("--host", host)
    await add(daemon, user, "Ann\u2019s TV 👩\u200d👧")
    process = await tail(f"{daemon.url}/", user)
    assert process.stdout is not None
    shown = (await process.stdout.readline()).decode()
    assert shown.endswith("by Ann\\u2019s TV \\U0001f469\\u200d\\U0001f467\n")
    process.terminate()
    await process.communicate()


async def test_who_no_longer_reads_ends_it_without_a_word(daemon: DaemonProcess, user: str) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    process = await tail(daemon.url, user, "--json", stdout=writing)
    os.close(writing)
    _, errors = await asyncio.wait_for(process.communicate(), TIMEOUT_S)
    assert (process.returncode, errors) == (141, b"")


async def test_a_state_file_that_has_no_room_left_ends_it_with_the_reason(
    daemon: DaemonProcess, user: str, tmp_path: Path
) -> None:
    await add(daemon, user, "phone", count=2_000)
    state = tmp_path / "tail.db"
    limit = partial(resource.setrlimit, resource.RLIMIT_FSIZE, (200_000, 200_000))
    process = await tail(daemon.url, user, "--state", str(state), preexec_fn=limit)
    _, errors = await asyncio.wait_for(process.communicate(), TIMEOUT_S)
    *before, last = errors.decode().splitlines()
    said = [f"connected to {daemon.url}", "the whole list: list_is_shorter"]
    assert (process.returncode, before) == (1, said)
    assert last.startswith(f"syncd tail: --state {state}: ")


def newer(path: Path) -> None:
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA user_version = 9")


def of_something_else(path: Path) -> None:
    with closing(sqlite3.connect(path)) as database:
        database.execute("CREATE TABLE heads (a)")


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda path: path.write_bytes(b"no database, but long enough to be none" * 100), "file is not a database"),
        (Path.mkdir, "unable to open database file"),
        (lambda path: path.symlink_to("/proc/1/none"), "unable to open database file"),
        (newer, "the store has version 9; this client knows up to 3"),
        (of_something_else, "the file is another program's database"),
    ],
)
def test_a_state_file_that_is_none_is_told_in_one_line(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    make: Callable[[Path], None],
    reason: str,
) -> None:
    state = tmp_path / "tail.db"
    make(state)
    monkeypatch.setenv("SYNCD_TOKEN", token())
    assert main(["tail", "--url", "http://127.0.0.1:9", "--state", str(state)]) == 1
    assert capsys.readouterr().err == f"syncd tail: --state {state}: {reason}\n"


@pytest.mark.parametrize("url", ["127.0.0.1:8083", "http://[::1", "ftp://x", "", "http://h/?token=x", "http://h/ws"])
def test_an_address_that_is_none_is_told_in_one_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setenv("SYNCD_TOKEN", token())
    assert main(["tail", "--url", url]) == 1
    said = capsys.readouterr().err
    assert said.startswith("syncd tail: --url: must be the service's address")
    assert said.count("\n") == 1


@pytest.mark.parametrize(
    "value", ["abc", "\u00e9.b.c", "\udcff", "Bearer x", token("a\nb"), jwt.encode({"sub": 7}, SECRET)]
)
def test_a_token_that_is_none_is_told_in_one_line(capsys: pytest.CaptureFixture[str], value: str) -> None:
    assert main(["tail", "--token", value]) == 1
    said = capsys.readouterr().err
    assert said.startswith("syncd tail: --token: this is not a device token: ")
    assert said.count("\n") == 1
