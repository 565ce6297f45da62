"""While the bus is gone, whatever tells a node of a revision it had not heard of is told on to its devices."""

from uuid import UUID

import aiohttp
import pytest

from tests.scenarios.conftest import WATCHLIST, Bearer, ClusterNode, PubNubBroker, StartNode, Watch


@pytest.fixture
async def nodes(broker: PubNubBroker, start_node: StartNode) -> list[ClusterNode]:
    return [await start_node(*broker.flags) for _ in range(2)]


async def test_a_repeated_write_or_a_device_that_resumes_shows_what_no_message_told(
    nodes: list[ClusterNode],
    broker: PubNubBroker,
    http: aiohttp.ClientSession,
    bearer: Bearer,
    watch: Watch,
) -> None:
    async def add(node: ClusterNode, number: int) -> int:
        body = {"operation": "add", "content_id": str(UUID(int=number)), "operation_id": f"op-{number}"}
        async with http.post(node.url + WATCHLIST, json=body, headers=bearer("ann")) as response:
            return int((await response.json())["revision"])

    here, there = nodes
    device = await watch(there)
    await broker.kill()
    assert await add(here, 1) == 1
    assert await add(there, 1) == 1  # the writer got no answer, say, and asks the other node
    assert await device.revisions(1) == [1]
    assert await add(here, 2) == 2
    late = await watch(there, "ann", "pc")
    assert await late.revisions(2) == [1, 2]
    assert await device.revisions(1) == [2]
