"""Databases that are locked, full, read-only or gone: nothing is half written, and the same store works again."""

import os
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

import psycopg
import pytest

from actors.errors import StoreUnavailable
from actors.messages.journal import Status
from storage.journal.journal_store import SqlJournalStore
from syncd.cluster import LocalPostgreSQL
from tests.full_disk import files_limited_to
from tests.storage.author import Author
from tests.storage.conftest import OpenJournal
from tests.timeouts import TIMEOUT_S


def execute(server: LocalPostgreSQL, statement: str) -> None:
    """Execute ``statement`` from another database than the tests', whatever that allows."""
    with psycopg.connect(server.url.replace("/postgres?", "/template1?"), autocommit=True) as connection:
        connection.execute(statement.encode())


def revision(journal: SqlJournalStore, user: str = "ann") -> int:
    return journal.heads([user])[0].revision


def test_sqlite_locked_by_another_process_refuses_writes_and_goes_on_reading(
    open_journal: OpenJournal, sqlite_url: str, tmp_path: Path, author: Author
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
    open_journal: OpenJournal, sqlite_url: str, tmp_path: Path, author: Author
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
    open_journal: OpenJournal, author: Author
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


@pytest.mark.integration
def test_postgresql_that_restarts_is_unavailable_meanwhile_and_has_everything_afterwards(
    open_journal: OpenJournal, postgresql: LocalPostgreSQL, postgresql_url: str, author: Author
) -> None:
    journal = open_journal(postgresql_url)
    journal.commit([author.add("alien")])
    postgresql.stop("immediate")
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
    open_journal: OpenJournal, postgresql: LocalPostgreSQL, postgresql_url: str, author: Author
) -> None:
    journal = open_journal(postgresql_url)
    journal.commit([author.add("alien")])
    postgresql.stop("immediate")
    postgresql.start()
    journal.commit([author.add("brazil")])
    assert revision(journal) == 2


@pytest.mark.integration
def test_a_row_locked_in_postgresql_delays_its_user_only(
    open_journal: OpenJournal, postgresql_url: str, author: Author
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
    open_journal: OpenJournal, postgresql_url: str, author: Author
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
    open_journal: OpenJournal, postgresql: LocalPostgreSQL, postgresql_url: str, author: Author
) -> None:
    journal = open_journal(postgresql_url)
    journal.commit([author.add("alien")])
    execute(postgresql, "ALTER DATABASE postgres SET default_transaction_read_only = on")
    try:
        journal.close()
        with pytest.raises(StoreUnavailable, match="read-only transaction"):
            journal.commit([author.add("brazil")])
        assert revision(journal) == 1
    finally:
        execute(postgresql, "ALTER DATABASE postgres RESET default_transaction_read_only")
    journal.close()
    journal.commit([author.add("brazil")])
    assert revision(journal) == 2
