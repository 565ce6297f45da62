"""A journal's file that is written over while it is open; and what others may do to it."""

import os
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from actors.errors import StoreUnavailable
from storage.databases.database import Database
from storage.databases.sqlite_files import OpenedFiles
from storage.journal.journal_store import SqlJournalStore
from storage.schema.version import renew_epoch
from tests.other_program import back_up, execute_elsewhere, overwrite
from tests.storage.author import Author
from tests.storage.conftest import OpenJournal

pytestmark = pytest.mark.integration

OVERWRITTEN = "journal.db was overwritten while in use"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


@pytest.fixture
def journal(open_journal: OpenJournal, sqlite_url: str, author: Author) -> SqlJournalStore:
    """A journal with one change in it, in its WAL."""
    journal = open_journal(sqlite_url)
    journal.commit([author.add("alien")])
    return journal


@pytest.fixture
def backup(journal: SqlJournalStore, file: Path, tmp_path: Path, author: Author) -> Path:
    """A copy of the journal, older than what was acknowledged since."""
    copy = tmp_path / "backup.db"
    back_up(file, copy)
    journal.commit([author.add("brazil")])
    return copy


def lose_wal(file: Path) -> None:
    file.with_name("journal.db-wal").unlink()


@pytest.mark.parametrize("is_wal_lost", [False, True])
@pytest.mark.parametrize("was_checkpointed", [False, True])
def test_a_file_that_is_overwritten_acknowledges_nothing_more_also_after_a_restart_until_its_epoch_is_renewed(
    journal: SqlJournalStore,
    open_journal: OpenJournal,
    sqlite_url: str,
    file: Path,
    backup: Path,
    author: Author,
    is_wal_lost: bool,
    was_checkpointed: bool,
) -> None:
    if was_checkpointed:
        execute_elsewhere(file, "PRAGMA wal_checkpoint(TRUNCATE)")
        journal.commit([author.add("charade")])
    overwrite(backup, file)
    if is_wal_lost:
        lose_wal(file)
    for _ in range(2):
        with pytest.raises(StoreUnavailable, match=OVERWRITTEN):
            journal.commit([author.add("dracula")])
    journal.close()
    again = open_journal(sqlite_url)
    with pytest.raises(StoreUnavailable, match=rf"{OVERWRITTEN}: restore it .* 'syncd migrate --renew-epoch'$"):
        again.commit([author.add("dracula")])
    again.close()
    overwrite(backup, file)
    for name in ("journal.db-wal", "journal.db-shm"):
        file.with_name(name).unlink(missing_ok=True)
    renew_epoch(sqlite_url)
    (outcome,) = open_journal(sqlite_url).commit([author.add("dracula")])
    assert outcome.revision == 2


def test_a_connection_that_is_opened_again_notices_that_the_file_was_overwritten_meanwhile(
    journal: SqlJournalStore, open_journal: OpenJournal, sqlite_url: str, file: Path, backup: Path, author: Author
) -> None:
    open_journal(sqlite_url).check()  # keeps the WAL, as the reader does
    journal.close()
    overwrite(backup, file)
    files = list(Path("/dev/fd").iterdir())
    for _ in range(2):
        with pytest.raises(StoreUnavailable, match=OVERWRITTEN):
            journal.commit([author.add("charade")])
    journal.close()
    assert list(Path("/dev/fd").iterdir()) == files
    with pytest.raises(StoreUnavailable, match=OVERWRITTEN):  # at the next start, too
        open_journal(sqlite_url).commit([author.add("charade")])


def test_a_file_that_another_program_has_changed_while_nobody_had_it_open_is_not_overwritten(
    sqlite_url: str, file: Path
) -> None:
    database = Database(sqlite_url)
    for number in range(2):  # nobody here has written to a WAL
        with database.transaction(writing=False):
            pass
        database.close()
        execute_elsewhere(file, f"CREATE TABLE numbers_{number} (number INTEGER)")


def test_a_file_that_is_overwritten_is_not_read_either(sqlite_url: str, file: Path, backup: Path) -> None:
    database = Database(sqlite_url, is_read_only=True)
    with database.transaction(writing=False):
        pass
    overwrite(backup, file)
    with pytest.raises(StoreUnavailable, match=OVERWRITTEN), database.transaction(writing=False):
        pass
    database.close()


def test_a_file_that_is_overwritten_with_what_is_no_database_is_called_overwritten_and_not_damaged(
    journal: SqlJournalStore, sqlite_url: str, file: Path, tmp_path: Path
) -> None:
    execute_elsewhere(file, "PRAGMA wal_checkpoint(TRUNCATE)")  # what is read comes from the file
    nonsense = tmp_path / "nonsense"
    nonsense.write_bytes(b"no page" * file.stat().st_size)
    database = Database(sqlite_url, is_read_only=True)
    with database.transaction(writing=False) as transaction:
        transaction.connection.execute("SELECT count(*) FROM sqlite_master").fetchall()
    overwrite(nonsense, file)
    with pytest.raises(StoreUnavailable, match=OVERWRITTEN), database.transaction(writing=False) as transaction:
        transaction.connection.execute("SELECT * FROM operations").fetchall()
    database.close()


def test_a_stop_notices_that_the_file_was_overwritten_since_the_last_write(
    journal: SqlJournalStore, open_journal: OpenJournal, sqlite_url: str, file: Path, backup: Path, author: Author
) -> None:
    overwrite(backup, file)
    journal.close()
    with pytest.raises(StoreUnavailable, match=OVERWRITTEN):
        open_journal(sqlite_url).commit([author.add("charade")])


def test_an_overwriting_between_a_commit_and_the_look_behind_it_is_not_taken_for_its_own(
    journal: SqlJournalStore, file: Path, backup: Path
) -> None:
    files = OpenedFiles(file)
    files.note_opened()
    overwrite(backup, file)
    files.note_written()
    with pytest.raises(StoreUnavailable, match=OVERWRITTEN):
        files.check()
    files.note_closed()


@pytest.mark.parametrize("mode", ["PASSIVE", "FULL", "RESTART", "TRUNCATE"])
def test_another_programs_checkpoint_is_no_overwriting(
    journal: SqlJournalStore, file: Path, author: Author, mode: str
) -> None:
    for number in range(3):
        journal.commit([author.add(f"film {number}")])
        execute_elsewhere(file, f"PRAGMA wal_checkpoint({mode})")
    execute_elsewhere(file, "VACUUM", f"PRAGMA wal_checkpoint({mode})")
    journal.commit([author.add("brazil")])
    assert journal.heads(["ann"])[0].revision == 5


def test_a_program_that_copies_the_wal_all_the_time_is_no_overwriting(
    journal: SqlJournalStore, file: Path, author: Author
) -> None:
    program = (
        "import sqlite3, sys\n"
        "database = sqlite3.connect(sys.argv[1], isolation_level=None)\n"
        "while True:\n"
        "    database.execute('PRAGMA wal_checkpoint(PASSIVE)').fetchall()\n"
        "    print(flush=True)\n"
    )
    with subprocess.Popen([sys.executable, "-c", program, str(file)], stdout=subprocess.PIPE) as copying:
        assert copying.stdout is not None
        for number in range(200):
            copying.stdout.readline()  # there was one since the last
            journal.commit([author.add(f"film {number}")])
        copying.kill()
    assert journal.heads(["ann"])[0].revision == 201


def test_a_checkpoint_while_the_file_is_looked_at_is_no_overwriting(
    journal: SqlJournalStore, sqlite_url: str, file: Path, author: Author, monkeypatch: pytest.MonkeyPatch
) -> None:
    def checkpoint() -> None:
        journal.commit([author.add("brazil")])
        execute_elsewhere(file, "PRAGMA wal_checkpoint(PASSIVE)")

    def read_after_one_more(*arguments: int) -> bytes:
        monkeypatch.undo()
        checkpoint()
        return os.pread(*arguments)

    database = Database(sqlite_url, is_read_only=True)
    with database.transaction(writing=False):
        pass
    checkpoint()
    monkeypatch.setattr(os, "pread", read_after_one_more)
    for _ in range(2):
        with database.transaction(writing=False):
            pass
    assert os.pread is not read_after_one_more  # it was called
    database.close()


def test_the_journals_own_checkpoints_are_no_overwriting(journal: SqlJournalStore, file: Path, author: Author) -> None:
    size = file.stat().st_size
    for number in range(120):
        journal.commit([author.add(f"film {number} {copy}") for copy in range(10)])
    assert file.stat().st_size > size
    assert journal.heads(["ann"])[0].revision == 1201


def test_a_file_that_changes_while_a_checkpoint_is_under_way_is_not_overwritten_and_any_other_is(file: Path) -> None:
    def write_index(done: int, begun: int) -> None:
        """As https://www.sqlite.org/walformat.html#the_wal_index_file_format has it."""
        index = struct.pack("=16xI12x8s56xI28xI", 5, b"\0\0salts\0", done, begun)
        file.with_name("journal.db-shm").write_bytes(index)

    def write_home() -> None:
        file.write_bytes(file.read_bytes() + b"a page")

    file.write_bytes(b"")
    write_index(done=0, begun=0)
    files = OpenedFiles(file)
    files.note_opened()
    write_index(done=0, begun=5)
    for _ in range(3):
        write_home()
        files.check()
    write_index(done=5, begun=5)
    files.check()
    write_home()
    with pytest.raises(StoreUnavailable, match=OVERWRITTEN):
        files.check()
    files.note_closed()
    write_home()
    with pytest.raises(StoreUnavailable, match=OVERWRITTEN):
        files.note_opened()  # the WAL is still that of the file before
    files.note_closed()
