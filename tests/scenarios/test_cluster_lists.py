"""Which lists a user has, told on two nodes of a cluster to those who ask for it, whichever node changes them."""

from contextlib import AsyncExitStack
from typing import Any

import aiohttp
import pytest
from websockets.asyncio.client import ClientConnection, connect

from tests.scenarios.conftest import Bearer, BusServer, ClusterNode, StartNode
from tests.sockets import next_message

pytestmark = pytest.mark.integration

FILM = "0b0e6a4e-52a5-4a5b-9a1f-000000000001"
KEY = "a bus key of the scenarios, and long enough"


async def until_it_shows(socket: ClientConnection, expected: dict[str, str]) -> None:
    """Read until the lists are as expected, by what they are called; nothing else may be told."""
    while True:
        message = await next_message(socket)
        assert message["type"] == "lists"
        if {one["list"]: one["name"] for one in message["lists"]} == expected:
            return


async def test_a_list_that_is_made_named_or_deleted_is_told_on_every_node_to_who_asks(
    bus: BusServer, start_node: StartNode, bearer: Bearer, http: aiohttp.ClientSession
) -> None:
    here = await start_node(*bus.flags, "--bus-key", KEY)
    there = await start_node(*bus.flags, "--bus-key", KEY)

    async def ask(node: ClusterNode, method: str, path: str, body: Any = None) -> int:
        url = f"{node.url}/api/v1/sync/lists/{path}"
        async with http.request(method, url, json=body, headers=bearer("ann")) as response:
            return response.status

    async with AsyncExitStack() as stack:

        async def device(node: ClusterNode, user_id: str, query: str) -> ClientConnection:
            url, headers = node.ws_url + query, bearer(user_id, f"{user_id} {query}")
            return await stack.enter_async_context(connect(url, additional_headers=headers, compression=None))

        followers = [await device(node, "ann", "?since=lists:0") for node in (here, there)]
        others = [await device(here, "ann", ""), await device(there, "ann", "?since=watchlist:0")]
        others.append(await device(there, "bob", "?since=lists:0"))
        for follower in followers:
            resumed = await next_message(follower)
            assert (resumed["type"], resumed["revision"], resumed["collection"]) == ("resumed", 0, "lists")
            await until_it_shows(follower, {})

        assert await ask(here, "PUT", "kids", {"name": "For the kids"}) == 201
        for follower in followers:
            await until_it_shows(follower, {"kids": "For the kids"})
        assert await ask(there, "POST", "later", {"operation": "add", "content_id": FILM}) == 200
        for follower in followers:
            await until_it_shows(follower, {"kids": "For the kids", "later": "later"})
        assert await ask(there, "PUT", "later", {"name": "Später"}) == 200
        assert await ask(here, "DELETE", "kids") == 204
        for follower in followers:
            await until_it_shows(follower, {"later": "Später"})

        for other, told in zip(others, ([], ["resumed"], ["resumed", "lists"]), strict=True):
            await other.send('{"type":"ping"}')
            for message_type in (*told, "pong"):
                assert (await next_message(other))["type"] == message_type
