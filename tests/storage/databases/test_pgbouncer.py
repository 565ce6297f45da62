"""The store behind PgBouncer in transaction mode, which gives each transaction another session of the server's."""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import psycopg
import pytest

from actors.errors import StoreUnavailable
from actors.messages.journal import Status
from actors.messages.journal_reads import Page
from storage.databases.database import Database
from storage.inspection.database import inspect_database
from storage.revocations import SqlRevocationStore
from storage.schema.version import HEAD
from syncd.cluster import LocalPostgreSQL
from tests.databases import execute
from tests.storage.author import Author
from tests.storage.conftest import OpenJournal
from tests.storage.reading import updates
from tests.timeouts import TIMEOUT_S

pytestmark = pytest.mark.integration

POOL_SIZE = 2
_databases = count(1)


class PgBouncer:
    """A pooler on a Unix socket of its own, as an unprivileged user: it does not run as root."""

    def __init__(self, directory: Path, server: str, query_wait_timeout_s: float = TIMEOUT_S) -> None:
        self.directory = directory
        self._program = shutil.which("pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin")
        self._user = "nobody" if os.geteuid() == 0 else None
        if self._user:
            os.chown(directory, pwd.getpwnam(self._user).pw_uid, -1)
        self._settings = directory / "pgbouncer.ini"
        self._settings.write_text(
            f"[databases]\n* = host={server} user=postgres\n[pgbouncer]\n"
            f"listen_addr =\nunix_socket_dir = {directory}\nauth_type = any\npool_mode = transaction\n"
            f"default_pool_size = {POOL_SIZE}\nquery_wait_timeout = {query_wait_timeout_s}\n"
            "log_connections = 0\nlog_disconnections = 0\nlog_stats = 0\n"
        )

    def start(self) -> None:
        """Start, and return when it listens."""
        if self._program is None:
            pytest.skip("pgbouncer is not installed: apt-get install pgbouncer")
        self._process = subprocess.Popen([self._program, self._settings], stderr=subprocess.PIPE, user=self._user)
        assert self._process.stderr is not None
        lines = []
        while b"process up" not in (line := self._process.stderr.readline()):
            lines.append(line)
            assert line, lines

    def stop(self) -> None:
        """End it at once, and with it its clients' connections; idempotent."""
        self._process.terminate()
        self._process.communicate(timeout=TIMEOUT_S)


@contextmanager
def running_pooler(postgresql: LocalPostgreSQL, query_wait_timeout_s: float = TIMEOUT_S) -> Iterator[PgBouncer]:
    with tempfile.TemporaryDirectory(prefix="syncd-pgb-") as name:  # short, as a Unix socket's path has to be
        pooler = PgBouncer(Path(name), postgresql.url.partition("host=")[2], query_wait_timeout_s)
        pooler.start()
        try:
            yield pooler
        finally:
            pooler.stop()


@pytest.fixture(scope="module")
def pooler(postgresql: LocalPostgreSQL) -> Iterator[PgBouncer]:
    with running_pooler(postgresql) as pooler:
        yield pooler


@pytest.fixture
def database(postgresql: LocalPostgreSQL) -> Iterator[str]:
    """An empty database's name."""
    name = f"pooled_{next(_databases)}"
    execute(postgresql.url, f"CREATE DATABASE {name}")
    yield name
    execute(postgresql.url, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def url(pooler: PgBouncer, database: str) -> str:
    """An empty database behind the pooler."""
    return through(pooler, database)


def through(pooler: PgBouncer, database: str) -> str:
    return f"postgresql://postgres@:6432/{database}?host={pooler.directory}"


def test_nodes_start_together_and_write_at_once_through_fewer_sessions_than_they_are(
    open_journal: OpenJournal, url: str, author: Author
) -> None:
    nodes, writes = 2 * POOL_SIZE, 25
    with ThreadPoolExecutor(nodes) as threads:
        stores = list(threads.map(open_journal, [url] * nodes))

        def write(node: int) -> set[Status]:
            names = [f"{node} {number}" for number in range(writes)]
            return {stores[node].commit([author.add(name, operation_id=name)])[0].status for name in names}

        assert list(threads.map(write, range(nodes), timeout=TIMEOUT_S)) == [{Status.ADDED}] * nodes
    assert [update.revision for update in updates(stores[0])] == list(range(1, nodes * writes + 1))


def test_writes_repetitions_reads_and_revocations_work(open_journal: OpenJournal, url: str, author: Author) -> None:
    journal = open_journal(url)
    batch = [author.add(f"film {number}", operation_id=f"op {number}") for number in range(100)]
    first = [outcome.revision for outcome in journal.commit(batch)]
    assert [outcome.revision for outcome in journal.commit(batch)] == first == list(range(1, 101))
    assert journal.commit([author.remove("film 0")])[0].status is Status.REMOVED
    page = journal.page("ann", 10, None)
    assert isinstance(page, Page)
    assert len(page.items) == 10
    rest = journal.page("ann", 100, page.after)
    assert isinstance(rest, Page)
    assert len(rest.items) == 89
    assert journal.heads(["ann", "bob"])[0].revision == 101
    journal.check()
    database = Database(url)
    revocations = SqlRevocationStore(database, lambda: 0)
    revocations.revoke("a token", None)
    assert revocations.revoked(0) == (1, [("a token", None)])
    database.close()
    inspection = inspect_database(url)
    assert inspection.schema == HEAD
    with psycopg.connect(url, autocommit=True, prepare_threshold=None) as stranger:
        assert stranger.execute("SELECT count(*) FROM pg_prepared_statements").fetchall() == [(0,)]


def test_a_transaction_has_our_settings_in_every_session_and_leaves_none_behind(url: str) -> None:
    names = ("lock_timeout", "statement_timeout", "idle_in_transaction_session_timeout", "transaction_isolation")
    databases = [Database(url, lock_timeout_s=0.5) for _ in range(2 * POOL_SIZE)]
    for database in databases:
        with database.transaction(writing=True) as transaction:
            values = [transaction.connection.execute(f"SHOW {name}").fetchall()[0][0] for name in names]
            assert values == ["500ms", "1s", "10s", "read committed"]
    with psycopg.connect(url, autocommit=True, prepare_threshold=None) as stranger:
        for _ in range(POOL_SIZE):
            left = [stranger.execute(f"SHOW {name}".encode()).fetchall()[0][0] for name in names]
            assert left == ["0", "0", "0", "read committed"]
    for database in databases:
        database.close()


def test_a_pooler_that_restarts_is_unavailable_meanwhile(
    open_journal: OpenJournal, pooler: PgBouncer, url: str, author: Author
) -> None:
    journal = open_journal(url)
    journal.commit([author.add("alien")])
    pooler.stop()
    try:
        with pytest.raises(StoreUnavailable, match="postgresql: "):
            journal.commit([author.add("brazil")])
    finally:
        pooler.start()
    journal.commit([author.add("brazil")])
    pooler.stop()
    pooler.start()
    journal.commit([author.add("charade")])  # a restart while nobody wrote is not noticed
    assert journal.heads(["ann"])[0].revision == 3


def test_a_pooler_without_a_free_session_is_no_fault_of_a_value(
    open_journal: OpenJournal, postgresql: LocalPostgreSQL, database: str, author: Author
) -> None:
    with running_pooler(postgresql, query_wait_timeout_s=1) as pooler:
        url = through(pooler, database)
        journal = open_journal(url)
        holders = [psycopg.connect(url) for _ in range(POOL_SIZE)]
        for holder in holders:
            holder.execute("SELECT 1")  # begins a transaction
        with pytest.raises(StoreUnavailable, match="query_wait_timeout"):
            journal.commit([author.add("alien")])
        for holder in holders:
            holder.close()
        assert journal.commit([author.add("alien")])[0].status is Status.ADDED
