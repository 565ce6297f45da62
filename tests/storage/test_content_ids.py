"""A journal knows which ids its contents have: it may go from UUIDs to any text, and not back."""

from collections.abc import Iterator

import pytest

from storage.content_ids import agree_on_content_ids, recorded_content_ids
from storage.database import Database
from storage.errors import ContentIdsDiffer
from storage.inspection import inspect_database
from storage.schema import migrate


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    migrate(database_url)
    database = Database(database_url)
    yield database
    database.close()


def recorded(database: Database) -> str:
    with database.transaction(writing=False) as transaction:
        return recorded_content_ids(transaction)


def test_a_journal_of_uuids_becomes_one_of_any_text_and_stays_it(database: Database, database_url: str) -> None:
    agree_on_content_ids(database, "uuid")
    assert (recorded(database), inspect_database(database_url).content_ids) == ("uuid", "uuid")
    for _ in range(2):
        agree_on_content_ids(database, "text")
        assert (recorded(database), inspect_database(database_url).content_ids) == ("text", "text")
    with pytest.raises(ContentIdsDiffer, match="--content-ids text"):
        agree_on_content_ids(database, "uuid")
    assert recorded(database) == "text"
