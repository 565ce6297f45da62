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
from sqlalchemy import Connection, Engine, event

import storage
from storage.database import Database
from storage.errors import SchemaTooNew
from storage.journal_store import SqlJournalStore, open_store
from storage.schema import HEAD, migrate, renew_epoch, schema_version
from storage.tables import metadata
from tests.storage.author import Author
from tests.storage.conftest import OpenJournal
from tests.storage.reading import changes, expired
from tests.timeouts import TIMEOUT_S
from tests.whole_list import whole_list


def epoch_of(url: str) -> str:
    store = open_store(url, now_ms=lambda: 0)
    epoch = whole_list(store).epoch
    store.close()
    return epoch


def test_the_constant_names_the_newest_migration() -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(storage.__file__).parent / "migrations"))
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
        for name in ("statement_timeout", "idle_in_transaction_session_timeout"):
            limits[name] = str(connection.exec_driver_sql(f"SHOW {name}").scalar())

    event.listen(Engine, "commit", note_limits)
    try:
        migrate(postgresql_url)
    finally:
        event.remove(Engine, "commit", note_limits)
    assert limits == {"statement_timeout": "0", "idle_in_transaction_session_timeout": "1min"}


def test_a_database_of_a_newer_release_is_refused_by_name(database_url: str) -> None:
    migrate(database_url)
    database = Database(database_url)
    with database.transaction(writing=True) as transaction:
        transaction.connection.execute("UPDATE alembic_version SET version_num = '9999'")
    database.close()
    for refuse in (migrate, epoch_of):
        with pytest.raises(SchemaTooNew, match=f"schema 9999, this release supports up to {HEAD}"):
            refuse(database_url)
    assert schema_version(database_url) == "9999"


def test_a_migration_that_fails_leaves_nothing_behind(database_url: str) -> None:
    database = Database(database_url)
    with database.transaction(writing=True) as transaction:
        transaction.connection.execute("CREATE TABLE operations (oops INTEGER)")
    with pytest.raises(Exception, match="already exists"):
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
        "import sys; from storage.journal_store import open_store;"
        f"open_store({url!r}, now_ms=int).close(); sys.exit('alembic' in sys.modules)"
    )
    root = Path(storage.__file__).parent.parent
    subprocess.run([sys.executable, "-c", script], check=True, cwd=root, timeout=TIMEOUT_S)


def test_a_restored_database_can_be_declared_one(journal: SqlJournalStore, author: Author, database_url: str) -> None:
    journal.commit([author.add("alien")])
    epoch = changes(journal, 1).epoch
    renew_epoch(database_url)
    assert expired(journal, 1, epoch).reason == "epoch_changed"
    assert changes(journal, 1).epoch != epoch
