"""Nodes that share a bus key: what they sign is accepted, what others forge, alter or leave unsigned is not."""

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

import aiohttp
import pytest

from tests.scenarios.conftest import WATCHLIST, Bearer, ClusterNode, Publisher, PubNubBroker, StartNode, Watch

KEY = ("--bus-key", "a key that only the nodes of this cluster have")
FOREIGN = {
    "type": "watchlist_update",
    "operation": "add",
    "content_id": str(UUID(int=123)),
    "unique_tag": "movie-123",
    "timestamp": None,
    "device_id": "device-a",
}

Until = Callable[[Callable[[], Awaitable[bool]]], Awaitable[None]]
Add = Callable[[ClusterNode, int], Awaitable[int]]


@pytest.fixture
def add(http: aiohttp.ClientSession, bearer: Bearer) -> Add:
    """``await add(node, number)``: ann adds a content there; the revision."""

    async def add(node: ClusterNode, number: int) -> int:
        body = {"operation": "add", "content_id": str(UUID(int=number))}
        async with http.post(node.url + WATCHLIST, json=body, headers=bearer("ann")) as response:
            return int((await response.json())["revision"])

    return add


@pytest.fixture
def refused(http: aiohttp.ClientSession, until: Until) -> Callable[[ClusterNode, str, int], Awaitable[None]]:
    """``await refused(node, reason, count)``: wait until the node has refused so many messages."""

    async def wait(node: ClusterNode, reason: str, count: int) -> None:
        async def is_counted() -> bool:
            return await node.metric(http, f'syncd_messages_refused_total{{reason="{reason}"}}') == count

        await until(is_counted)

    return wait


async def test_forged_and_altered_messages_are_dropped_and_counted_and_signed_ones_taken(
    broker: PubNubBroker,
    start_node: StartNode,
    publisher: Publisher,
    watch: Watch,
    http: aiohttp.ClientSession,
    add: Add,
    refused: Callable[[ClusterNode, str, int], Awaitable[None]],
) -> None:
    here, there = [await start_node(*broker.flags, *KEY) for _ in range(2)]
    own, device = await watch(here), await watch(there)
    assert await add(here, 1) == 1
    assert await own.revisions(1) == [1]
    assert await device.revisions(1) == [1]  # it was signed and accepted as it is: nothing was missing
    assert await there.metric(http, "syncd_gaps_healed_total") == 0

    (genuine,) = [sent for sent in await publisher.history("ann") if sent["type"] == "watchlist_update"]
    forgeries: list[dict[str, Any]] = [
        {**genuine, "content_id": str(UUID(int=666)), "revision": 2},  # altered
        {**genuine, "revision": 2, "signature": "0" * 64},
        {**{name: value for name, value in genuine.items() if name != "signature"}, "revision": 2},
        {"type": "head_moved", "revision": 1_000_000, "origin": genuine["origin"]},
        {**FOREIGN, "signature": "guessed"},
    ]
    for forgery in forgeries:
        await publisher.publish("ann", forgery)
    await publisher.publish("ann", FOREIGN)  # unsigned, and with a key those are not allowed
    await refused(there, "forged", len(forgeries))
    await refused(here, "forged", 1)  # the others claim to be its own: an echo is dropped unread
    for node in (here, there):
        await refused(node, "foreign", 1)
    await publisher.publish("ann", genuine)  # a replay: of a revision that is known

    assert await add(here, 2) == 2  # so none of the above got into the journal
    for each in (own, device):
        message = await each.next()
        assert (message["revision"], message["content_id"]) == (2, str(UUID(int=2)))


async def test_unsigned_messages_of_foreign_publishers_are_taken_if_that_is_allowed(
    broker: PubNubBroker, start_node: StartNode, publisher: Publisher, watch: Watch
) -> None:
    node = await start_node(*broker.flags, *KEY, "--bus-foreign", "on")
    device = await watch(node)
    await publisher.publish("ann", FOREIGN)
    assert (await device.next())["unique_tag"] == "movie-123"


@pytest.mark.parametrize("scope", ["publish", "subscribe"])
async def test_a_403_is_shown_as_what_it_is_and_over_when_it_is_lifted(
    broker: PubNubBroker,
    start_node: StartNode,
    watch: Watch,
    http: aiohttp.ClientSession,
    until: Until,
    add: Add,
    scope: str,
) -> None:
    here, there = [await start_node(*broker.flags) for _ in range(2)]
    own, device = await watch(here, "ann", "pc"), await watch(there)
    await broker.disturb(**{scope: {"answer": 403}})
    assert await add(here, 1) == 1
    assert await own.revisions(1) == [1]

    async def is_named() -> bool:
        status, problems = await here.ready(http)
        return status == 200 and problems.get("bus", "").startswith("access denied")

    async def is_logged() -> bool:  # by a thread, a moment later
        return "access denied" in here.log.read_text()

    await until(is_named)
    await until(is_logged)

    async def is_over() -> bool:
        return await here.ready(http) == (200, {})

    await broker.disturb()
    assert await device.revisions(1) == [1]
    await until(is_over)
