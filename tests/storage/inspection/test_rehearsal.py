"""A write that means nothing shows whether there can be others, and nobody finds it."""

from pathlib import Path

import psycopg
import pytest

from actors.errors import StoreUnavailable
from storage.databases.database import Database
from storage.inspection.rehearsal import prove_writable
from storage.schema.version import migrate
from tests.full_disk import files_limited_to
from tests.storage.author import Author
from tests.storage.conftest import OpenJournal
from tests.storage.reading import changes


def test_a_database_that_can_be_written_says_so_again_and_again_and_what_users_have_stays(
    open_journal: OpenJournal, database_url: str, author: Author
) -> None:
    journal = open_journal(database_url)
    journal.commit([author.add("alien")])
    before = changes(journal, 0)
    database = Database(database_url)
    for now_ms in range(3):
        prove_writable(database, now_ms)
    database.close()
    assert changes(journal, 0) == before


def test_only_what_asks_for_room_on_the_disk_shows_that_there_is_none(sqlite_url: str, tmp_path: Path) -> None:
    migrate(sqlite_url)
    database = Database(sqlite_url)
    prove_writable(database, 1)
    with files_limited_to((tmp_path / "journal.db-wal").stat().st_size):
        for now_ms in (2, 3):
            with pytest.raises(StoreUnavailable, match="sqlite: "):
                prove_writable(database, now_ms)
    prove_writable(database, 4)
    database.close()


@pytest.mark.integration
def test_a_table_altered_so_that_only_a_users_write_fails_is_found(postgresql_url: str) -> None:
    migrate(postgresql_url)
    database = Database(postgresql_url)
    with psycopg.connect(postgresql_url, autocommit=True) as owner:
        owner.execute(b"ALTER TABLE entries RENAME COLUMN tag TO label")
        with pytest.raises(StoreUnavailable, match='column "tag" of relation "entries"'):
            prove_writable(database, 1)
        owner.execute(b"ALTER TABLE entries RENAME COLUMN label TO tag")
    prove_writable(database, 2)
    database.close()
