"""Looking at a database as an operator does before a start: nothing in it changes, whatever is found."""

import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest

from actors.errors import StoreUnavailable
from crdt.hlc import HLCTimestamp
from storage.inspection.database import inspect_database
from storage.schema.version import HEAD, migrate, schema_version
from tests.storage.author import NOW_MS, Author
from tests.storage.conftest import OpenJournal


def test_an_empty_database_stays_empty(database_url: str) -> None:
    for _ in range(2):
        inspection = inspect_database(database_url)
        assert (inspection.schema, inspection.newest_s) == (None, None)
    assert schema_version(database_url) is None


def test_a_used_database_is_read_and_rehearsed_and_stays_as_it_was(
    open_journal: OpenJournal, database_url: str, author: Author
) -> None:
    journal = open_journal(database_url)
    journal.commit([author.add("alien"), author.add("brazil", timestamp=HLCTimestamp(NOW_MS + 5_000, 0, "n"))])
    before = journal.changes("ann", 0, 10, None)
    inspection = inspect_database(database_url)
    assert inspection.schema == HEAD
    assert 0 < inspection.round_trip_s < 60
    assert journal.changes("ann", 0, 10, None) == before
    journal.commit([author.add("clue")])


def test_of_sqlite_the_newest_change_tells_the_time(open_journal: OpenJournal, sqlite_url: str, author: Author) -> None:
    journal = open_journal(sqlite_url)
    assert inspect_database(sqlite_url).newest_s is None
    journal.commit([author.add("alien", timestamp=HLCTimestamp(NOW_MS + 5_000, 9, "n")), author.add("brazil")])
    inspection = inspect_database(sqlite_url)
    assert inspection.newest_s == (NOW_MS + 5_000) / 1000
    assert inspection.server_ahead_s is None


@pytest.mark.integration
def test_of_a_server_its_clock_tells_the_time(postgresql_url: str) -> None:
    inspection = inspect_database(postgresql_url, now_s=lambda: time.time() - 100)
    assert inspection.server_ahead_s == pytest.approx(100, abs=5)
    assert inspection.newest_s is None


@pytest.mark.integration
@pytest.mark.parametrize("is_migrated", [False, True])
def test_a_database_that_only_lets_read_is_unavailable(postgresql_url: str, is_migrated: bool) -> None:
    if is_migrated:
        migrate(postgresql_url)
    with pytest.raises(StoreUnavailable, match="read-only transaction"):
        inspect_database(f"{postgresql_url}%20-cdefault_transaction_read_only%3Don")


def test_a_database_that_another_writes_is_unavailable(sqlite_url: str, tmp_path: Path) -> None:
    migrate(sqlite_url)
    with closing(sqlite3.connect(tmp_path / "journal.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreUnavailable, match="database is locked"):
            inspect_database(sqlite_url, lock_timeout_s=0.05)
