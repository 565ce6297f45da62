"""A SQLite journal that is removed or replaced under a node: nothing is acknowledged that would be gone with it."""

import os
import resource
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from actors.errors import StoreUnavailable
from actors.messages.journal import Status
from storage.databases.database import Database
from storage.journal.journal_store import SqlJournalStore
from tests.storage.author import Author
from tests.storage.conftest import OpenJournal


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "data" / "journal.db"


@pytest.fixture
def journal(open_journal: OpenJournal, file: Path, author: Author) -> SqlJournalStore:
    """A journal with one change in it, most likely in its WAL only."""
    journal = open_journal(f"sqlite:///{file}", lock_timeout_s=0.05)
    journal.commit([author.add("alien")])
    return journal


def assert_refused(journal: SqlJournalStore, author: Author, what: str) -> None:
    for _ in range(2):
        with pytest.raises(StoreUnavailable, match=rf"^sqlite: {what} while in use: put it back, or restart"):
            journal.commit([author.add("brazil")])
        with pytest.raises(StoreUnavailable, match=what):
            journal.check()


def assert_works(journal: SqlJournalStore, author: Author) -> None:
    assert journal.heads(["ann"])[0].revision == 1
    assert journal.commit([author.add("brazil")])[0].status is Status.ADDED
    assert journal.heads(["ann"])[0].revision == 2


def test_each_commit_waits_for_the_disk_so_that_a_power_failure_takes_nothing_that_was_acknowledged(file: Path) -> None:
    with closing(Database(f"sqlite:///{file}")) as database, database.transaction(writing=True) as transaction:
        asked = [
            transaction.connection.execute(f"PRAGMA {name}").fetchall() for name in ("journal_mode", "synchronous")
        ]
    assert asked == [[("wal",)], [(2,)]]  # https://www.sqlite.org/pragma.html#pragma_synchronous: 2 is FULL


def test_who_is_to_write_has_the_lock_before_it_reads(file: Path) -> None:
    holder, other = (Database(f"sqlite:///{file}", lock_timeout_s=0.01) for _ in range(2))
    with closing(holder), closing(other), holder.transaction(writing=True):
        with pytest.raises(StoreUnavailable, match="locked"), other.transaction(writing=True):
            raise AssertionError("what it has read may be old when it writes")
        with other.transaction(writing=False):
            pass


def test_a_file_that_is_to_be_there_is_missed_and_not_made(file: Path) -> None:
    with (
        closing(Database(f"sqlite:///{file}", makes_file=False)) as database,
        pytest.raises(StoreUnavailable, match=rf"^sqlite: {file} was removed while in use"),
        database.transaction(writing=False),
    ):
        pass
    assert not file.parent.exists()


@contextmanager
def spare_descriptors(count: int) -> Iterator[None]:
    """Let this process open so many files more."""
    spare = sorted(os.open(os.devnull, os.O_RDONLY) for _ in range(count + 1))
    for descriptor in spare:
        os.close(descriptor)
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (spare[-1], before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_where_too_few_files_can_be_opened_it_is_unavailable_until_they_can(file: Path) -> None:
    url = f"sqlite:///{file}"
    with closing(Database(url)) as database, database.transaction(writing=True) as transaction:
        transaction.connection.execute("CREATE TABLE film (title TEXT)")
    files = list(Path("/dev/fd").iterdir())
    for count in range(4):  # the database, its WAL, its index, and ours of that
        with closing(Database(url)) as database:
            with (
                spare_descriptors(count),
                pytest.raises(StoreUnavailable, match="open"),
                database.transaction(writing=True),
            ):
                pass
            assert list(Path("/dev/fd").iterdir()) == files
            with database.transaction(writing=True) as transaction:
                transaction.connection.execute("INSERT INTO film VALUES ('Alien')")


@pytest.mark.parametrize("was_closed", [False, True])
def test_a_file_that_is_moved_away_is_missed_and_not_made_again_and_goes_on_when_it_is_back(
    journal: SqlJournalStore, file: Path, tmp_path: Path, author: Author, was_closed: bool
) -> None:
    if was_closed:
        journal.close()
    elsewhere = file.rename(tmp_path / "elsewhere.db")
    assert_refused(journal, author, f"{file} was removed")
    assert not file.exists()
    elsewhere.rename(file)
    assert_works(journal, author)


def test_a_directory_that_is_moved_away_is_missed(journal: SqlJournalStore, file: Path, author: Author) -> None:
    elsewhere = file.parent.rename(file.parent.with_name("elsewhere"))
    assert_refused(journal, author, f"{file} was removed")
    assert not file.parent.exists()
    elsewhere.rename(file.parent)
    assert_works(journal, author)


@pytest.mark.parametrize("was_closed", [False, True])
def test_a_file_that_is_replaced_by_a_copy_is_not_written_to(
    journal: SqlJournalStore, file: Path, tmp_path: Path, author: Author, was_closed: bool
) -> None:
    if was_closed:
        journal.close()
    copy = Path(shutil.copy(file, tmp_path / "copy.db"))
    os.link(file, tmp_path / "right.db")
    copy.replace(file)
    before = file.read_bytes()
    assert_refused(journal, author, f"{file} was replaced")
    assert file.read_bytes() == before
    (tmp_path / "right.db").replace(file)
    assert_works(journal, author)


def test_a_wal_that_is_removed_is_missed_and_closing_saves_what_was_acknowledged(
    journal: SqlJournalStore, open_journal: OpenJournal, file: Path, author: Author
) -> None:
    file.with_name("journal.db-wal").unlink()
    assert_refused(journal, author, f"{file}-wal was removed")
    journal.close()
    assert_works(open_journal(f"sqlite:///{file}"), author)


def test_a_wal_that_is_removed_under_two_connections_is_not_made_again_by_one_of_them(
    journal: SqlJournalStore, open_journal: OpenJournal, file: Path, author: Author
) -> None:
    other = open_journal(f"sqlite:///{file}")
    journal.close()
    file.with_name("journal.db-wal").unlink()
    assert_refused(journal, author, f"{file}-wal was removed")
    assert not file.with_name("journal.db-wal").exists()
    other.close()
    assert_works(journal, author)


def test_a_journal_that_is_opened_again_after_the_last_connection_has_closed_has_a_new_wal(
    journal: SqlJournalStore, file: Path, author: Author
) -> None:
    journal.close()
    assert not file.with_name("journal.db-wal").exists()
    with sqlite3.connect(file) as other:
        other.execute("VACUUM")
    other.close()
    assert_works(journal, author)
