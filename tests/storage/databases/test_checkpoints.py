"""A SQLite journal whose WAL is brought home beside its writer."""

import logging
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from storage.databases.checkpoints import Checkpoints
from storage.databases.database import Database
from storage.journal.history import DEFAULT_HISTORY
from storage.journal.journal_store import SqlJournalStore
from storage.schema.version import bring_up_to_date
from tests.storage.author import Author
from tests.timeouts import TIMEOUT_S


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


@pytest.fixture
def journal(file: Path) -> Iterator[SqlJournalStore]:
    database = Database(f"sqlite:///{file}", checkpoints_aside=True)
    bring_up_to_date(database)
    with closing(SqlJournalStore(database, lambda: 0, DEFAULT_HISTORY)) as journal:
        yield journal


def commit_until_brought_home(journal: SqlJournalStore, author: Author, file: Path, times: int) -> int:
    """Commit until the file has grown so many times, and return how many operations that took.

    The size of the WAL says nothing: where the disk is fast it begins again from the start before it is long.
    """
    number, sizes = 0, {file.stat().st_size}
    while len(sizes) <= times:
        journal.commit([author.add(f"{number} {film}") for film in range(100)])
        number += 100
        sizes.add(file.stat().st_size)
    return number


def open_files() -> list[str]:
    """The names of the files that this process has open."""
    return [str(link.readlink()) for link in Path("/proc/self/fd").iterdir() if link.is_symlink()]


def test_what_is_committed_while_the_wal_is_brought_home_is_all_there(
    journal: SqlJournalStore, file: Path, author: Author
) -> None:
    operations = commit_until_brought_home(journal, author, file, times=2)
    assert journal.heads(["ann"])[0].revision == operations
    journal.close()
    assert not file.with_name("journal.db-wal").exists()  # nobody else has it open
    with closing(sqlite3.connect(file)) as connection:
        assert connection.execute("SELECT count(*) FROM operations").fetchone() == (operations,)
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_a_connection_for_it_is_opened_when_there_is_something_to_bring_home(
    journal: SqlJournalStore, file: Path, author: Author
) -> None:
    journal.commit([author.add("alien")])
    assert open_files().count(str(file)) == 1  # the writer's; a migration has left none either
    commit_until_brought_home(journal, author, file, times=1)
    assert open_files().count(str(file)) == 2
    journal.close()
    assert [name for name in open_files() if name.startswith(str(file))] == []  # nor any of those beside it


def test_the_wal_is_brought_home_without_a_commit_that_does_it(file: Path) -> None:
    with closing(sqlite3.connect(file)) as writer:
        writer.execute("PRAGMA journal_mode = WAL")
        writer.execute("CREATE TABLE numbers (number INTEGER)")
        before = file.stat().st_size
        checkpoints = Checkpoints(lambda: sqlite3.connect(file, check_same_thread=False))
        checkpoints.begin()
        checkpoints.close()
        assert file.stat().st_size > before


def test_why_a_checkpoint_failed_is_told_once_and_the_next_is_tried(
    file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    connection = sqlite3.connect(file, check_same_thread=False)
    connection.close()
    checkpoints = Checkpoints(lambda: connection)
    for _ in range(2):
        checkpoints.begin()
        checkpoints.close()
    assert caplog.record_tuples == [
        (
            "storage.databases.checkpoints",
            logging.WARNING,
            "sqlite: a checkpoint failed, and commits do its work: Cannot operate on a closed database.",
        )
    ]


def test_where_no_thread_can_be_begun_commits_go_on_and_the_next_checkpoint_is_tried(
    file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    checkpoints = Checkpoints(lambda: sqlite3.connect(file, check_same_thread=False))
    usual = threading.stack_size(1 << 48)  # more than there are addresses
    try:
        checkpoints.begin()
    finally:
        threading.stack_size(usual)
    checkpoints.close()
    assert not file.exists()
    checkpoints.begin()
    checkpoints.close()
    assert file.exists()
    assert [record.getMessage() for record in caplog.records] == [
        "sqlite: a checkpoint failed, and commits do its work: can't start new thread"
    ]


def test_one_is_under_way_at_a_time(file: Path) -> None:
    connected: list[sqlite3.Connection] = []
    may_go_on = threading.Event()

    def connect() -> sqlite3.Connection:
        connected.append(sqlite3.connect(file, check_same_thread=False))
        assert may_go_on.wait(TIMEOUT_S)
        return connected[-1]

    checkpoints = Checkpoints(connect)
    for _ in range(3):
        checkpoints.begin()
    may_go_on.set()
    checkpoints.close()
    (connection,) = connected
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        connection.execute("SELECT 1")


def test_a_journal_of_larger_pages_is_written_on(file: Path, author: Author) -> None:
    with closing(sqlite3.connect(file)) as older:
        older.execute("PRAGMA page_size = 4096")
        older.execute("CREATE TABLE numbers (number INTEGER)")
    database = Database(f"sqlite:///{file}", checkpoints_aside=True)
    bring_up_to_date(database)
    with closing(SqlJournalStore(database, lambda: 0, DEFAULT_HISTORY)) as journal:
        journal.commit([author.add("alien")])
        assert journal.heads(["ann"])[0].revision == 1
    with closing(sqlite3.connect(file)) as connection:
        assert connection.execute("PRAGMA page_size").fetchone() == (4096,)
