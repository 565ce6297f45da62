"""A journal on each database, and an author of operations."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from storage.journal.history import DEFAULT_HISTORY, HistoryLimits
from storage.journal.journal_store import SqlJournalStore, open_store
from storage.rules.bounds import DEFAULT_BOUNDS, Bounds
from syncd.cluster import LocalPostgreSQL
from tests.databases import new_database, postgresql
from tests.fakes.wall_clock import WallClock
from tests.migrated import migrate
from tests.storage.author import Author

__all__ = ["postgresql"]


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/journal.db"


@pytest.fixture
def postgresql_url(postgresql: LocalPostgreSQL) -> str:
    return new_database(postgresql)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.integration)])
def database_url(request: pytest.FixtureRequest) -> str:
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url


@pytest.fixture
def wall_clock() -> WallClock:
    return WallClock()


OpenJournal = Callable[..., SqlJournalStore]


@pytest.fixture
def open_journal(wall_clock: WallClock) -> Iterator[OpenJournal]:
    """Open any number of stores; all are closed after the test."""
    stores: list[SqlJournalStore] = []

    def open_journal(
        url: str,
        history: HistoryLimits = DEFAULT_HISTORY,
        lock_timeout_s: float = 10.0,
        bounds: Bounds = DEFAULT_BOUNDS,
    ) -> SqlJournalStore:
        migrate(url)
        store = open_store(url, now_ms=wall_clock, history=history, lock_timeout_s=lock_timeout_s, bounds=bounds)
        stores.append(store)
        return store

    yield open_journal
    for store in stores:
        store.close()


@pytest.fixture
def journal(open_journal: OpenJournal, database_url: str) -> SqlJournalStore:
    return open_journal(database_url)


@pytest.fixture
def author() -> Author:
    return Author()
