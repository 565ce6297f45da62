"""A node knows what its database cannot do, and that it can again, with nobody there who writes."""

import asyncio
import os
import signal
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager, asynccontextmanager, closing, contextmanager
from pathlib import Path

import aiohttp
import pytest

from storage.schema.version import migrate
from syncd.keys.signing import authenticator
from syncd.listening import bind
from syncd.node import running_node
from syncd.outside import Outside
from syncd.revocations import RevokedTokenIds
from syncd.server import serving
from syncd.settings import Settings
from tests.daemon import FILM, SECRET, WATCHLIST, bearer
from tests.databases import execute
from tests.full_disk import files_limited_to
from tests.processes import frozen, store_process
from tests.timeouts import TIMEOUT_S
from transport.bus.none import NoBus

pytestmark = pytest.mark.integration


def full_disk(url: str) -> AbstractContextManager[None]:
    size = Path(url.removeprefix("sqlite:///") + "-wal").stat().st_size
    return files_limited_to(size, store_process(os.getpid(), "writer"))


@contextmanager
def forgotten_shell(url: str) -> Iterator[None]:
    """A transaction that somebody has begun, and does not end."""
    with closing(sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield


@contextmanager
def read_only_file(url: str) -> Iterator[None]:
    """A file that changed hands, say; it is noticed when it has to be opened again."""
    file = Path(url.removeprefix("sqlite:///"))
    file.chmod(0o400)
    os.kill(store_process(os.getpid(), "writer"), signal.SIGKILL)
    yield
    file.chmod(0o600)


def owner(url: str) -> str:
    return url.replace("//node@", "//postgres@")


@contextmanager
def read_only_server(url: str) -> Iterator[None]:
    disconnect = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'node'"
    execute(owner(url), "ALTER ROLE node SET default_transaction_read_only = on", disconnect)
    yield
    execute(owner(url), "ALTER ROLE node RESET default_transaction_read_only", disconnect)


@contextmanager
def revoked_rights(url: str) -> Iterator[None]:
    execute(owner(url), "REVOKE INSERT ON operations FROM node")
    yield
    execute(owner(url), "GRANT INSERT ON operations TO node")


@pytest.fixture
def sqlite_url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A file whose mode binds the processes that are started from here, even if root starts them."""
    (tmp_path / "sitecustomize.py").write_text(
        "import ctypes\n"
        "libc = ctypes.CDLL(None)\n"
        "header, sets = (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)()\n"
        "libc.capget(header, sets)\n"
        "sets[0] &= ~0b110  # effective: CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH\n"
        "libc.capset(header, sets)\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    return f"sqlite:///{tmp_path}/journal.db"


@pytest.fixture
def role_url(database_url: str) -> Iterator[str]:
    """A database as ``node``, a role that has the rights of a node and no other."""
    migrate(database_url)
    schema = database_url.rpartition("%3D")[2]
    execute(
        database_url,
        "CREATE ROLE node LOGIN",
        f"GRANT USAGE ON SCHEMA {schema} TO node",
        f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {schema} TO node",
    )
    yield database_url.replace("//postgres@", "//node@")
    execute(database_url, "DROP OWNED BY node", "DROP ROLE node")


@asynccontextmanager
async def served(settings: Settings) -> AsyncIterator[str]:
    """The URL of a node that probes often."""
    revoked: RevokedTokenIds = {}
    with bind(settings) as listener:
        async with (
            running_node(settings, NoBus(), pytest.fail, outside=Outside(probe_s=0.1)) as node,
            serving(settings, node, authenticator(settings, revoked), revoked, listener) as url,
        ):
            yield url


async def journal_problem(http: aiohttp.ClientSession, url: str) -> str | None:
    """Return what /ready says of the journal."""
    async with http.get(url + "/ready") as response:
        problem: str | None = (await response.json())["problems"].get("journal")
        assert response.status == (200 if problem is None else 503)
        return problem


async def tells(http: aiohttp.ClientSession, url: str, said: str | None) -> None:
    """Return when /ready says just that."""
    async with asyncio.timeout(TIMEOUT_S):
        while await journal_problem(http, url) != said:
            await asyncio.sleep(0.02)


async def metric(http: aiohttp.ClientSession, url: str, name: str) -> float:
    async with http.get(url + "/metrics") as response:
        (line,) = [line for line in (await response.text()).splitlines() if line.startswith(f"{name} ")]
    return float(line.split()[1])


@pytest.mark.parametrize(
    ("database", "ailment", "said"),
    [
        ("sqlite_url", full_disk, "sqlite: disk I/O error"),
        ("sqlite_url", forgotten_shell, "sqlite: database is locked"),
        ("sqlite_url", read_only_file, "sqlite: attempt to write a readonly database"),
        ("role_url", read_only_server, "postgresql: cannot execute INSERT in a read-only transaction"),
        ("role_url", revoked_rights, "postgresql: permission denied for table operations"),
    ],
)
async def test_a_database_that_lets_read_only_is_told_until_it_lets_write_again(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    http: aiohttp.ClientSession,
    caplog: pytest.LogCaptureFixture,
    database: str,
    ailment: Callable[[str], AbstractContextManager[None]],
    said: str,
) -> None:
    database_url: str = request.getfixturevalue(database)
    settings = Settings(data_dir=tmp_path, port=0, jwt_secret=SECRET, database_url=database_url)
    async with served(settings) as url:
        await tells(http, url, None)
        with ailment(database_url):
            await tells(http, url, f"cannot be written: {said}")
            async with http.get(url + WATCHLIST, headers=bearer()) as response:
                assert response.status == 200
            assert await journal_problem(http, url) == f"cannot be written: {said}"  # a read has not cleared it
            assert await metric(http, url, "syncd_journal_up") == 0
            assert await metric(http, url, "syncd_journal_readable") == 1
        await tells(http, url, None)
        assert await metric(http, url, "syncd_journal_up") == 1
    assert len([record for record in caplog.records if "cannot be written" in record.getMessage()]) == 1


async def test_a_reader_that_hangs_is_told_whoever_writes(tmp_path: Path, http: aiohttp.ClientSession) -> None:
    body = {"operation": "add", "content_id": FILM}
    async with served(Settings(data_dir=tmp_path, port=0, jwt_secret=SECRET)) as url:

        async def add() -> int:
            async with http.post(url + WATCHLIST, json=body, headers=bearer()) as response:
                return response.status

        assert await add() == 200  # who writes for the first time is looked up
        with frozen(store_process(os.getpid(), "reader")):
            async with asyncio.timeout(TIMEOUT_S):
                while await metric(http, url, "syncd_journal_readable"):
                    assert await add() == 200
                    await asyncio.sleep(0.02)
            assert await metric(http, url, "syncd_journal_up") == 1
        await tells(http, url, None)
