"""A standby is promoted under load: what it has stays, what it lacks is told to devices, and nobody keeps a ghost."""

import asyncio
import time
from collections.abc import AsyncIterator, Collection, Iterator
from contextlib import AsyncExitStack, ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import UUID

import psycopg
import pytest

from bench.front import Front
from syncd.cluster import LocalPostgreSQL
from tests.databases import Standby, execute
from tests.scenarios.apps import USERS, App, apps_at_work, more_is_confirmed
from tests.scenarios.conftest import ClusterNode, NatsServer, StartNode
from tests.timeouts import TIMEOUT_S

FAST = ("fsync=off", "full_page_writes=off", "shared_buffers=16MB")


class Servers:
    """A primary and its standby, again after each failover, and the one URL that nodes are given."""

    def __init__(self, directory: Path, sockets: list[Path]) -> None:
        self._directory = directory
        self._sockets = sockets
        self.primary = LocalPostgreSQL(directory / "0", sockets[0], FAST)
        self.primary.start()
        self.standby: Standby | None = None
        self._number = 0

    def new_database(self, name: str) -> None:
        """Make a schema, which is as good as a database, the one of ``url``; see to it that there is a standby."""
        self._path = f"&options=-csearch_path%3D{name}"
        execute(self.primary.url, f"CREATE SCHEMA {name}")
        if self.standby is None:
            self.add_standby()

    @property
    def url(self) -> str:
        """What nodes are given: every server that there is or will be."""
        hosts = ",".join(map(str, self._sockets))
        return f"postgresql://postgres@/postgres?host={hosts}&target_session_attrs=read-write{self._path}"

    def replicate_synchronously(self) -> None:
        """Let no commit be acknowledged that the standby has not got."""
        execute(self.primary.url, "ALTER SYSTEM SET synchronous_standby_names = '*'", "SELECT pg_reload_conf()")
        self._wait_for("SELECT count(*) = 1 FROM pg_stat_replication WHERE sync_state = 'sync'")

    def cut_off_standby(self) -> None:
        """Let the standby receive nothing more."""
        assert self.standby is not None
        execute(self.standby.url, "ALTER SYSTEM SET primary_conninfo = ''", "SELECT pg_reload_conf()")
        self._wait_for("SELECT count(*) = 0 FROM pg_stat_replication")

    def wait_until_replicated(self) -> None:
        """Return when the standby has what the primary has."""
        self._wait_for("SELECT bool_and(flush_lsn >= pg_current_wal_lsn()) FROM pg_stat_replication")

    def fail_over(self) -> None:
        """Kill the primary and promote the standby."""
        assert self.standby is not None
        self.primary.stop("immediate")
        self.standby.promote()
        self.primary, self.standby = self.standby, None

    def add_standby(self) -> None:
        """Give the primary another standby."""
        execute(self.primary.url, "ALTER SYSTEM RESET ALL", "SELECT pg_reload_conf()")
        self.standby = self._start_standby()

    def stop(self) -> None:
        """Stop those that run."""
        for server in (self.primary, self.standby):
            if server is not None:
                server.stop("immediate")

    def _start_standby(self) -> Standby:
        before, self._number = self._number, self._number + 1
        directory = self._directory / str(self._number)
        directory.mkdir()
        standby = Standby(directory, self._sockets[self._number], str(self._sockets[before]), FAST)
        standby.start()
        self._wait_for("SELECT count(*) = 1 FROM pg_stat_replication WHERE state = 'streaming'")
        return standby

    def _wait_for(self, condition: str) -> None:
        ends_s = time.monotonic() + TIMEOUT_S
        with psycopg.connect(self.primary.url, autocommit=True) as connection:
            while connection.execute(condition.encode()).fetchall() != [(True,)]:
                assert time.monotonic() < ends_s, condition
                time.sleep(0.01)

    def journal_of(self, user: str) -> dict[str, int]:
        """Return the contents that were added for ``user``, with their revisions, which have no gap."""
        with psycopg.connect(self.primary.url + self._path) as connection:
            rows = connection.execute(
                "SELECT content_id, revision FROM operations WHERE user_id = %s ORDER BY revision", [user]
            ).fetchall()
        assert [revision for _, revision in rows] == list(range(1, len(rows) + 1))
        return dict(rows)

    def epoch(self) -> str:
        """Return the database's epoch."""
        with psycopg.connect(self.primary.url + self._path) as connection:
            ((epoch,),) = connection.execute("SELECT value FROM meta WHERE key = 'epoch'").fetchall()
        return str(epoch)


@pytest.fixture(scope="module")
def machines() -> Iterator[Servers]:
    with ExitStack() as stack:
        directory, *sockets = (Path(stack.enter_context(TemporaryDirectory(prefix="syncd-"))) for _ in range(5))
        directory.chmod(0o755)
        servers = Servers(directory, sockets)
        stack.callback(servers.stop)
        yield servers


@pytest.fixture
def servers(machines: Servers, request: pytest.FixtureRequest) -> Servers:
    """A primary with a standby, and a database of the test's own."""
    machines.new_database(f"schema_{len(request.node.name)}")
    return machines


@pytest.fixture
def database_url(servers: Servers) -> str:
    return servers.url


@pytest.fixture
async def front(tmp_path: Path, start_node: StartNode) -> AsyncIterator[Front]:
    """Two nodes behind one port."""
    nats = NatsServer(tmp_path / "nats.log")
    await nats.start()
    nodes: list[ClusterNode] = await asyncio.gather(*(start_node(*nats.flags) for _ in range(2)))
    async with Front(lambda: [int(node.url.rpartition(":")[2]) for node in nodes]) as front:
        yield front
    await nats.kill()


def acknowledged(apps: list[App], user: str) -> dict[str, int | None]:
    """Return the user's contents with the revisions that the service has confirmed."""
    return {film: revision for app in apps if app.user == user for film, revision in app.confirmed.items()}


async def all_are_answered(apps: list[App]) -> None:
    """Let the apps write nothing more, and wait for what is on its way."""
    for app in apps:
        app.is_writing = False
        async with asyncio.timeout(TIMEOUT_S):
            await app.client.wait_until(lambda app=app: app.confirmed.keys() == app.added)  # type: ignore[misc]


async def until_it_shows(app: App, films: Collection[str]) -> None:
    """Wait until the app's device shows these and nothing else."""
    async with asyncio.timeout(TIMEOUT_S):
        await app.client.wait_until(lambda: {item.content_id for item in app.client.items} == set(films))


async def test_what_was_acknowledged_and_replicated_is_there_after_each_failover_and_nothing_else(
    servers: Servers, front: Front
) -> None:
    async with apps_at_work(f"ws://127.0.0.1:{front.port}") as apps:
        epochs = {servers.epoch()}
        await asyncio.to_thread(servers.replicate_synchronously)
        await asyncio.to_thread(servers.fail_over)
        since_s = time.monotonic()
        await more_is_confirmed(apps)
        print(f"writes went on {time.monotonic() - since_s:.1f} s after the promotion")
        epochs.add(servers.epoch())

        await asyncio.to_thread(servers.add_standby)
        await all_are_answered(apps)
        await asyncio.to_thread(servers.wait_until_replicated)
        for app in apps:
            app.is_writing = True
        await asyncio.to_thread(servers.fail_over)
        await more_is_confirmed(apps)
        epochs.add(servers.epoch())
    for user in USERS:
        assert servers.journal_of(user) == acknowledged(apps, user)
    assert len(epochs) == 3


async def test_what_the_standby_had_not_got_is_lost_and_every_device_ends_with_what_the_journal_has(
    servers: Servers, front: Front
) -> None:
    async with AsyncExitStack() as stack:
        url, lost = f"ws://127.0.0.1:{front.port}", str(UUID(int=1 << 64))
        apps = [App(url, user, number) for number, user in enumerate((*USERS, *USERS))]
        idle = [App(url, "carl", number) for number in (10, 11)]
        for app in (*apps, *idle):
            await stack.enter_async_context(app.client)
        for app in apps:
            stack.callback(asyncio.create_task(app.go_on_writing()).cancel)
        await more_is_confirmed(apps)
        await asyncio.to_thread(servers.cut_off_standby)
        idle[0].client.add(lost)
        for app in idle:
            await until_it_shows(app, {lost})
        await more_is_confirmed(apps)
        await asyncio.to_thread(servers.fail_over)
        await more_is_confirmed(apps)
        await all_are_answered(apps)
        for app in (*apps, *idle):
            await until_it_shows(app, servers.journal_of(app.user))
        for user in (*USERS, "carl"):
            assert acknowledged([*apps, *idle], user).keys() > servers.journal_of(user).keys()
