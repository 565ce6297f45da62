"""A replica that keeps up, that does not, that is of another database, or is none: a real standby of a real server."""

import asyncio
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from storage.journal.journal_store import open_store
from storage.schema.version import migrate, renew_epoch
from syncd.cluster import LocalPostgreSQL
from tests.databases import Standby, execute, new_database
from tests.storage.author import Author
from tests.syncd.checks.conftest import Check
from tests.syncd.checks.report import assert_result
from tests.timeouts import TIMEOUT_S

pytestmark = pytest.mark.integration

FLAG = "--database-read-url (SYNCD_DATABASE_READ_URL)"


@pytest.fixture(scope="module")
def standby(postgresql: LocalPostgreSQL) -> Iterator[Standby]:
    with tempfile.TemporaryDirectory(prefix="syncd-") as sockets:
        directory = Path(tempfile.mkdtemp(prefix="syncd-standby-"))
        server = Standby(directory, Path(sockets), postgresql.url.partition("host=")[2])
        try:
            server.start()
            yield server
            server.stop()
        finally:
            shutil.rmtree(directory)


@pytest.fixture
def replica_url(standby: Standby, database_url: str) -> str:
    """The test's database, as the standby has it."""
    return standby.url + database_url.partition("&")[1] + database_url.partition("&")[2]


async def until(check: Check, said: str, **settings: str) -> None:
    """Return when the replica's line says so: a standby takes its time."""
    async with asyncio.timeout(TIMEOUT_S):
        while said not in (await check(**settings))["replica"].detail:
            pass


async def test_a_standby_that_keeps_up_is_all_right_and_one_that_does_not_is_told(
    check: Check, standby: Standby, database_url: str, replica_url: str
) -> None:
    settings = {"database_url": database_url, "database_read_url": replica_url}
    await until(check, "the database is empty, so there is nothing to compare", **settings)
    migrate(database_url)
    await until(check, " s behind", **settings)
    assert_result((await check(**settings))["replica"], "ok", "answers in ")
    execute(standby.url, "SELECT pg_wal_replay_pause()")
    with closing(open_store(database_url, now_ms=lambda: 0)) as store:
        store.commit([Author().add("alien")])
    assert_result((await check(**settings))["replica"], "warning", " bytes behind after ", FLAG)
    renew_epoch(database_url)
    assert_result((await check(**settings))["replica"], "warning", "not a copy of the database as it is now", FLAG)
    execute(standby.url, "SELECT pg_wal_replay_resume()")
    await until(check, " s behind", **settings)


async def test_another_database_is_never_read(check: Check, postgresql: LocalPostgreSQL, database_url: str) -> None:
    other = new_database(postgresql)
    migrate(database_url)
    for _ in range(2):
        found = await check(database_url=database_url, database_read_url=other)
        assert_result(found["replica"], "warning", "not a copy of the database as it is now, and is never read", FLAG)
        migrate(other)
    itself = await check(database_url=database_url, database_read_url=database_url)
    assert_result(itself["replica"], "ok", "does not say how far it is behind")


async def test_a_replica_that_is_not_there_costs_its_help_only(check: Check, database_url: str) -> None:
    migrate(database_url)
    nobody = "postgresql://x:hunter2@127.0.0.1:9/x"
    found = await check(database_url=database_url, database_read_url=nobody)
    assert_result(found["database"], "ok", "is current")
    assert_result(found["replica"], "warning", "refused", "Until then the database is read: --database-read-url")
    assert "hunter2" not in str(found)
    assert_result(
        (await check(database_url=nobody, database_read_url=database_url))["replica"], "warning", "not compared: "
    )
    alone = await check(database_read_url=database_url)
    assert_result(alone["replica"], "warning", "the journal is in SQLite", "--database-url")
    assert "replica" not in await check(database_url=database_url)


async def test_an_option_of_its_url_that_cannot_be_had_keeps_the_daemon_from_starting(
    check: Check, database_url: str
) -> None:
    migrate(database_url)
    found = await check(database_url=database_url, database_read_url="postgresql://x@h/d?prepare_threshold=0")
    assert_result(found["replica"], "failed", "PostgreSQL has no option 'prepare_threshold'", FLAG)
