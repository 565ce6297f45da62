"""Name servers that do not answer: at the start of a node, and while it runs and has to connect again.

Nobody may take a machine's name server away, so the nodes' Python asks a file instead: while it is there the services'
name leads to the loopback, and while it is not, to nowhere.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from uuid import UUID

import aiohttp
import pytest
from sqlalchemy import make_url

from bench.front import Front
from syncd.errors import ClusterError
from tests.scenarios.conftest import WATCHLIST, Bearer, BusServer, ClusterNode, StartNode, Watch

NAME = "service.example"
FAILURE = "Temporary failure in name resolution"

Until = Callable[[Callable[[], Awaitable[bool]]], Awaitable[None]]


class NameServer:
    """What processes ask that are started with ``directory`` on their ``PYTHONPATH``; silent at first."""

    def __init__(self, directory: Path) -> None:
        self._answers = directory / "the-name-server-answers"
        (directory / "sitecustomize.py").write_text(
            "import os, socket, sys\n"
            "sys.modules['uvloop'] = None  # it does not resolve by Python's function\n"
            "resolve = socket.getaddrinfo\n"
            "def getaddrinfo(host, *rest, **named):\n"
            f"    if host != {NAME!r}:\n"
            "        return resolve(host, *rest, **named)\n"
            f"    if not os.path.exists({str(self._answers)!r}):\n"
            f"        raise socket.gaierror(socket.EAI_AGAIN, {FAILURE!r})\n"
            "    return resolve('127.0.0.1', *rest, **named)\n"
            "socket.getaddrinfo = getaddrinfo\n"
        )

    def answer(self) -> None:
        self._answers.touch()

    def fall_silent(self) -> None:
        self._answers.unlink()


@pytest.fixture
def name_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> NameServer:
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    return NameServer(tmp_path)


async def add(http: aiohttp.ClientSession, node: ClusterNode, number: int, headers: dict[str, str]) -> tuple[int, int]:
    """Return the status and, if there is one, the revision."""
    body = {"operation": "add", "content_id": str(UUID(int=number)), "operation_id": f"op-{number}"}
    async with http.post(node.url + WATCHLIST, json=body, headers=headers) as response:
        return response.status, (await response.json(content_type=None)).get("revision", 0)


async def test_a_bus_whose_name_does_not_resolve_costs_other_nodes_time_and_this_one_nothing(
    bus: BusServer,
    start_node: StartNode,
    name_server: NameServer,
    http: aiohttp.ClientSession,
    bearer: Bearer,
    watch: Watch,
    until: Until,
) -> None:
    await bus.kill()
    flags = [flag.replace("127.0.0.1", NAME) for flag in bus.flags]
    here, there = [await start_node(*flags) for _ in range(2)]
    near, far = await watch(here), await watch(there)

    async def cannot_resolve() -> bool:
        answers = [await node.ready(http) for node in (here, there)]
        assert {status for status, _ in answers} == {200}
        return all(FAILURE in problems.get("bus", "") for _, problems in answers)

    for revision in (1, 2):  # at the start, and after the bus has restarted
        await until(cannot_resolve)
        await bus.start()
        assert await add(http, here, revision, bearer("ann")) == (200, revision)
        assert await near.revisions(1) == [revision]
        assert await cannot_resolve()
        name_server.answer()
        assert await far.revisions(1) == [revision]
        name_server.fall_silent()
        await bus.kill()


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Front]:
    """The test's database on a port of the loopback."""
    socket = make_url(database_url).query["host"]
    async with Front(lambda: [f"{socket}/.s.PGSQL.5432"]) as front:
        yield front


@pytest.fixture
async def node(
    database: Front, database_url: str, tmp_path: Path, name_server: NameServer
) -> AsyncIterator[ClusterNode]:
    """A node that knows its database by name; not started."""
    url = make_url(database_url)
    by_name = url.set(host=NAME, port=database.port).difference_update_query(["host"])
    node = ClusterNode(
        ("--database-url", by_name.render_as_string(hide_password=False), "--data-dir", str(tmp_path / "data")),
        tmp_path / "node.log",
    )
    yield node
    if hasattr(node, "child"):
        await node.child.kill()


async def test_a_database_whose_name_does_not_resolve_ends_the_start_with_a_line_that_says_so(
    node: ClusterNode, name_server: NameServer
) -> None:
    with pytest.raises(ClusterError, match=rf"the journal's database cannot be used: .*{NAME}.*{FAILURE}"):
        await node.start()
    name_server.answer()
    await node.start()


async def test_a_database_whose_name_is_gone_when_its_connection_breaks_refuses_writes_until_it_is_back(
    node: ClusterNode,
    database: Front,
    name_server: NameServer,
    http: aiohttp.ClientSession,
    bearer: Bearer,
    watch: Watch,
    until: Until,
) -> None:
    name_server.answer()
    await node.start()
    device = await watch(node)
    assert await add(http, node, 1, bearer("ann")) == (200, 1)
    name_server.fall_silent()
    assert await add(http, node, 2, bearer("ann")) == (200, 2)  # nobody asks for a name while the connection holds
    assert database.cut() > 0

    async def is_refused_for_the_name() -> bool:  # the first may be refused for the connection, if it was under way
        assert await add(http, node, 3, bearer("ann")) == (503, 0)
        status, problems = await node.ready(http)
        assert (status, set(problems)) == (503, {"journal"})
        return f"failed to resolve host '{NAME}'" in problems["journal"]

    await until(is_refused_for_the_name)

    async def is_taken() -> bool:
        return (await add(http, node, 3, bearer("ann")))[0] == 200

    name_server.answer()
    await until(is_taken)
    assert await add(http, node, 3, bearer("ann")) == (200, 3)
    assert await device.revisions(3) == [1, 2, 3]
