"""What a database refuses: final only where a value is to blame; else the same store works again once it can."""

import sqlite3
import traceback
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import insert

from actors.errors import StatementRefused, StoreUnavailable, ValueRefused
from actors.messages.journal import Operation, Status
from storage.databases.database import Database
from storage.databases.statements import Statement
from storage.journal.journal_store import SqlJournalStore
from storage.schema.tables import meta, revocations
from storage.schema.version import migrate
from syncd.cluster import LocalPostgreSQL
from tests.databases import execute
from tests.storage.author import Author
from tests.storage.conftest import OpenJournal


def revision(journal: SqlJournalStore) -> int:
    return journal.heads(["ann"])[0].revision


def refuses_for_now(journal: SqlJournalStore, operation: Operation) -> StoreUnavailable:
    with pytest.raises(StoreUnavailable) as refused:
        journal.commit([operation])
    assert "\n" not in str(refused.value)
    logged = "".join(traceback.format_exception(refused.value))
    assert "storage/journal/commit.py" in logged or not isinstance(refused.value, StatementRefused)
    assert operation.content_id not in logged
    return refused.value


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    migrate(database_url)
    database = Database(database_url)
    yield database
    database.close()


# The value's fault


def test_a_row_that_exists_is_the_values_fault_and_leaves_the_connection_in_use(database: Database) -> None:
    with pytest.raises(ValueRefused) as refused, database.transaction(writing=True) as first:
        first.execute(Statement(insert(meta)), ("epoch", "another"))
    assert "\n" not in str(refused.value)
    with database.transaction(writing=True) as second:
        assert second.connection is first.connection


def test_a_number_beyond_64_bits_is_the_values_fault(database: Database) -> None:
    with pytest.raises(ValueRefused), database.transaction(writing=True) as transaction:
        transaction.execute(Statement(insert(revocations)), ("t", 1 << 64, 1))


def test_a_text_that_is_no_unicode_is_the_values_fault(journal: SqlJournalStore, author: Author) -> None:
    with pytest.raises(ValueRefused):
        journal.commit([author.add("alien", operation_id="\ud800")])
    assert journal.commit([author.add("brazil")])[0].status is Status.ADDED


# The moment's, or ours


def test_wrong_sql_is_told_apart_from_an_outage(database: Database) -> None:
    with pytest.raises(StatementRefused, match="no_such_column"), database.transaction(writing=True) as transaction:
        transaction.connection.execute("SELECT no_such_column FROM meta")


def test_a_value_of_a_type_that_no_column_has_is_our_defect(sqlite_url: str) -> None:
    database = Database(sqlite_url)
    with pytest.raises(StatementRefused), database.transaction(writing=True) as transaction:
        transaction.connection.execute("SELECT ?", (object(),))
    database.close()


@pytest.mark.integration
@pytest.mark.parametrize(
    ("alter", "repair"),
    [
        ("operations ALTER content_id TYPE integer USING 0", "operations ALTER content_id TYPE text"),
        ("operations ALTER content_id TYPE varchar(3)", "operations ALTER content_id TYPE text"),
        ("operations ALTER device_id TYPE inet USING NULL", "operations ALTER device_id TYPE text"),
        ("operations ADD another integer NOT NULL", "operations DROP another"),
        ("operations ADD CONSTRAINT another CHECK (revision < 0)", "operations DROP CONSTRAINT another"),
        ("operations DROP recorded_ms", "operations ADD recorded_ms bigint NOT NULL DEFAULT 0"),
        ("operations RENAME TO renamed", "renamed RENAME TO operations"),
    ],
)
def test_a_schema_altered_under_a_node_refuses_writes_until_it_is_right_again(
    open_journal: OpenJournal, postgresql_url: str, author: Author, alter: str, repair: str
) -> None:
    journal = open_journal(postgresql_url)
    execute(postgresql_url, f"ALTER TABLE {alter}")
    assert isinstance(refuses_for_now(journal, author.add("alien")), StatementRefused)
    execute(postgresql_url, f"ALTER TABLE {repair}")
    assert journal.commit([author.add("alien")])[0].status is Status.ADDED


@pytest.mark.parametrize("columns", ["another", "user_id, revision, another NOT NULL", "another CHECK (another > 0)"])
def test_a_sqlite_schema_altered_under_a_node_refuses_writes_until_it_is_right_again(
    open_journal: OpenJournal, sqlite_url: str, tmp_path: Path, author: Author, columns: str
) -> None:
    journal = open_journal(sqlite_url)
    known = "kind, content_id, tags, timestamp, node, device_id, operation_id, recorded_ms"
    with sqlite3.connect(tmp_path / "journal.db") as other:
        other.execute("ALTER TABLE operations RENAME TO kept")
        other.execute(f"CREATE TABLE operations ({columns}, {known})")
    assert isinstance(refuses_for_now(journal, author.add("alien")), StatementRefused)
    with other:
        other.execute("DROP TABLE operations")
        other.execute("ALTER TABLE kept RENAME TO operations")
    other.close()
    assert journal.commit([author.add("alien")])[0].status is Status.ADDED


@pytest.mark.integration
def test_tables_that_are_dropped_are_not_made_again(
    open_journal: OpenJournal, postgresql_url: str, author: Author
) -> None:
    journal = open_journal(postgresql_url)
    execute(postgresql_url, "DROP TABLE heads, operations, entries, contexts, meta, revocations, alembic_version")
    for name in ("alien", "brazil"):
        refusal = refuses_for_now(journal, author.add(name))
        assert str(refusal) == 'postgresql: relation "meta" does not exist'


@pytest.mark.integration
def test_rights_that_are_revoked_under_a_node_refuse_writes_until_they_are_back(
    open_journal: OpenJournal, postgresql_url: str, author: Author
) -> None:
    open_journal(postgresql_url).close()
    execute(
        postgresql_url,
        "CREATE ROLE writer LOGIN",
        "DO $$ BEGIN EXECUTE 'GRANT USAGE ON SCHEMA ' || current_schema() || ' TO writer'; END $$",
        "GRANT SELECT, INSERT, UPDATE, DELETE ON answers, heads, operations, entries, contexts, meta, alembic_version"
        " TO writer",
    )
    try:
        journal = open_journal(postgresql_url.replace("//postgres@", "//writer@"))
        journal.commit([author.add("alien")])
        execute(postgresql_url, "REVOKE INSERT ON operations FROM writer")
        refusal = refuses_for_now(journal, author.add("brazil"))
        assert str(refusal) == "postgresql: permission denied for table operations"
        assert not isinstance(refusal, StatementRefused)
        assert revision(journal) == 1
        execute(postgresql_url, "GRANT INSERT ON operations TO writer")
        journal.commit([author.add("brazil")])
        assert revision(journal) == 2
        journal.close()
    finally:
        execute(postgresql_url, "DROP OWNED BY writer", "DROP ROLE writer")


@pytest.mark.integration
def test_a_database_that_is_renamed_is_unavailable_until_it_has_its_name_again(
    open_journal: OpenJournal, postgresql: LocalPostgreSQL, postgresql_url: str, author: Author
) -> None:
    execute(postgresql.url, "CREATE DATABASE journal")
    url = postgresql_url.partition("&options")[0].replace("/postgres?", "/journal?")
    disconnect = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'journal'"
    try:
        journal = open_journal(url)
        journal.commit([author.add("alien")])
        execute(postgresql.url, disconnect, "ALTER DATABASE journal RENAME TO renamed")
        for name in ("brazil", "charade"):
            assert "does not exist" in str(refuses_for_now(journal, author.add(name)))
        execute(postgresql.url, "ALTER DATABASE renamed RENAME TO journal")
        journal.commit([author.add("brazil")])
        assert revision(journal) == 2
        journal.close()
    finally:
        execute(postgresql.url, "DROP DATABASE journal WITH (FORCE)")
