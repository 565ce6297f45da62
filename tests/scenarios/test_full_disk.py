"""A node's own disk: full while apps write, read-only at the start."""

from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID

import aiohttp
import pytest

from syncd.errors import ClusterError
from tests.full_disk import files_limited_to
from tests.processes import store_process
from tests.scenarios.conftest import WATCHLIST, Bearer, ClusterNode, Watch

pytestmark = pytest.mark.integration

BULK = "/api/v1/sync/operations"
FILMS = 500


@pytest.fixture
async def node(tmp_path: Path) -> AsyncIterator[ClusterNode]:
    node = ClusterNode(("--data-dir", str(tmp_path / "data")), tmp_path / "node.log")
    await node.start()
    yield node
    await node.child.kill()


async def test_a_full_disk_refuses_writes_keeps_sockets_and_reads_and_has_lost_nothing_when_there_is_room(
    node: ClusterNode, http: aiohttp.ClientSession, bearer: Bearer, watch: Watch, tmp_path: Path
) -> None:
    headers = bearer("ann")
    batch = {
        "operations": [
            {"operation": "add", "content_id": str(UUID(int=number)), "operation_id": f"op-{number}"}
            for number in range(1, FILMS + 1)
        ]
    }
    first = {"operation": "add", "content_id": str(UUID(int=FILMS + 1))}
    device = await watch(node)
    async with http.post(node.url + WATCHLIST, json=first, headers=headers) as response:
        assert response.status == 200
    wal = tmp_path / "data" / "journal.db-wal"
    with files_limited_to(wal.stat().st_size, store_process(node.child.pid, "writer")):
        async with http.post(node.url + BULK, json=batch, headers=headers) as response:
            assert response.status == 503
            assert int(response.headers["Retry-After"]) >= 1
        async with http.get(node.url + "/health") as response:
            assert response.status == 200
        async with http.get(node.url + WATCHLIST, headers=headers) as response:
            assert [item["content_id"] for item in (await response.json())["items"]] == [first["content_id"]]
    async with http.post(node.url + BULK, json=batch, headers=headers) as response:
        assert {result["status"] for result in (await response.json())["results"]} == {"added"}
    assert (await node.ready(http))[0] == 200
    assert await device.revisions(FILMS + 1) == list(range(1, FILMS + 2))


async def test_a_read_only_data_directory_ends_the_start_with_a_line_that_says_so(tmp_path: Path) -> None:
    directory = "/sys/kernel"  # nobody may make files there, not even root
    node = ClusterNode(("--data-dir", directory), tmp_path / "node.log")
    with pytest.raises(ClusterError, match=f"--data-dir {directory}: "):
        await node.start()
