"""Two nodes that write the same user at once, through their public HTTP APIs, into one PostgreSQL that also crashes."""

import asyncio
from collections.abc import Awaitable, Callable
from uuid import UUID

import aiohttp
import psycopg
import pytest

from syncd.cluster import LocalPostgreSQL
from tests.scenarios.conftest import WATCHLIST, Bearer, ClusterNode, PubNubBroker, StartNode, Watch

WRITERS_PER_NODE = 4
WRITES_PER_WRITER = 40

Until = Callable[[Callable[[], Awaitable[bool]]], Awaitable[None]]


@pytest.fixture
async def nodes(broker: PubNubBroker, start_node: StartNode) -> list[ClusterNode]:
    return [await start_node(*broker.flags) for _ in range(2)]


class Writer:
    """Adds contents of its own as one device of ann's, each until it is acknowledged."""

    def __init__(self, http: aiohttp.ClientSession, node: ClusterNode, number: int, headers: dict[str, str]) -> None:
        self._http, self._node, self._number, self._headers = http, node, number, headers
        self.acknowledged: dict[str, int] = {}
        """Operation id -> revision."""
        self.refusals: list[tuple[int, str]] = []
        """Status and Retry-After of each answer that was not the 200."""

    async def write(self, count: int) -> None:
        for _ in range(count):
            operation_id = f"{self._number}-{len(self.acknowledged)}"
            body = {
                "operation": "add",
                "content_id": str(UUID(int=self._number << 32 | len(self.acknowledged))),
                "operation_id": operation_id,
            }
            while operation_id not in self.acknowledged:
                url = self._node.url + WATCHLIST
                async with self._http.post(url, json=body, headers=self._headers) as response:
                    answer = await response.json(content_type=None)
                    if response.status == 200:
                        self.acknowledged[operation_id] = answer["revision"]
                        continue
                    self.refusals.append((response.status, response.headers.get("Retry-After", "")))
                await asyncio.sleep(0.05)  # sooner than asked to: the test is in a hurry


def writers(http: aiohttp.ClientSession, nodes: list[ClusterNode], bearer: Bearer) -> list[Writer]:
    return [
        Writer(http, node, index * WRITERS_PER_NODE + number, bearer("ann", f"d{index}-{number}"))
        for index, node in enumerate(nodes)
        for number in range(WRITERS_PER_NODE)
    ]


def recorded(database_url: str) -> dict[str, int]:
    """Return ann's operation ids with their revisions, in the order in which their transactions committed."""
    with psycopg.connect(database_url) as database:
        rows = database.execute(
            "SELECT operation_id, revision FROM operations WHERE user_id = 'ann'"
            " ORDER BY pg_xact_commit_timestamp(xmin), revision"
        ).fetchall()
    return dict(rows)


async def test_two_nodes_writing_one_user_make_one_sequence_in_commit_order(
    nodes: list[ClusterNode], http: aiohttp.ClientSession, bearer: Bearer, watch: Watch, database_url: str
) -> None:
    devices = [await watch(node) for node in nodes]
    at_work = writers(http, nodes, bearer)
    await asyncio.gather(*(writer.write(WRITES_PER_WRITER) for writer in at_work))
    acknowledged = {name: revision for writer in at_work for name, revision in writer.acknowledged.items()}
    in_commit_order = recorded(database_url)
    total = len(at_work) * WRITES_PER_WRITER
    assert list(in_commit_order.values()) == list(range(1, total + 1))
    assert acknowledged == in_commit_order
    for writer in at_work:  # what one device wrote one after another is in that order
        assert list(writer.acknowledged.values()) == sorted(writer.acknowledged.values())
        assert not writer.refusals
    for device in devices:
        assert await device.revisions(total) == list(range(1, total + 1))


async def test_a_crash_of_postgresql_refuses_writes_with_503_and_loses_nothing_acknowledged(
    nodes: list[ClusterNode],
    http: aiohttp.ClientSession,
    bearer: Bearer,
    watch: Watch,
    until: Until,
    database_url: str,
    postgresql: LocalPostgreSQL,
) -> None:
    devices = [await watch(node) for node in nodes]
    at_work = writers(http, nodes, bearer)

    async def are_refused() -> bool:
        return all(writer.refusals for writer in at_work)

    async with asyncio.TaskGroup() as storm:
        for writer in at_work:
            storm.create_task(writer.write(WRITES_PER_WRITER))
        while sum(len(writer.acknowledged) for writer in at_work) < 20:
            await asyncio.sleep(0)
        await asyncio.to_thread(postgresql.stop, "immediate")
        try:
            await until(are_refused)
            for node in nodes:
                status, problems = await node.ready(http)
                assert status == 503
                assert "journal" in problems
                async with http.get(node.url + "/health") as response:
                    assert response.status == 200
        finally:
            await asyncio.to_thread(postgresql.start)
    for writer in at_work:
        assert all(status == 503 and int(retry_after) >= 1 for status, retry_after in writer.refusals)
    acknowledged = {name: revision for writer in at_work for name, revision in writer.acknowledged.items()}
    in_commit_order = recorded(database_url)
    total = len(at_work) * WRITES_PER_WRITER
    assert sorted(in_commit_order.values()) == list(range(1, total + 1))
    assert acknowledged == in_commit_order
    for device in devices:  # on the connections that they had before
        assert await device.revisions(total) == list(range(1, total + 1))
    for node in nodes:
        assert (await node.ready(http))[0] == 200
