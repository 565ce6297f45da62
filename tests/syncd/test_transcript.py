"""The transcript in docs/protocol.md is what a daemon says, word by word, and its page of curl works."""

import asyncio
import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import AsyncExitStack
from itertools import chain
from pathlib import Path

import aiohttp
import pytest
from websockets.asyncio.client import ClientConnection, connect

from tests.daemon import DaemonProcess, bearer, token
from tests.timeouts import TIMEOUT_S

pytestmark = pytest.mark.integration

PROTOCOL = Path(__file__).parents[2] / "docs" / "protocol.md"
WRITE = "/api/v1/sync/watchlist"
CONTENTS = [f"0b0e6a4e-52a5-4a5b-9a1f-00000000000{number}" for number in (1, 2)]
VARIES = "…"


def connections() -> Iterator[list[str]]:
    """Yield the lines of each connection, its request first."""
    _, section = PROTOCOL.read_text().split("### A transcript\n")
    blocks = re.findall(r"```text\n(.*?)```", section, re.DOTALL)
    yield from (part.splitlines() for part in chain.from_iterable(block.split("\n\n") for block in blocks))


async def follow(lines: list[str], socket: ClientConnection, user: str) -> str:
    """Say and hear what ``lines`` say; return what was heard first."""
    heard = []
    for line in lines:
        if line.startswith("> "):
            await socket.send(line[2:].replace(f'"token":"{VARIES}"', f'"token":"{token(user, "phone")}"'))
            continue
        async with asyncio.timeout(TIMEOUT_S):
            heard.append(str(await socket.recv()))
        wanted = ".+".join(map(re.escape, line[2:].split(VARIES)))
        assert re.fullmatch(wanted, heard[-1]), f"docs/protocol.md says {line[2:]}, and the daemon {heard[-1]}"
    return heard[0]


async def test_the_transcript_is_what_a_daemon_says(
    daemon: DaemonProcess, http: aiohttp.ClientSession, user: str
) -> None:
    first, second, third = connections()
    base = daemon.ws_url.removesuffix("/ws")
    async with AsyncExitStack() as stack:

        async def opened(request: str) -> ClientConnection:
            url = base + request.removeprefix("GET ")
            return await stack.enter_async_context(connect(url, additional_headers=bearer(user, "phone")))

        resumed = await follow(first[1:], await opened(first[0]), user)
        epoch = re.search(r'"epoch":"(\w+)"', resumed)
        assert epoch is not None
        for operation, content_id in (("add", CONTENTS[1]), ("remove", CONTENTS[0])):
            body = {"operation": operation, "content_id": content_id}
            async with http.post(daemon.url + WRITE, json=body, headers=bearer(user, "tv")) as response:
                assert response.status == 200
        await follow(second[1:], await opened(second[0].replace(VARIES, epoch[1])), user)
        await follow(third[1:], await opened(third[0]), user)


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
async def test_the_page_of_curl_does_what_it_says(daemon: DaemonProcess, user: str) -> None:
    _, section = PROTOCOL.read_text().split("### With curl\n")
    script = section.partition("```sh\n")[2].partition("```")[0].replace("http://127.0.0.1:8083", daemon.url)
    run = asyncio.to_thread(
        subprocess.run, ["sh", "-e"], input=f"TOKEN={token(user)}\n{script}", capture_output=True, text=True, check=True
    )
    answers = [json.loads(line) for line in (await run).stdout.splitlines() if line]
    added, named, lists, listed, changed, played, going_on, removed = answers
    assert (added["status"], named["name"], len(lists["lists"])) == ("added", "For the kids", 1)
    assert listed["items"][0]["data"] == changed["changes"][0]["data"] == {"note": "with subtitles"}
    assert (played["completion_percent"], len(going_on["items"]), removed["status"]) == (25.0, 1, "removed")
