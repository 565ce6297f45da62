"""A journal that goes back in time acknowledges nothing: its high-water mark knows where it was."""

import shutil
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from actors.errors import StoreUnavailable
from actors.messages.collections import collection_of_list, line_of
from storage.databases.database import Database
from storage.databases.high_water_mark import MAX_PAST, HighWaterMark
from storage.journal.journal_store import SqlJournalStore
from storage.schema.version import renew_epoch
from tests.other_program import back_up, overwrite, restore
from tests.storage.author import Author
from tests.storage.conftest import OpenJournal

GONE_BACK = r"journal.db has gone back, a user's revision from 3 to {}: restore it .* 'syncd migrate --renew-epoch'$"
FRAME_HEADER_BYTES = 24
WAL_HEADER_BYTES = 32


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


@pytest.fixture
def journal(open_journal: OpenJournal, sqlite_url: str, author: Author) -> SqlJournalStore:
    """A journal with three changes in three transactions; they are all that is in its WAL."""
    journal = open_journal(sqlite_url)
    journal.close()  # its tables are in the file
    for name in ("alien", "brazil", "charade"):
        journal.commit([author.add(name)])
    return journal


@pytest.fixture
def backup(journal: SqlJournalStore, file: Path, tmp_path: Path, author: Author) -> Path:
    """A copy of a journal of another user, who had one change then."""
    journal.commit([author.add("alien", user="bob")])
    copy = tmp_path / "backup.db"
    back_up(file, copy)
    journal.commit([author.add("brazil", user="bob")])
    journal.commit([author.add("charade", user="bob")])
    return copy


@pytest.mark.integration
def test_a_backup_that_is_put_into_an_open_journal_is_noticed_whoever_writes_next_and_the_newest_one_is_taken(
    journal: SqlJournalStore, file: Path, tmp_path: Path, backup: Path, author: Author
) -> None:
    newest = tmp_path / "newest.db"
    back_up(file, newest)
    restore(backup, file)
    for user in ("ann", "bob", "cid"):
        with pytest.raises(StoreUnavailable, match=GONE_BACK.format(1)):
            journal.commit([author.add("dracula", user=user)])
    assert journal.heads(["ann", "bob"])[0].revision == 3
    restore(newest, file)
    assert journal.commit([author.add("dracula", user="bob")])[0].revision == 4


@pytest.mark.integration
def test_a_backup_that_is_put_in_place_between_two_runs_is_refused_until_its_epoch_is_renewed(
    journal: SqlJournalStore, open_journal: OpenJournal, sqlite_url: str, file: Path, backup: Path, author: Author
) -> None:
    journal.close()
    shutil.copy(backup, file)
    with closing(Database(sqlite_url)) as database, pytest.raises(StoreUnavailable, match=GONE_BACK.format(1)):
        database.check_high_water_mark()
    renew_epoch(sqlite_url)
    again = open_journal(sqlite_url)
    assert again.commit([author.add("brazil", user="bob")])[0].revision == 2
    again.close()
    assert open_journal(sqlite_url).commit([author.add("charade", user="bob")])[0].revision == 3


@pytest.mark.integration
def test_a_backup_that_is_put_in_place_a_second_time_is_refused_until_its_epoch_is_renewed_again(
    journal: SqlJournalStore, open_journal: OpenJournal, sqlite_url: str, file: Path, backup: Path, author: Author
) -> None:
    journal.close()
    for again in range(MAX_PAST + 2):
        shutil.copy(backup, file)
        wrong = "of an epoch that was renewed since" if again else GONE_BACK.format(1)
        with closing(Database(sqlite_url)) as database, pytest.raises(StoreUnavailable, match=wrong):
            database.check_high_water_mark()
        renew_epoch(sqlite_url)
        store = open_journal(sqlite_url)
        store.commit([author.add(f"brazil {again}", user="bob")])
        store.close()
    assert len(file.with_name("journal.db.high-water").read_bytes()) < 50 * MAX_PAST


@pytest.mark.integration
@pytest.mark.parametrize("is_overwritten", [False, True])
def test_a_backup_from_before_several_renewals_is_refused_also_in_the_place_of_an_overwritten_journal(
    journal: SqlJournalStore,
    open_journal: OpenJournal,
    sqlite_url: str,
    file: Path,
    backup: Path,
    author: Author,
    is_overwritten: bool,
) -> None:
    journal.close()
    for _ in range(3):
        renew_epoch(sqlite_url)
    again = open_journal(sqlite_url)
    again.commit([author.add("dracula", user="bob")])
    if is_overwritten:
        overwrite(backup, file)
        with pytest.raises(StoreUnavailable, match="was overwritten while in use"):
            again.commit([author.add("eraserhead", user="bob")])
    again.close()
    for path in file.parent.glob("journal.db*"):
        if path.name != "journal.db.high-water":
            path.unlink()
    shutil.copy(backup, file)
    with closing(Database(sqlite_url)) as database, pytest.raises(StoreUnavailable, match="that was renewed since"):
        database.check_high_water_mark()


@pytest.mark.integration
def test_a_backup_of_a_renewed_epoch_that_is_put_into_an_open_journal_is_refused(
    journal: SqlJournalStore, open_journal: OpenJournal, sqlite_url: str, file: Path, backup: Path, author: Author
) -> None:
    journal.close()
    renew_epoch(sqlite_url)
    again = open_journal(sqlite_url)
    again.commit([author.add("dracula", user="bob")])
    restore(backup, file)
    for _ in range(2):
        with pytest.raises(StoreUnavailable, match="of an epoch that was renewed since"):
            again.commit([author.add("eraserhead", user="bob")])


def test_a_journal_whose_last_writer_was_erased_is_refused_until_the_mark_is_removed(
    journal: SqlJournalStore, open_journal: OpenJournal, sqlite_url: str, file: Path, author: Author
) -> None:
    journal.close()
    with closing(sqlite3.connect(file, isolation_level=None)) as operator:
        for table in ("heads", "contexts", "entries", "operations", "answers"):
            operator.execute(f"DELETE FROM {table} WHERE user_id = 'ann'")
    again = open_journal(sqlite_url)
    with pytest.raises(StoreUnavailable, match=GONE_BACK.format(0)):
        again.commit([author.add("eraserhead", user="bob")])
    again.close()
    file.with_name("journal.db.high-water").unlink()
    erased = open_journal(sqlite_url)
    assert erased.commit([author.add("frenzy", user="bob"), author.add("gilda")])[1].revision == 1


def test_a_wal_that_is_damaged_anywhere_is_noticed_after_a_crash(
    journal: SqlJournalStore, open_journal: OpenJournal, file: Path, tmp_path: Path, author: Author
) -> None:
    page_bytes = int.from_bytes(file.read_bytes()[16:18], "big")
    wal = file.with_name("journal.db-wal").read_bytes()
    frames = range(WAL_HEADER_BYTES, len(wal), FRAME_HEADER_BYTES + page_bytes)
    for damaged in (None, *frames):
        copy = tmp_path / f"crashed-{damaged}.db"
        shutil.copy(file, copy)
        shutil.copy(file.with_name("journal.db.high-water"), copy.with_name(f"{copy.name}.high-water"))
        left = bytearray(wal)
        if damaged is not None:
            left[damaged + FRAME_HEADER_BYTES] ^= 0xFF
        copy.with_name(f"{copy.name}-wal").write_bytes(left)
        again = open_journal(f"sqlite:///{copy}")
        if damaged is None:
            assert again.commit([author.add("dracula")])[0].revision == 4
            continue
        with pytest.raises(StoreUnavailable, match=r"has gone back, a user's revision from 3 to [012]: "):
            again.commit([author.add("dracula")])
        again.close()


def test_another_database_and_an_emptied_one_have_marks_of_their_own(
    journal: SqlJournalStore, open_journal: OpenJournal, sqlite_url: str, file: Path, tmp_path: Path, author: Author
) -> None:
    other = open_journal(f"sqlite:///{tmp_path}/other.db")
    other.commit([author.add("alien")])
    for store in (journal, other):
        store.close()
    shutil.copy(tmp_path / "other.db", file)
    again = open_journal(sqlite_url)
    assert again.commit([author.add("brazil")])[0].revision == 2
    again.close()
    file.unlink()
    assert open_journal(sqlite_url).commit([author.add("alien")])[0].revision == 1


def test_an_epoch_that_is_renewed_under_an_open_journal_is_taken(
    journal: SqlJournalStore, sqlite_url: str, file: Path, author: Author
) -> None:
    renew_epoch(sqlite_url)
    with closing(sqlite3.connect(file)) as database, database:
        database.execute("UPDATE heads SET revision = 1")
        database.execute("DELETE FROM operations WHERE revision > 1")
    assert journal.commit([author.add("dracula")])[0].revision == 2


@pytest.mark.parametrize(
    "content", [b"", b'{"epoch":"e"', b"\0" * 80, b"\xff\n", b'{"epoch":"\xff","user_id":"ann","revision":3}\n']
)
def test_a_mark_that_a_power_failure_has_left_says_nothing_and_the_log_says_so(
    journal: SqlJournalStore,
    open_journal: OpenJournal,
    sqlite_url: str,
    file: Path,
    author: Author,
    caplog: pytest.LogCaptureFixture,
    content: bytes,
) -> None:
    journal.close()
    file.with_name("journal.db.high-water").write_bytes(content)
    assert open_journal(sqlite_url).commit([author.add("dracula")])[0].revision == 4
    assert [record.levelname for record in caplog.records] == ["WARNING"] * bool(content)


def test_a_mark_that_cannot_be_written_is_said_once_and_holds_up_nothing(
    open_journal: OpenJournal, sqlite_url: str, file: Path, author: Author, caplog: pytest.LogCaptureFixture
) -> None:
    file.with_name("journal.db.high-water").mkdir()
    journal = open_journal(sqlite_url)
    for name in ("alien", "brazil"):
        journal.commit([author.add(name)])
    assert [record.getMessage().partition(" cannot be ")[2].partition(",")[0] for record in caplog.records] == [
        "read",
        "written",
    ]


def test_the_mark_is_its_owners_only(journal: SqlJournalStore, file: Path) -> None:
    assert stat.S_IMODE(file.with_name("journal.db.high-water").stat().st_mode) == 0o600


@pytest.mark.integration
def test_a_backup_from_before_a_list_is_refused_and_a_list_that_was_deleted_is_not_missed(
    journal: SqlJournalStore, file: Path, tmp_path: Path
) -> None:
    backup = tmp_path / "backup.db"
    back_up(file, backup)
    kids = Author(line_of("ann", collection_of_list("kids")))
    for name in ("alien", "brazil", "charade"):
        journal.commit([kids.add(name)])
    journal.delete_list("ann", "kids")
    journal.commit([kids.remove("alien")])
    restore(backup, file)
    with pytest.raises(StoreUnavailable, match=GONE_BACK.format(0)):
        journal.commit([kids.add("dracula")])


def test_a_backup_from_before_there_were_lists_is_refused_where_the_latest_commit_was_in_one(file: Path) -> None:
    with closing(sqlite3.connect(file)) as old:
        old.execute("CREATE TABLE meta (key TEXT, value TEXT)")
        old.execute("CREATE TABLE heads (user_id TEXT, revision BIGINT)")
        old.execute("INSERT INTO meta VALUES ('epoch', 'e1')")
        with closing(HighWaterMark(file)) as mark:
            mark.check(old)
            mark.raise_to(line_of("ann", collection_of_list("films")), 3)
        with closing(HighWaterMark(file)) as mark, pytest.raises(StoreUnavailable, match=GONE_BACK.format(0)):
            mark.check(old)


@pytest.fixture
def in_epoch(file: Path) -> Iterator[sqlite3.Connection]:
    """A database of epoch ``e1`` in which nobody has written anything."""
    with closing(sqlite3.connect(file, isolation_level=None)) as database:
        database.execute("CREATE TABLE meta (key TEXT, value TEXT)")
        database.execute("CREATE TABLE heads (user_id TEXT, revision BIGINT)")
        database.execute("INSERT INTO meta VALUES ('epoch', 'e1')")
        yield database


def test_a_journal_that_cannot_be_read_is_said_to_be_overwritten_by_who_saw_that_and_at_the_next_start(
    file: Path, in_epoch: sqlite3.Connection
) -> None:
    with closing(HighWaterMark(file)) as mark, closing(HighWaterMark(file)) as next_start:
        mark.check_not_spoilt()
        mark.check(in_epoch)
        mark.raise_to("ann", 0)
        mark.check_not_spoilt()
        mark.spoil()
        for of_whom in (mark, next_start):
            with pytest.raises(StoreUnavailable, match="was overwritten while in use"):
                of_whom.check_not_spoilt()


def test_a_journal_that_was_overwritten_is_not_called_damaged_at_the_next_start(
    file: Path, in_epoch: sqlite3.Connection
) -> None:
    with closing(HighWaterMark(file)) as mark:
        mark.check(in_epoch)
        mark.spoil()
    ((page_bytes,),) = in_epoch.execute("PRAGMA page_size").fetchall()
    ((page,),) = in_epoch.execute("SELECT rootpage FROM sqlite_master WHERE name = 'meta'").fetchall()
    in_epoch.close()
    with file.open("r+b") as content:
        content.seek((page - 1) * page_bytes)
        content.write(bytes(page_bytes))
    with (
        closing(Database(f"sqlite:///{file}")) as database,
        pytest.raises(StoreUnavailable, match="was overwritten while in use"),
        database.transaction(writing=True),
    ):
        pass


def test_a_backup_of_a_renewed_epoch_is_taken_without_a_restart_when_its_epoch_is_renewed_too(
    file: Path, in_epoch: sqlite3.Connection
) -> None:
    with closing(HighWaterMark(file)) as renewing, closing(HighWaterMark(file)) as mark:
        renewing.check(in_epoch)
        renewing.raise_to("ann", 0)
        renewing.forget()
        renewing.note_renewed()
        for _ in range(2):
            with pytest.raises(StoreUnavailable, match="of an epoch that was renewed since"):
                mark.check(in_epoch)
        in_epoch.execute("UPDATE meta SET value = 'e2'")
        mark.check(in_epoch)


def test_who_has_not_looked_at_the_journal_leaves_the_mark_as_it_is(file: Path, in_epoch: sqlite3.Connection) -> None:
    with closing(HighWaterMark(file)) as mark, closing(HighWaterMark(file)) as next_start:
        mark.check(in_epoch)
        mark.raise_to("ann", 3)
        next_start.raise_to("ann", 1)
        next_start.spoil()
        with pytest.raises(StoreUnavailable, match=GONE_BACK.format(0)):
            next_start.check(in_epoch)
