"""A hundred devices of one user, over WebSockets and streams, ask for a long list, or for all its changes, and read
nothing: they cost little, and nobody else notices."""

import asyncio
import json
import re
from contextlib import AsyncExitStack, ExitStack
from uuid import UUID

import aiohttp
from websockets.asyncio.client import connect

from tests.daemon import FILM, WATCHLIST, DaemonProcess, StartDaemon, bearer
from tests.fakes.slow_device import slow_device, slow_stream
from tests.timeouts import TIMEOUT_S

USER = "collector"
ITEMS = 10_000
WRITES_PER_REQUEST = 500
DEVICES = 100
QUERIES = ("?since=99999999", "?since=99999999&snapshot=pieces", "?since=0")
"""Of a revision that never was: the whole list; and every change that ever was."""
MOST_BYTES = 20 * 2**20
WRITER = "w" * 128
"""Makes 10,000 items 2.9 MB."""


async def fill(http: aiohttp.ClientSession, daemon: DaemonProcess) -> None:
    for first in range(0, ITEMS, WRITES_PER_REQUEST):
        await write(http, daemon, [("add", number) for number in range(first, first + WRITES_PER_REQUEST)])


async def write(http: aiohttp.ClientSession, daemon: DaemonProcess, changes: list[tuple[str, int]]) -> None:
    operations = [{"operation": operation, "content_id": str(UUID(int=number))} for operation, number in changes]
    async with http.post(
        f"{daemon.url}/api/v1/sync/operations", json={"operations": operations}, headers=bearer(USER, WRITER)
    ) as answer:
        assert answer.status == 200, await answer.text()


async def metric(http: aiohttp.ClientSession, daemon: DaemonProcess, name: str) -> float:
    async with http.get(daemon.url + "/metrics") as response:
        found = re.search(rf"^{name} (\S+)$", await response.text(), re.MULTILINE)
    assert found
    return float(found[1])


async def test_devices_that_ask_for_a_long_list_and_read_nothing_cost_little_and_others_nothing(
    start_daemon: StartDaemon, http: aiohttp.ClientSession
) -> None:
    daemon = start_daemon()
    await fill(http, daemon)
    async with AsyncExitStack() as stack, asyncio.timeout(TIMEOUT_S):
        other = await stack.enter_async_context(connect(daemon.ws_url, additional_headers=bearer("other", "tv")))
        sockets = stack.enter_context(ExitStack())
        for number in range(DEVICES):
            query = QUERIES[number % len(QUERIES)]
            opened = slow_stream if number % 2 else slow_device
            sockets.enter_context(opened(daemon.port, USER, f"slow-{number}", query))
            # So that the next one shares nothing with this one; of what the history still has, as others need to know.
            latest = ITEMS - 1 - number
            await write(http, daemon, [("remove", latest), ("add", latest)])
        while await metric(http, daemon, "syncd_unread_connections") < DEVICES:
            await asyncio.sleep(0.01)
        held_bytes = await metric(http, daemon, "syncd_unread_bytes")
        assert DEVICES * 64 * 1024 < held_bytes < MOST_BYTES
        for user, operation, content_id in ((USER, "remove", str(UUID(int=0))), ("other", "add", FILM)):
            change = {"operation": operation, "content_id": content_id}
            async with http.post(daemon.url + WATCHLIST, json=change, headers=bearer(user)) as answer:
                assert answer.status == 200
        assert json.loads(await other.recv())["content_id"] == FILM
        async with connect(f"{daemon.ws_url}?since=99999999", additional_headers=bearer(USER), max_size=None) as reader:
            await reader.recv()
            assert len(json.loads(await reader.recv())["items"]) == ITEMS - 1
        assert await metric(http, daemon, "syncd_unread_bytes") < MOST_BYTES
