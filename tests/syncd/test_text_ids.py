"""A daemon whose contents are named by any text: each way in and each way out has every id as it is."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from websockets.asyncio.client import connect

from storage.databases.database_url import sqlite_url
from storage.inspection.database import inspect_database
from tests.contents import NO_TEXT_IDS, TEXT_IDS
from tests.daemon import WATCHLIST, DaemonProcess, bearer
from tests.timeouts import TIMEOUT_S

pytestmark = pytest.mark.integration

LIST = "/api/v1/sync/lists/kids"
NEWEST_FIRST = list(TEXT_IDS[::-1])
RULE = "content_id: must be 1 to 128 characters, none of them a control character or a lone surrogate."


@pytest.fixture(scope="module")
def text_daemon(tmp_path_factory: pytest.TempPathFactory) -> Any:
    daemon = DaemonProcess(tmp_path_factory.mktemp("text"), "--content-ids", "text")
    yield daemon
    daemon.stop()


@pytest.fixture
async def device(text_daemon: DaemonProcess, user: str) -> AsyncIterator[aiohttp.ClientSession]:
    """The HTTP client of one of the user's devices."""
    async with aiohttp.ClientSession(text_daemon.url, headers=bearer(user)) as session:
        yield session


def adds(content_ids: tuple[str, ...]) -> list[dict[str, str]]:
    return [{"operation": "add", "content_id": content_id} for content_id in content_ids]


async def told(
    daemon: DaemonProcess, user: str, query: str, kind: str, *sent: dict[str, Any], count: int = 1
) -> list[dict[str, Any]]:
    """The first ``count`` messages of ``kind`` that a new socket is told when it has ``sent`` its own."""
    found: list[dict[str, Any]] = []
    async with asyncio.timeout(TIMEOUT_S), connect(daemon.ws_url + query, additional_headers=bearer(user)) as socket:
        for write in sent:
            await socket.send(json.dumps(write))
        while len(found) < count:
            message = json.loads(await socket.recv())
            found += [message] if message["type"] == kind else []
    return found


async def test_ids_written_over_http_are_listed_paged_and_replayed(
    device: aiohttp.ClientSession, text_daemon: DaemonProcess, user: str
) -> None:
    for body in adds(TEXT_IDS):
        async with device.post(WATCHLIST, json=body) as response:
            assert (response.status, (await response.json())["content_id"]) == (200, body["content_id"])
    shown: list[str] = []
    query: dict[str, str] = {"limit": "3"}
    while query:
        async with device.get(WATCHLIST, params=query) as response:
            page = await response.json()
        shown += [item["content_id"] for item in page["items"]]
        query = {"limit": "3", "cursor": page["next"]} if "next" in page else {}
    assert shown == NEWEST_FIRST
    replayed = await told(text_daemon, user, "?since=0", "watchlist_update", count=len(TEXT_IDS))
    assert [update["content_id"] for update in replayed] == list(TEXT_IDS)
    (piece,) = await told(text_daemon, user, "?since=99&epoch=other&snapshot=pieces", "watchlist_snapshot_piece")
    assert [item["content_id"] for item in piece["items"]] == NEWEST_FIRST


async def test_ids_written_over_a_socket_are_told_and_removed_again(
    device: aiohttp.ClientSession, text_daemon: DaemonProcess, user: str
) -> None:
    writes = [{"type": "list_update", "list": "kids", **add} for add in adds(TEXT_IDS)]
    updates = await told(text_daemon, user, "?since=list:kids:0", "list_update", *writes, count=len(writes))
    assert [update["content_id"] for update in updates] == list(TEXT_IDS)
    for add in adds(TEXT_IDS):
        async with device.post(LIST, json=add | {"operation": "remove"}) as response:
            assert response.status == 200
    async with device.get(LIST) as response:
        assert (await response.json())["items"] == []


async def test_what_is_no_id_is_refused_by_name_and_leaves_the_rest_of_a_bulk_alone(
    device: aiohttp.ClientSession, text_daemon: DaemonProcess, user: str
) -> None:
    async with device.post("/api/v1/sync/operations", json={"operations": adds((*NO_TEXT_IDS, "123"))}) as response:
        results = (await response.json())["results"]
    assert [result.get("detail") for result in results] == [RULE] * len(NO_TEXT_IDS) + [None]
    async with device.post(WATCHLIST, json=adds(("a\0b",))[0]) as response:
        assert (response.status, (await response.json())["detail"]) == (400, RULE)
    write = {"type": "watchlist_update", "id": 1, **adds(("x" * 129,))[0]}
    assert await told(text_daemon, user, "", "error", write) == [
        {"type": "error", "id": 1, "code": "invalid_field", "field": "content_id", "message": RULE}
    ]


async def test_the_documents_tell_which_ids_are_taken_and_the_journal_too(
    device: aiohttp.ClientSession, text_daemon: DaemonProcess
) -> None:
    assert inspect_database(sqlite_url(text_daemon.log.parent / "journal.db")).content_ids == "text"
    for path in ("/openapi.json", "/asyncapi.json"):
        async with device.get(path) as response:
            schemas = (await response.json())["components"]["schemas"]
        assert schemas["WatchlistUpdate"]["properties"]["content_id"]["maxLength"] == 128
