"""``syncd tail``: a device in the terminal."""

import asyncio
import json
import sys
from pathlib import Path
from uuid import UUID

import pytest
from websockets.asyncio.client import connect

from tests.daemon import ROOT, DaemonProcess, token
from tests.syncd.command_line import syncd

pytestmark = pytest.mark.integration


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


def test_a_token_that_the_daemon_refuses_ends_it_with_the_reason(daemon: DaemonProcess) -> None:
    url = daemon.ws_url.removesuffix("/ws")
    done = syncd("tail", "--url", url, "--json", SYNCD_TOKEN=token("ann", "tv", ttl_s=-100))
    assert done.returncode == 1
    last = json.loads(done.stdout.splitlines()[-1])
    assert (last["type"], last["retry_in_ms"]) == ("disconnected", None)
    assert done.stderr == f"syncd tail: {url}: {last['reason']}\n"
