"""What a process of the store does with each request, seen from the daemon."""

import subprocess
import sys
from pathlib import Path
from uuid import UUID

import pytest
from msgspec import structs

import storage
from actors.errors import StoreDefect, StoreUnavailable
from actors.messages.conversion import snapshot_page
from actors.messages.journal import Status
from actors.messages.journal_reads import Page
from actors.messages.store import (
    Done,
    FindChanges,
    FindPage,
    FindRevocations,
    FindSnapshotPage,
    RevokeToken,
)
from storage.databases.database import Database
from storage.journal.journal_store import open_store
from storage.schema.version import HEAD, schema_version
from tests.storage.store_processes import Writes, running
from tests.timeouts import TIMEOUT_S

pytestmark = pytest.mark.integration


async def test_what_was_written_is_read_as_it_was_written(database_url: str, author: Writes) -> None:
    operation = author.add("alien", operation_id="op", tag="phone:1", observed=0)
    async with running(database_url) as store:
        (outcome,) = (await store.commit(operation)).outcomes
        assert (outcome.status, outcome.is_new) == (Status.ADDED, True)
        assert outcome.update is not None
        page = await store.client.read(FindPage("ann", 10, None))
        changes = await store.client.read(FindChanges("ann", 0, 10, None))
        expired = await store.client.read(FindChanges("ann", 0, 10, "another"))
        of_devices = await store.client.read(FindSnapshotPage("ann", 10, None))
        assert (await store.commit(operation)).outcomes == (structs.replace(outcome, is_new=False),)
    in_process = open_store(database_url, now_ms=lambda: 0)
    assert page == in_process.page("ann", 10, None)
    assert changes == in_process.changes("ann", 0, 10, None)
    assert expired == in_process.changes("ann", 0, 10, "another")
    assert isinstance(page, Page)
    assert of_devices == snapshot_page(page)
    in_process.close()


async def test_the_reader_cannot_write(database_url: str) -> None:
    async with running(database_url) as store:
        with pytest.raises(StoreUnavailable, match=r"read.?only"):
            await store.client.read(RevokeToken("t", None))
        assert await store.client.write(RevokeToken("t", None)) == Done()
        found = await store.client.read(FindRevocations(0))
        assert (found.version, found.tokens) == (1, (("t", None),))


async def test_what_the_store_raises_is_a_defect_with_its_traceback(sqlite_url: str, author: Writes) -> None:
    async with running(sqlite_url) as store:
        wrong = structs.replace(author.add("alien").change, content_id=str(UUID(int=1)))
        with pytest.raises(StoreDefect, match="Traceback"):
            await store.client.read(FindPage("ann", -(1 << 62), None))
        await store.commit(structs.replace(author.add("alien"), change=wrong))


async def test_what_a_process_has_to_say_is_in_the_daemons_log(
    sqlite_url: str, tmp_path: Path, author: Writes, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "journal.db.high-water").mkdir()
    async with running(sqlite_url) as store:
        assert (await store.commit(author.add("alien"))).outcomes[0].status is Status.ADDED
    said = [(record.name, record.levelname) for record in caplog.records if "cannot be written" in record.getMessage()]
    assert said == [("storage.databases.high_water_mark", "WARNING")]


@pytest.mark.parametrize(
    ("url", "error"), [("no url", ValueError), ("mysql://localhost/x", ValueError), ("sqlite:////dev/null/x", OSError)]
)
async def test_a_database_that_cannot_be_opened_is_an_error_of_the_start(url: str, error: type[Exception]) -> None:
    expected = StoreUnavailable if error is OSError else error
    with pytest.raises(expected):
        async with running(url):
            pass


PREPARE = (
    "import sys; from actors.messages.store import Prepare; from storage.processes.requests import OpenedStore;"
    "from storage.processes.wire import Open;"
    "opening = Open(database_url=sys.argv[1], is_read_only=False, makes_file=True);"
    "print(OpenedStore(opening).answer(Prepare())); print('alembic' in sys.modules)"
)


def prepare(url: str) -> list[str]:
    """Return what a process answers that is asked to prepare the database, and whether it has Alembic then."""
    root = Path(storage.__file__).parent.parent
    done = subprocess.run(
        [sys.executable, "-c", PREPARE, url], cwd=root, capture_output=True, text=True, check=True, timeout=TIMEOUT_S
    )
    return done.stdout.splitlines()


def test_who_prepares_a_database_does_not_keep_what_migrated_it(database_url: str) -> None:
    assert schema_version(database_url) is None
    assert prepare(database_url) == ["Done()", "False"]
    assert schema_version(database_url) == HEAD
    assert prepare(database_url) == ["Done()", "False"]


def test_why_a_database_cannot_be_prepared_is_told(database_url: str) -> None:
    database = Database(database_url)
    with database.transaction(writing=True) as transaction:
        transaction.connection.execute("CREATE TABLE operations (oops INTEGER)")
    database.close()
    answer, _ = prepare(database_url)
    assert answer.startswith("Failed(")
    assert "already exists" in answer
    assert schema_version(database_url) is None
