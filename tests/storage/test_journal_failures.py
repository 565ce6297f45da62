"""Databases that are locked, full, read-only or gone: nothing is half written, and the same store works again."""

import os
import resource
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Thread
from typing import Protocol

import psycopg
import pytest
from sqlalchemy.exc import DBAPIError

from actors.errors import StoreUnavailable
from actors.messages.journal import Operation, Status
from storage.database import Database
from storage.journal_store import SqlJournalStore, open_store
from tests.timeouts import TIMEOUT_S

OpenJournal = Callable[..., SqlJournalStore]


class Writes(Protocol):
    def content(self, name: str) -> str: ...
    def add(self, name: str, **options: object) -> Operation: ...


class Server(Protocol):
    def start(self) -> None: ...
    def stop(self) -> None: ...
    def execute(self, statement: str) -> None: ...


def revision(journal: SqlJournalStore, user: str = "ann") -> int:
    return journal.heads([user])[0].revision


@contextmanager
def files_limited_to(size: int) -> Iterator[None]:
    """Let no file of this process grow beyond ``size`` bytes: what a full disk does, without filling one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_sqlite_locked_by_another_process_refuses_writes_and_goes_on_reading(
    open_journal: OpenJournal, sqlite_url: str, tmp_path: Path, author: Writes
) -> None:
    journal = open_journal(sqlite_url, lock_timeout_s=0.05)
    journal.commit([author.add("alien")])
    other = sqlite3.connect(tmp_path / "journal.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreUnavailable, match="sqlite: database is locked"):
        journal.commit([author.add("brazil")])
    assert revision(journal) == 1
    other.execute("ROLLBACK")
    other.close()
    assert journal.commit([author.add("brazil")])[0].status is Status.ADDED
    assert revision(journal) == 2


def test_sqlite_on_a_full_disk_writes_nothing_of_the_batch_and_works_again_when_there_is_room(
    open_journal: OpenJournal, sqlite_url: str, tmp_path: Path, author: Writes
) -> None:
    journal = open_journal(sqlite_url)
    journal.commit([author.add("alien")])
    batch = [author.add(f"film {number}", operation_id=f"op {number}") for number in range(500)]
    with (
        files_limited_to((tmp_path / "journal.db-wal").stat().st_size + 20_000),
        pytest.raises(StoreUnavailable, match="sqlite: "),
    ):
        journal.commit(batch)
    assert revision(journal) == 1
    assert {outcome.status for outcome in journal.commit(batch)} == {Status.ADDED}
    assert revision(journal) == 501


@contextmanager
def bound_by_file_modes(directory: Path) -> Iterator[None]:
    """Act as the owner of ``directory``'s files; root, whom modes do not bind, becomes nobody for a while."""
    if os.geteuid() != 0:
        yield
        return
    nobody = 65534
    for path in (directory, *directory.iterdir()):
        os.chown(path, nobody, nobody)
    os.seteuid(nobody)
    try:
        yield
    finally:
        os.seteuid(0)


def test_sqlite_that_became_read_only_refuses_writes_until_it_is_writable(
    open_journal: OpenJournal, author: Writes
) -> None:
    with tempfile.TemporaryDirectory() as name:
        file = Path(name) / "journal.db"
        journal = open_journal(f"sqlite:///{file}")
        journal.commit([author.add("alien")])
        journal.close()
        file.chmod(0o400)
        with bound_by_file_modes(file.parent), pytest.raises(StoreUnavailable, match="readonly"):
            journal.commit([author.add("brazil")])
        file.chmod(0o600)
        journal.commit([author.add("brazil")])
        assert revision(journal) == 2
        journal.close()


def test_a_directory_that_cannot_be_made_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreUnavailable, match=r"sqlite: .*file"):
        open_store(f"sqlite:///{tmp_path}/file/journal.db", now_ms=lambda: 0)


@pytest.mark.integration
def test_postgresql_that_restarts_is_unavailable_meanwhile_and_has_everything_afterwards(
    open_journal: OpenJournal, postgresql: Server, postgresql_url: str, author: Writes
) -> None:
    journal = open_journal(postgresql_url)
    journal.commit([author.add("alien")])
    postgresql.stop()
    try:
        with pytest.raises(StoreUnavailable, match="postgresql: "):
            journal.commit([author.add("brazil")])
        with pytest.raises(StoreUnavailable):
            journal.check()
    finally:
        postgresql.start()
    journal.check()
    journal.commit([author.add("brazil")])
    assert revision(journal) == 2


@pytest.mark.integration
def test_a_postgresql_that_restarted_while_nobody_wrote_is_not_noticed(
    open_journal: OpenJournal, postgresql: Server, postgresql_url: str, author: Writes
) -> None:
    journal = open_journal(postgresql_url)
    journal.commit([author.add("alien")])
    postgresql.stop()
    postgresql.start()
    journal.commit([author.add("brazil")])
    assert revision(journal) == 2


@pytest.mark.integration
def test_a_row_locked_in_postgresql_delays_its_user_only(
    open_journal: OpenJournal, postgresql_url: str, author: Writes
) -> None:
    journal = open_journal(postgresql_url, lock_timeout_s=0.05)
    journal.commit([author.add("alien")])
    with psycopg.connect(postgresql_url) as other:
        other.execute("SELECT * FROM heads WHERE user_id = 'ann' FOR UPDATE")
        with pytest.raises(StoreUnavailable, match="lock timeout"):
            journal.commit([author.add("brazil"), author.add("brazil", user="bob")])
        journal.commit([author.add("alien", user="bob")])
    journal.commit([author.add("brazil")])
    assert (revision(journal), revision(journal, "bob")) == (2, 1)


@pytest.mark.integration
def test_a_session_killed_within_its_transaction_has_written_nothing(
    open_journal: OpenJournal, postgresql_url: str, author: Writes
) -> None:
    journal = open_journal(postgresql_url)
    journal.commit([author.add("alien")])
    failures: list[StoreUnavailable] = []

    def write() -> None:
        try:
            journal.commit([author.add("brazil"), author.add("brazil", user="bob")])
        except StoreUnavailable as error:
            failures.append(error)

    with psycopg.connect(postgresql_url, autocommit=True) as watcher, psycopg.connect(postgresql_url) as other:
        other.execute("SELECT * FROM heads WHERE user_id = 'ann' FOR UPDATE")
        writer = Thread(target=write)
        writer.start()
        kill = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
        while not watcher.execute(kill).fetchall():
            pass
        writer.join(timeout=TIMEOUT_S)
    assert len(failures) == 1
    assert (revision(journal), revision(journal, "bob")) == (1, 0)
    journal.commit([author.add("brazil")])
    assert revision(journal) == 2


@pytest.mark.integration
def test_a_read_only_postgresql_is_unavailable_for_writes(
    open_journal: OpenJournal, postgresql: Server, postgresql_url: str, author: Writes
) -> None:
    journal = open_journal(postgresql_url)
    journal.commit([author.add("alien")])
    postgresql.execute("ALTER DATABASE postgres SET default_transaction_read_only = on")
    try:
        journal.close()
        with pytest.raises(StoreUnavailable, match="read-only transaction"):
            journal.commit([author.add("brazil")])
        assert revision(journal) == 1
    finally:
        postgresql.execute("ALTER DATABASE postgres RESET default_transaction_read_only")
    journal.close()
    journal.commit([author.add("brazil")])
    assert revision(journal) == 2


@pytest.mark.integration
@pytest.mark.parametrize("operation_id", ["\x00", "".join(map(chr, range(0x4E00, 0x6E00)))], ids=["NUL", "too long"])
def test_what_postgresql_cannot_store_is_no_outage_and_leaves_the_connection_in_use(
    open_journal: OpenJournal, postgresql_url: str, author: Writes, operation_id: str
) -> None:
    journal = open_journal(postgresql_url)
    with pytest.raises(DBAPIError):
        journal.commit([author.add("alien"), author.add("brazil", operation_id=operation_id)])
    journal.commit([author.add("alien")])
    assert revision(journal) == 1


def test_an_exception_within_a_transaction_rolls_it_back(
    open_journal: OpenJournal, database_url: str, author: Writes
) -> None:
    open_journal(database_url).commit([author.add("alien")])
    database = Database(database_url)
    with suppress(KeyError), database.transaction(writing=True) as connection:
        connection.exec_driver_sql("DELETE FROM heads")
        raise KeyError
    with database.transaction(writing=False) as connection:
        assert connection.exec_driver_sql("SELECT revision FROM heads").all() == [(1,)]
    database.close()
