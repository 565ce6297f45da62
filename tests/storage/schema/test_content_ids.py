"""A journal knows which ids its contents have: it may go from UUIDs to any text, and not back."""

from collections.abc import Iterator

import pytest
from msgspec import structs

from actors.messages.change import Change
from actors.messages.journal import Status
from actors.messages.journal_reads import Page
from storage.databases.database import Database
from storage.errors import ContentIdsDiffer
from storage.inspection.database import inspect_database
from storage.journal.journal_store import SqlJournalStore
from storage.schema.content_ids import agree_on_content_ids, recorded_content_ids
from storage.schema.version import migrate
from tests.contents import TEXT_IDS
from tests.storage.author import Author


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


def test_every_id_is_kept_and_found_as_it_is(journal: SqlJournalStore) -> None:
    longest = "\N{GRINNING FACE}" * 128  # in an index's row with a user and a tag that are as long
    author = Author(longest)
    adds = [author.add("", tag=f"{number}".ljust(128, longest[0])) for number in range(len(TEXT_IDS))]
    adds = [
        structs.replace(one, change=structs.replace(one.change, content_id=content_id))
        for one, content_id in zip(adds, TEXT_IDS, strict=True)
    ]
    journal.commit(adds)
    page = journal.page(longest, len(TEXT_IDS), None)
    assert isinstance(page, Page)
    assert [item.content_id for item in page.items] == list(TEXT_IDS[::-1])
    outcomes = journal.commit([structs.replace(one, change=Change("remove", one.content_id)) for one in adds])
    assert {outcome.status for outcome in outcomes} == {Status.REMOVED}
