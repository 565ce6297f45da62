"""Three nodes on NATS: a user's messages go where the user is, and a foreign write to one node of all."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from uuid import UUID

import aiohttp
import msgspec
import pytest
from nats.aio.client import Client

from tests.scenarios.conftest import WATCHLIST, Bearer, ClusterNode, NatsServer, StartNode, Watch
from tests.timeouts import TIMEOUT_S

KEY = ("--bus-key", "a key that only the nodes of this cluster have")
RECEIVED = "syncd_bus_received_total"
HEALED = "syncd_gaps_healed_total"
PUBLISHED = "syncd_bus_published_total"
SUBSCRIBED = "syncd_bus_subscribed_users"
TAKEN = 'syncd_writes_total{status="added"}'

Until = Callable[[Callable[[], Awaitable[bool]]], Awaitable[None]]
Add = Callable[[ClusterNode, str, int], Awaitable[int]]


@pytest.fixture
async def nats(tmp_path: Path) -> AsyncIterator[NatsServer]:
    server = NatsServer(tmp_path / "bus.log")
    await server.start()
    yield server
    await server.kill()


@pytest.fixture
def add(http: aiohttp.ClientSession, bearer: Bearer) -> Add:
    """``await add(node, user, number)``: the user adds a content there; the revision."""

    async def add(node: ClusterNode, user_id: str, number: int) -> int:
        body = {"operation": "add", "content_id": str(UUID(int=number))}
        async with http.post(node.url + WATCHLIST, json=body, headers=bearer(user_id)) as response:
            return int((await response.json())["revision"])

    return add


async def test_a_users_messages_go_only_to_the_nodes_where_the_user_is_active(
    nats: NatsServer, start_node: StartNode, watch: Watch, http: aiohttp.ClientSession, add: Add
) -> None:
    first, second, third = [await start_node(*nats.flags, *KEY) for _ in range(3)]
    tv = await watch(second, "ann", "tv")
    stranger = await watch(third, "bob", "tv")
    async with asyncio.timeout(TIMEOUT_S):
        while [await node.metric(http, PUBLISHED) for node in (second, third)] != [1, 1]:  # that there is a new device
            await asyncio.sleep(0.05)
    for number in range(1, 51):
        assert await add(first, "ann", number) == number
        assert await tv.revisions(1) == [number]  # or, where publishing is slow, one hint would stand for many
    assert await add(first, "bob", 1) == 1
    assert await stranger.revisions(1) == [1]
    counts = {name: [await node.metric(http, name) for node in (first, second, third)] for name in (RECEIVED, HEALED)}
    assert counts == {RECEIVED: [0, 50, 1], HEALED: [0, 0, 0]}  # not even its own
    assert [await node.metric(http, SUBSCRIBED) for node in (first, second, third)] == [2, 1, 1]


async def test_what_is_written_while_a_user_becomes_active_elsewhere_is_shown_there_at_once(
    nats: NatsServer, start_node: StartNode, watch: Watch, add: Add
) -> None:
    """Each device comes in the middle of a storm of writes; none waits for the comparison of every half minute."""
    here, there = [await start_node(*nats.flags, *KEY) for _ in range(2)]
    users = [f"user-{number}" for number in range(20)]

    async def storm(user_id: str) -> None:
        for number in range(1, 11):
            await add(here, user_id, number)

    async def come(user_id: str) -> list[int]:
        device = await watch(there, user_id)
        return await device.revisions(10)

    async with asyncio.timeout(TIMEOUT_S):
        shown, *_ = await asyncio.gather(asyncio.gather(*map(come, users)), *map(storm, users))
    assert shown == [list(range(1, 11))] * len(users)


async def test_each_foreign_write_is_taken_in_once_wherever_its_user_is_and_also_where_nobody_is(
    nats: NatsServer, start_node: StartNode, watch: Watch, http: aiohttp.ClientSession, until: Until, bearer: Bearer
) -> None:
    nodes = [await start_node(*nats.flags, *KEY, "--bus-foreign", "on") for _ in range(3)]
    devices = [await watch(node, "ann", f"tv-{number}") for number, node in enumerate(nodes)]
    publisher = Client()
    await publisher.connect(f"nats://127.0.0.1:{nats.port}")
    for number in range(1, 31):
        for user_id in ("ann", "nobody"):
            message = {
                "type": "watchlist_update",
                "operation": "add",
                "content_id": str(UUID(int=number)),
                "unique_tag": f"movie-{number}",
                "timestamp": None,
                "device_id": "device-a",
            }
            await publisher.publish(f"user.{user_id}.sync", msgspec.json.encode(message))
    await publisher.flush()
    await publisher.close()
    for device in devices:
        assert await device.revisions(30) == list(range(1, 31))

    async def outcomes() -> float:
        counted = 0.0
        for node in nodes:
            for status in ("added", "existing", "refused", "removed", "not_found"):
                counted += await node.metric(http, f'syncd_writes_total{{status="{status}"}}')
        return counted

    async def are_all_answered() -> bool:
        return await outcomes() >= 60

    await until(are_all_answered)
    async with http.get(nodes[0].url + WATCHLIST, headers=bearer("nobody")) as response:
        assert len((await response.json())["items"]) == 30
    assert await outcomes() == 60  # with every node taking in every one, it would be 180
    assert sum([await node.metric(http, TAKEN) for node in nodes]) == 60
