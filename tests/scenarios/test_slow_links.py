"""A new device on a slow link is brought up to date, however long its user's list is and however often the link breaks.

The link is faster than a slow one, and the heartbeat's time-out shorter in proportion: the list takes several of them.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import aiohttp
import pytest
from syncd_client import Client, Disconnected, Event, SqliteStore
from websockets.asyncio.client import ClientConnection, connect

from actors.messages.journal_reads import SLICE_ROWS
from tests.daemon import DaemonProcess, bearer, token
from tests.fakes.throttled_link import ThrottledLink
from tests.timeouts import TIMEOUT_S

USER = "collector"
ITEMS = 10_000
ALL = {str(UUID(int=number)) for number in range(ITEMS)}
WRITES_PER_REQUEST = 500
LINK_BYTES_PER_S = 192 * 1024
HEARTBEAT = ("--heartbeat-interval", "2", "--heartbeat-timeout", "6")
"""The list is 1.8 MB, which takes more than nine seconds; a busy machine may stand still for a few."""
PIECES_BEFORE_CUT = 3
STILL_TO_COME = range(5_000, 5_001)
"""In the middle of the list."""
BYTES_BEFORE_CUT = 400 * 1024
"""Four pieces and a half."""


async def write(http: aiohttp.ClientSession, daemon: DaemonProcess, operation: str, numbers: range) -> None:
    operations = [{"operation": operation, "content_id": str(UUID(int=number))} for number in numbers]
    async with http.post(
        f"{daemon.url}/api/v1/sync/operations", json={"operations": operations}, headers=bearer(USER)
    ) as answer:
        assert answer.status == 200, await answer.text()


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DaemonProcess]:
    """With a user whose list has 10,000 items, and whose history no longer has their beginning."""
    daemon = DaemonProcess(tmp_path_factory.mktemp("data"), *HEARTBEAT)

    async def fill() -> None:
        async with aiohttp.ClientSession() as http:
            for first in range(0, ITEMS, WRITES_PER_REQUEST):
                await write(http, daemon, "add", range(first, first + WRITES_PER_REQUEST))
            await write(http, daemon, "remove", range(WRITES_PER_REQUEST))
            await write(http, daemon, "add", range(WRITES_PER_REQUEST))

    asyncio.run(fill())
    yield daemon
    daemon.stop()


@pytest.fixture
async def link(daemon: DaemonProcess) -> AsyncIterator[ThrottledLink]:
    async with ThrottledLink(daemon.port, LINK_BYTES_PER_S).listening() as link:
        yield link


def device(link: ThrottledLink, query: str) -> connect:
    return connect(
        f"ws://127.0.0.1:{link.port}/ws?{query}",
        additional_headers=bearer(USER, "new"),
        max_size=None,
        ping_interval=None,
        compression=None,
    )


async def receive(socket: ClientConnection) -> Any:
    async with asyncio.timeout(TIMEOUT_S):
        return json.loads(await socket.recv())


async def test_a_list_in_one_message_arrives_though_it_takes_longer_than_the_heartbeat(
    daemon: DaemonProcess, link: ThrottledLink
) -> None:
    async with device(link, "since=0") as socket:
        resumed = await receive(socket)
        assert (resumed["recovered"], resumed["reason"]) == (False, "history_pruned")
        snapshot = await receive(socket)
        assert (snapshot["type"], snapshot["revision"]) == ("watchlist_snapshot", resumed["revision"])
        assert not {item["content_id"] for item in snapshot["items"]} ^ ALL
        assert len(snapshot["items"]) == ITEMS
        await socket.send('{"type":"ping"}')
        assert await receive(socket) == {"type": "pong"}


async def get_token() -> str:
    return token(USER, "new")


async def test_our_client_gets_the_list_over_a_link_that_breaks_in_the_midst_of_its_pieces(
    daemon: DaemonProcess, tmp_path: Path
) -> None:
    link = ThrottledLink(daemon.port, LINK_BYTES_PER_S, BYTES_BEFORE_CUT)
    async with link.listening(), asyncio.timeout(TIMEOUT_S):
        client = Client(f"ws://127.0.0.1:{link.port}", SqliteStore(tmp_path / "client.db"))

        def reconnect(event: Event) -> None:
            if isinstance(event, Disconnected):
                client.connect()  # as an app does that is told of the network

        client.subscribe(reconnect)
        async with client:
            client.sign_in(USER, get_token)
            await client.wait_until(lambda: len(client.items) > 0)
            assert not {item.content_id for item in client.items} ^ ALL
    assert link.connections > 3


async def test_a_list_in_pieces_arrives_over_a_link_that_breaks_again_and_again_each_piece_once(
    daemon: DaemonProcess, link: ThrottledLink
) -> None:
    pieces: list[dict[str, Any]] = []
    connections = 0
    while not pieces or "next" in pieces[-1]:
        cursor = f"&snapshot_cursor={pieces[-1]['next']}" if pieces else ""
        connections += 1
        async with device(link, "since=0&snapshot=pieces" + cursor) as socket:
            resumed = await receive(socket)
            assert (resumed["recovered"], resumed["reason"]) == (False, "history_pruned")
            for _ in range(PIECES_BEFORE_CUT):
                pieces.append(await receive(socket))
                if "next" not in pieces[-1]:
                    update = await receive(socket)
                    break
            link.cut()
            await socket.wait_closed()
        if connections == 1:
            async with aiohttp.ClientSession() as http:
                await write(http, daemon, "remove", STILL_TO_COME)
    assert (update["action"], update["content_id"]) == ("remove", str(UUID(int=STILL_TO_COME.start)))
    assert update["revision"] == pieces[0]["revision"] + 1
    assert connections == -(-ITEMS // SLICE_ROWS // PIECES_BEFORE_CUT)
    assert [piece.get("start", False) for piece in pieces] == [True] + [False] * (ITEMS // SLICE_ROWS - 1)
    assert len({(piece["revision"], piece["epoch"]) for piece in pieces}) == 1
    assert max(len(piece["items"]) for piece in pieces) == SLICE_ROWS
    shown = [item["content_id"] for piece in pieces for item in piece["items"]]
    assert len(shown) == ITEMS
    assert not set(shown) ^ ALL
