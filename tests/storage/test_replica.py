"""A copy of the database that may be behind, or away: whoever reads does not notice."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from actors.messages.journal_reads import Changes, Page
from actors.messages.store import (
    FindChanges,
    FindPage,
)
from storage.journal.journal_store import open_store
from storage.schema.version import renew_epoch
from tests.storage.store_processes import Store, Writes, running

pytestmark = pytest.mark.integration


@pytest.fixture
def replica_url(sqlite_url: str, tmp_path: Path, author: Writes) -> str:
    """A copy in which a list is another, so that it shows who was asked."""
    store = open_store(sqlite_url, now_ms=lambda: 0)
    store.commit([author.add("alien")])
    store.close()
    copy = tmp_path / "copy.db"
    shutil.copy(tmp_path / "journal.db", copy)
    with closing(sqlite3.connect(copy, isolation_level=None)) as connection:
        connection.execute("UPDATE entries SET device_id = 'replica'")
    return f"sqlite:///{copy}"


async def page_of(store: Store) -> list[str]:
    """Return the devices in the list of ann."""
    page = await store.client.read(FindPage("ann", 10, None))
    assert isinstance(page, Page)
    return [item.device_id for item in page.items]


async def test_lists_are_read_from_a_replica_while_it_is_not_behind(
    sqlite_url: str, replica_url: str, author: Writes
) -> None:
    async with running(sqlite_url, replica_url=replica_url) as store:
        assert await page_of(store) == ["replica"]
        await store.commit(author.add("brazil"))
        assert await page_of(store) == ["tv", "tv"]
        changes = await store.client.read(FindChanges("ann", 2, 10, None))
        assert isinstance(changes, Changes)  # to the replica, revision 2 is from another life
        assert changes.updates == ()


async def test_a_replica_of_another_epoch_is_left_alone(sqlite_url: str, replica_url: str) -> None:
    renew_epoch(replica_url)
    async with running(sqlite_url, replica_url=replica_url) as store:
        assert await page_of(store) == ["tv"]


async def test_a_replica_that_does_not_answer_is_said_and_missed_by_nobody(
    sqlite_url: str, replica_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    Path(replica_url.removeprefix("sqlite:///")).write_text("no database at all")
    async with running(sqlite_url, replica_url=replica_url) as store:
        assert await page_of(store) == ["tv"]
        assert await page_of(store) == ["tv"]
    (record,) = [record for record in caplog.records if record.name == "storage.replica"]
    assert (record.levelname, record.getMessage()[:30]) == ("WARNING", "the replica does not answer, a")
