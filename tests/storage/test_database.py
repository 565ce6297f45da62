"""One connection to either database: private, opened when needed, dropped when it fails; no transaction by half."""

from contextlib import suppress
from pathlib import Path
from stat import S_IMODE

import pytest
from sqlalchemy import text

from actors.errors import StoreUnavailable, ValueRefused
from storage.database import Database
from storage.journal_store import SqlJournalStore, open_store
from tests.storage.author import Author
from tests.storage.conftest import OpenJournal


def revision(journal: SqlJournalStore) -> int:
    return journal.heads(["ann"])[0].revision


def test_a_sqlite_file_is_its_owners_only(tmp_path: Path) -> None:
    store = open_store(f"sqlite:///{tmp_path}/new/journal.db", now_ms=lambda: 0)
    files = sorted((tmp_path / "new").iterdir())
    assert [path.name for path in files] == ["journal.db", "journal.db-shm", "journal.db-wal"]
    assert {S_IMODE(path.stat().st_mode) for path in files} == {0o600}
    store.close()


def test_a_url_of_another_database_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="needs sqlite or postgresql, not 'mysql'"):
        open_store("mysql://root@localhost/journal", now_ms=lambda: 0)


@pytest.mark.parametrize("url", ["nonsense", "postgresql://syncd:p@ss:word@localhost/journal"])
def test_a_url_that_is_none_is_refused_without_a_word_of_it(url: str) -> None:
    with pytest.raises(ValueError, match=r"^this is not the URL of a database: write .* percent-encoded$") as refused:
        open_store(url, now_ms=lambda: 0)
    assert "ss:" not in str(refused.value)


def test_a_file_that_is_no_database_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "journal.db").write_text("these are not the tables you are looking for\n" * 50)
    with pytest.raises(StoreUnavailable, match="file is not a database"):
        open_store(f"sqlite:///{tmp_path}/journal.db", now_ms=lambda: 0)


def test_a_directory_that_cannot_be_made_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreUnavailable, match=r"sqlite: .*file"):
        open_store(f"sqlite:///{tmp_path}/file/journal.db", now_ms=lambda: 0)


@pytest.mark.integration
@pytest.mark.parametrize("operation_id", ["\x00", "".join(map(chr, range(0x4E00, 0x6E00)))], ids=["NUL", "too long"])
def test_what_postgresql_cannot_store_is_no_outage_and_leaves_the_connection_in_use(
    open_journal: OpenJournal, postgresql_url: str, author: Author, operation_id: str
) -> None:
    journal = open_journal(postgresql_url)
    with pytest.raises(ValueRefused):
        journal.commit([author.add("alien"), author.add("brazil", operation_id=operation_id)])
    journal.commit([author.add("alien")])
    assert revision(journal) == 1


def test_an_exception_within_a_transaction_rolls_it_back(
    open_journal: OpenJournal, database_url: str, author: Author
) -> None:
    open_journal(database_url).commit([author.add("alien")])
    database = Database(database_url)
    with suppress(KeyError), database.transaction(writing=True) as connection:
        connection.exec_driver_sql("DELETE FROM heads")
        raise KeyError
    with database.transaction(writing=False) as connection:
        assert connection.exec_driver_sql("SELECT revision FROM heads").all() == [(1,)]
    database.close()


def test_what_a_transaction_wrote_is_there_for_the_next_and_after_a_close(database_url: str) -> None:
    database = Database(database_url)
    with database.transaction(writing=True) as connection:
        connection.execute(text("CREATE TABLE film (title TEXT)"))
        connection.execute(text("INSERT INTO film VALUES ('Alien')"))
    for _ in range(2):
        with database.transaction(writing=False) as connection:
            assert connection.scalar(text("SELECT title FROM film")) == "Alien"
        database.close()
        database.close()


def test_a_write_waits_for_anothers_lock_only_so_long_and_a_read_does_not(database_url: str) -> None:
    holder, other = Database(database_url), Database(database_url, lock_timeout_s=0.05)
    with holder.transaction(writing=True) as connection:
        connection.execute(text("CREATE TABLE film (title TEXT)"))
        connection.execute(text("INSERT INTO film VALUES ('Alien')"))
    lock = text("UPDATE film SET title = 'Brazil'")
    with holder.transaction(writing=True) as connection:
        connection.execute(lock)
        with pytest.raises(StoreUnavailable), other.transaction(writing=True) as waiting:
            waiting.execute(lock)
        with other.transaction(writing=False) as reading:
            assert reading.scalar(text("SELECT title FROM film")) == "Alien"
    with other.transaction(writing=True) as connection:
        connection.execute(lock)
    holder.close()
    other.close()


def test_a_value_that_is_refused_is_no_outage(database_url: str) -> None:
    database = Database(database_url)
    with database.transaction(writing=True) as connection:
        connection.execute(text("CREATE TABLE film (title TEXT PRIMARY KEY)"))
        connection.execute(text("INSERT INTO film VALUES ('Alien')"))
    with pytest.raises(ValueRefused), database.transaction(writing=True) as connection:
        connection.execute(text("INSERT INTO film VALUES ('Alien')"))
    with database.transaction(writing=False) as connection:
        assert connection.scalar(text("SELECT count(*) FROM film")) == 1
    database.close()
