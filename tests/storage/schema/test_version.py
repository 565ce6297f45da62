"""The schema's version: made, kept, refused."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, event, inspect

import storage
from actors.errors import StatementRefused
from storage.databases.database import Database
from storage.errors import SchemaTooNew
from storage.inspection.database import inspect_database
from storage.journal.journal_store import SqlJournalStore, open_store
from storage.schema.tables import metadata
from storage.schema.version import COMPATIBLE_FROM, HEAD, migrate, read_schema, renew_epoch, schema_version
from tests.storage.author import Author
from tests.storage.conftest import OpenJournal
from tests.storage.migrating import migrate_to
from tests.storage.reading import changes, expired
from tests.timeouts import TIMEOUT_S
from tests.whole_list import whole_list

MIGRATIONS = Path(storage.__file__).parent / "migrations"


def epoch_of(url: str) -> str:
    store = open_store(url, now_ms=lambda: 0)
    epoch = whole_list(store).epoch
    store.close()
    return epoch


def test_the_constant_names_the_newest_migration() -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    assert ScriptDirectory.from_config(config).get_current_head() == HEAD


def test_migrating_brings_an_empty_database_to_the_head_and_changes_nothing_twice(database_url: str) -> None:
    assert schema_version(database_url) is None
    migrate(database_url)
    assert schema_version(database_url) == HEAD
    epoch = epoch_of(database_url)
    migrate(database_url)
    assert epoch_of(database_url) == epoch


def test_the_migrations_make_the_tables_that_the_code_uses(database_url: str) -> None:
    migrate(database_url)
    database = Database(database_url)
    with database.migration() as (_, connection):
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    database.close()


def test_every_new_database_has_an_epoch_of_its_own(tmp_path: Path) -> None:
    assert epoch_of(f"sqlite:///{tmp_path}/a.db") != epoch_of(f"sqlite:///{tmp_path}/b.db")


@pytest.mark.integration
def test_nodes_that_start_together_on_an_empty_database_migrate_it_once(
    open_journal: OpenJournal, postgresql_url: str
) -> None:
    with ThreadPoolExecutor(3) as nodes:
        stores = list(nodes.map(open_journal, [postgresql_url] * 3))
    assert len({whole_list(store).epoch for store in stores}) == 1


@pytest.mark.integration
def test_a_migration_may_take_long_and_pause_on_a_busy_machine(postgresql_url: str) -> None:
    limits: dict[str, str] = {}

    def note_limits(connection: Connection) -> None:
        for name in ("statement_timeout", "transaction_timeout", "idle_in_transaction_session_timeout"):
            limits[name] = str(connection.exec_driver_sql(f"SHOW {name}").scalar())

    event.listen(Engine, "commit", note_limits)
    try:
        migrate(f"{postgresql_url}%20-ctransaction_timeout%3D1min")  # as its owner has it for all
    finally:
        event.remove(Engine, "commit", note_limits)
    assert limits == {
        "statement_timeout": "0",
        "transaction_timeout": "0",
        "idle_in_transaction_session_timeout": "1min",
    }


def test_a_database_of_a_newer_release_is_refused_by_name(database_url: str) -> None:
    migrate(database_url)
    database = Database(database_url)
    with database.transaction(writing=True) as transaction:
        transaction.connection.execute("UPDATE alembic_version SET version_num = '9999'")
        transaction.connection.execute("DELETE FROM meta WHERE key = 'compatible_from'")  # it did not say
    database.close()
    for refuse in (migrate, epoch_of):
        with pytest.raises(SchemaTooNew, match=f"schema 9999, this release supports up to {HEAD}"):
            refuse(database_url)
    assert schema_version(database_url) == "9999"


def migrate_as_a_newer_release(url: str, compatible_from: str) -> None:
    database = Database(url)
    with database.transaction(writing=True) as transaction:
        for statement in (
            "ALTER TABLE operations ADD COLUMN reason TEXT",
            "ALTER TABLE heads ADD COLUMN seen BIGINT NOT NULL DEFAULT 0",
            "CREATE TABLE ratings (user_id TEXT PRIMARY KEY)",
            "UPDATE alembic_version SET version_num = '9999'",
            f"UPDATE meta SET value = '{compatible_from}' WHERE key = 'compatible_from'",
        ):
            transaction.connection.execute(statement)
    database.close()


def test_a_newer_schema_that_suits_this_release_is_written_read_and_replayed_and_stays(
    open_journal: OpenJournal, author: Author, database_url: str
) -> None:
    running = open_journal(database_url)
    running.commit([author.add("alien")])
    migrate_as_a_newer_release(database_url, compatible_from=HEAD)
    started = open_journal(database_url)
    for revision, store in enumerate((running, started), 2):
        assert store.commit([author.add(f"film {revision}", operation_id=f"{revision}")])[0].revision == revision
        assert store.commit([author.add(f"film {revision}", operation_id=f"{revision}")])[0].revision == revision
    assert len(changes(started, 0).updates) == len(whole_list(started).items) == 3
    inspection = inspect_database(database_url)
    assert (inspection.schema, inspection.is_served) == ("9999", True)
    renew_epoch(database_url)
    assert schema_version(database_url) == "9999"


def test_a_newer_schema_that_suits_newer_releases_only_is_refused_by_name(database_url: str) -> None:
    migrate(database_url)
    migrate_as_a_newer_release(database_url, compatible_from="9998")
    for refuse in (migrate, epoch_of):
        with pytest.raises(SchemaTooNew, match=f"schema 9999, this release supports up to {HEAD}"):
            refuse(database_url)
    assert not read_schema(database_url).is_served


def test_a_migration_says_which_releases_can_work_with_what_it_made(database_url: str) -> None:
    assert "0001" <= COMPATIBLE_FROM <= HEAD
    migrate(database_url)
    database = Database(database_url)
    with database.transaction(writing=False) as transaction:
        found = transaction.connection.execute("SELECT value FROM meta WHERE key = 'compatible_from'").fetchall()
    database.close()
    assert found == [(COMPATIBLE_FROM,)]


def test_every_migration_only_adds_what_the_release_before_may_leave_out(tmp_path: Path) -> None:
    before: dict[str, dict[str, str]] = {}
    for revision in sorted(file.name[1:5] for file in (MIGRATIONS / "versions").glob("v*.py")):
        after = columns_at(revision, f"sqlite:///{tmp_path / revision}.db")
        for table, columns in before.items():
            made = after[table]
            assert {name: made.get(name) for name in columns} == columns, f"{revision} takes something from {table}"
            needed = [name for name in made.keys() - columns.keys() if made[name].endswith("needed")]
            assert needed == [], f"{revision} adds to {table} what the release before does not write"
        before = after


def columns_at(revision: str, url: str) -> dict[str, dict[str, str]]:
    """Return the columns of each table of a new database: their types, and whether a row needs them."""
    migrate_to(revision, url)
    database = Database(url)
    with database.migration() as (_, connection):
        found = inspect(connection)
        tables = {
            table: {
                column["name"]: f"{column['type']}"
                f"{'' if column['nullable'] or column['default'] is not None else ', needed'}"
                for column in found.get_columns(table)
            }
            for table in found.get_table_names()
        }
    database.close()
    return tables


def test_a_migration_that_fails_leaves_nothing_behind(database_url: str) -> None:
    database = Database(database_url)
    with database.transaction(writing=True) as transaction:
        transaction.connection.execute("CREATE TABLE operations (oops INTEGER)")
    with pytest.raises(StatementRefused, match="already exists"):
        migrate(database_url)
    assert schema_version(database_url) is None
    with database.transaction(writing=True) as transaction:
        transaction.connection.execute("DROP TABLE operations")
    database.close()
    migrate(database_url)
    assert schema_version(database_url) == HEAD


@pytest.mark.integration
def test_a_database_that_is_up_to_date_opens_without_alembic(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/journal.db"
    migrate(url)
    script = (
        "import sys; from storage.journal.journal_store import open_store;"
        f"open_store({url!r}, now_ms=int).close(); sys.exit('alembic' in sys.modules)"
    )
    root = Path(storage.__file__).parent.parent
    subprocess.run([sys.executable, "-c", script], check=True, cwd=root, timeout=TIMEOUT_S)


def test_a_restored_database_of_an_older_release_is_upgraded_when_it_is_declared_one(database_url: str) -> None:
    migrate_to("0002", database_url)
    renew_epoch(database_url)
    assert schema_version(database_url) == HEAD


def test_a_restored_database_can_be_declared_one(journal: SqlJournalStore, author: Author, database_url: str) -> None:
    journal.commit([author.add("alien")])
    epoch = changes(journal, 1).epoch
    renew_epoch(database_url)
    assert expired(journal, 1, epoch).reason == "epoch_changed"
    assert changes(journal, 1).epoch != epoch
