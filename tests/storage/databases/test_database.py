"""One connection to either database: private, opened when needed, dropped when it fails; no transaction by half."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from stat import S_IMODE

import pytest
from sqlalchemy import BigInteger, Column, MetaData, Table, Text, bindparam, insert, select

import storage
from actors.errors import StoreUnavailable, ValueRefused
from storage.databases.database import Database
from storage.databases.statements import Statement
from storage.journal.journal_store import SqlJournalStore, open_store
from tests.storage.author import Author
from tests.storage.conftest import OpenJournal
from tests.timeouts import TIMEOUT_S


def revision(journal: SqlJournalStore) -> int:
    return journal.heads(["ann"])[0].revision


def test_a_sqlite_file_is_its_owners_only(tmp_path: Path) -> None:
    store = open_store(f"sqlite:///{tmp_path}/new/journal.db", now_ms=lambda: 0)
    store.check()
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


@pytest.mark.integration
@pytest.mark.parametrize(
    ("url", "strangers"), [("sqlite:///journal.db", {"psycopg"}), ("postgresql://localhost/journal", {"sqlite3"})]
)
def test_a_process_has_only_its_own_databases_driver(url: str, strangers: set[str]) -> None:
    program = (
        "import sys, storage.processes.requests; from storage.databases.database import Database;"
        "Database(sys.argv[1]); print(*sys.modules)"
    )
    root = Path(storage.__file__).parent.parent
    done = subprocess.run(
        [sys.executable, "-c", program, url],
        cwd=root,
        capture_output=True,
        text=True,
        check=True,
        timeout=TIMEOUT_S,
    )
    dialects = {"sqlalchemy.dialects.sqlite", "sqlalchemy.dialects.postgresql"}
    assert not (strangers | dialects) & set(done.stdout.split())


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
    with suppress(KeyError), database.transaction(writing=True) as transaction:
        transaction.connection.execute("DELETE FROM heads")
        raise KeyError
    with database.transaction(writing=False) as transaction:
        assert transaction.connection.execute("SELECT revision FROM heads").fetchall() == [(1,)]
    database.close()


def test_what_a_transaction_wrote_is_there_for_the_next_and_after_a_close(database_url: str) -> None:
    database = Database(database_url)
    with database.transaction(writing=True) as transaction:
        transaction.connection.execute("CREATE TABLE film (title TEXT)")
        transaction.connection.execute("INSERT INTO film VALUES ('Alien')")
    for _ in range(2):
        with database.transaction(writing=False) as transaction:
            assert transaction.connection.execute("SELECT title FROM film").fetchall() == [("Alien",)]
        database.close()
        database.close()


def test_a_write_waits_for_anothers_lock_only_so_long_and_a_read_does_not(database_url: str) -> None:
    holder, other = Database(database_url), Database(database_url, lock_timeout_s=0.05)
    with holder.transaction(writing=True) as transaction:
        transaction.connection.execute("CREATE TABLE film (title TEXT)")
        transaction.connection.execute("INSERT INTO film VALUES ('Alien')")
    lock = "UPDATE film SET title = 'Brazil'"
    with holder.transaction(writing=True) as transaction:
        transaction.connection.execute(lock)
        transaction.connection.execute("SELECT 1").fetchall()  # PostgreSQL has the lock then: statements go together
        with pytest.raises(StoreUnavailable), other.transaction(writing=True) as waiting:
            waiting.connection.execute(lock)
        with other.transaction(writing=False) as reading:
            assert reading.connection.execute("SELECT title FROM film").fetchall() == [("Alien",)]
    with other.transaction(writing=True) as transaction:
        transaction.connection.execute(lock)
    holder.close()
    other.close()


def test_a_write_may_wait_for_anothers_lock_more_briefly_than_the_next_does(database_url: str) -> None:
    holder, other = Database(database_url), Database(database_url, lock_timeout_s=TIMEOUT_S)
    with holder.transaction(writing=True) as transaction:
        transaction.connection.execute("CREATE TABLE film (title TEXT)")
        transaction.connection.execute("INSERT INTO film VALUES ('Alien')")
    lock = "UPDATE film SET title = 'Brazil'"
    setting = "SHOW lock_timeout" if other.dialect.name == "postgresql" else "PRAGMA busy_timeout"
    for _ in range(2):  # on another connection, too
        other.close()
        with other.transaction(writing=True, waits_briefly=True) as brief:
            brief.connection.execute(lock)
            ((timeout,),) = brief.connection.execute(setting).fetchall()
            assert timeout in ("200ms", 200)
    with other.transaction(writing=True) as usual:
        ((timeout,),) = usual.connection.execute(setting).fetchall()
        assert timeout in (f"{TIMEOUT_S:g}s", "1min", round(TIMEOUT_S * 1000))
    with holder.transaction(writing=True) as transaction:
        transaction.connection.execute(lock)
        transaction.connection.execute("SELECT 1").fetchall()  # PostgreSQL has the lock then: statements go together
        with pytest.raises(StoreUnavailable), other.transaction(writing=True, waits_briefly=True) as waiting:
            waiting.connection.execute(lock)
    holder.close()
    other.close()


def test_who_only_reads_is_refused_to_write_by_the_database_itself(database_url: str) -> None:
    with closing(Database(database_url)) as writer, writer.transaction(writing=True) as transaction:
        transaction.connection.execute("CREATE TABLE film (title TEXT)")
    with closing(Database(database_url, is_read_only=True)) as reader:
        for writing in (False, True):
            with pytest.raises(StoreUnavailable, match=r"read-?only"), reader.transaction(writing=writing) as refused:
                refused.connection.execute("INSERT INTO film VALUES ('Alien')")
        with reader.transaction(writing=False) as reading:
            assert reading.connection.execute("SELECT count(*) FROM film").fetchall() == [(0,)]


def test_a_value_that_is_refused_is_no_outage(database_url: str) -> None:
    database = Database(database_url)
    with database.transaction(writing=True) as transaction:
        transaction.connection.execute("CREATE TABLE film (title TEXT PRIMARY KEY)")
        transaction.connection.execute("INSERT INTO film VALUES ('Alien')")
    with pytest.raises(ValueRefused), database.transaction(writing=True) as transaction:
        transaction.connection.execute("INSERT INTO film VALUES ('Alien')")
    with database.transaction(writing=False) as transaction:
        assert transaction.connection.execute("SELECT count(*) FROM film").fetchall() == [(1,)]
    database.close()


# Statements


FILMS = Table("film", MetaData(), Column("title", Text, primary_key=True), Column("year", BigInteger))
INSERT = Statement(insert(FILMS))
BY_YEAR = Statement(select(FILMS.c.title).where(FILMS.c.year == bindparam("of")).order_by(FILMS.c.title), "of")


@pytest.fixture
def films(database_url: str) -> Iterator[Database]:
    database = Database(database_url)
    with database.transaction(writing=True) as transaction:
        transaction.connection.execute("CREATE TABLE film (title TEXT PRIMARY KEY, year BIGINT)")
    yield database
    database.close()


def test_results_are_fetched_in_any_order_after_all_was_asked_for(films: Database) -> None:
    with films.transaction(writing=True) as transaction:
        transaction.execute_many(INSERT, [("Alien", 1979), ("Brazil", 1985), ("Ran", 1985), ("Clue", None)])
        transaction.execute_many(INSERT, [])
        first, second, none = (transaction.execute(BY_YEAR, (year,)) for year in (1979, 1985, 1 << 40))
        transaction.execute(INSERT, ("Dune", 1984))
        assert second.fetchall() == [("Brazil",), ("Ran",)]
        assert none.fetchall() == []
        assert first.fetchall() == [("Alien",)]
    with films.transaction(writing=False) as transaction:
        assert transaction.execute(BY_YEAR, (1984,)).fetchall() == [("Dune",)]


@pytest.mark.parametrize("waits", [True, False])
def test_of_several_statements_the_one_that_fails_is_told_of_and_none_takes_effect(
    films: Database, waits: bool
) -> None:
    def write() -> None:
        with films.transaction(writing=True) as transaction:
            transaction.execute_many(INSERT, [("Alien", 1979), ("Brazil", 1985)])
            transaction.execute_many(INSERT, [("Ran", 1985), ("Ran", 1985), ("Clue", None)])
            found = transaction.execute(BY_YEAR, (1985,))
            transaction.execute(INSERT, ("Dune", 1984))
            if waits:
                found.fetchall()

    for _ in range(20):  # how much has come when the first is looked at is a matter of luck
        with pytest.raises(ValueRefused):
            write()
        with films.transaction(writing=False) as transaction:
            assert transaction.execute(BY_YEAR, (1985,)).fetchall() == []


def test_a_failure_that_a_block_hides_is_told_of_at_the_end_or_had_no_effect(films: Database) -> None:
    with suppress(StoreUnavailable), films.transaction(writing=True) as transaction:
        transaction.execute(INSERT, ("Alien", 1979))
        with suppress(Exception):
            transaction.execute(INSERT, ("Alien", 1979))
            transaction.execute(BY_YEAR, (1979,)).fetchall()
        transaction.execute(INSERT, ("Ran", 1985))
    with films.transaction(writing=False) as transaction:
        found = [transaction.execute(BY_YEAR, (year,)).fetchall() for year in (1979, 1985)]
    assert found in ([[], []], [[("Alien",)], [("Ran",)]])
