"""A journal that an older release wrote, and that one of its nodes still writes, under this release's schema."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import inspect

import storage
from actors.messages.collections import collection_of_list, line_of
from actors.messages.journal import Operation, Status
from storage.databases.database import Database
from storage.journal.journal_store import SqlJournalStore
from storage.rules.bounds import Bounds
from storage.schema.tables import metadata
from storage.schema.version import HEAD, migrate, schema_version
from tests.storage.author import Author
from tests.storage.conftest import OpenJournal
from tests.storage.migrating import migrate_to
from tests.storage.reading import shown, updates
from tests.whole_list import whole_list

RECORDED = Path(__file__).with_name("journal_0002.sql")
"""What the last release with schema 0002 wrote, statement by statement."""


OPERATIONS = Path(storage.__file__).parent.parent / "docs" / "operations.md"


class Writes(Protocol):
    def content(self, name: str) -> str: ...
    def add(self, name: str, **options: object) -> Operation: ...
    def remove(self, name: str, **options: object) -> Operation: ...


def write_as_0002(url: str) -> None:
    write_as_recorded(RECORDED, url)


def write_as_recorded(recorded: Path, url: str) -> None:
    database = Database(url)
    with database.transaction(writing=True) as transaction:
        for statement in recorded.read_text().split(";\n"):
            if statement:
                transaction.connection.execute(statement)
    database.close()


@pytest.fixture(params=["before the migration", "after it, by a node that has not been restarted"])
def journal(
    request: pytest.FixtureRequest, open_journal: Callable[..., SqlJournalStore], database_url: str
) -> SqlJournalStore:
    """A journal whose every row was written by the older release."""
    migrate_to("0002", database_url)
    assert schema_version(database_url) == "0002"
    if "before" in request.param:
        write_as_0002(database_url)
        migrate(database_url)
    else:
        migrate(database_url)
        write_as_0002(database_url)
    assert schema_version(database_url) == HEAD
    return open_journal(database_url)


def test_what_an_older_release_recorded_is_what_its_repetitions_are_answered(
    journal: SqlJournalStore, author: Writes
) -> None:
    read = updates(journal)
    again = [
        author.add("alien", operation_id="add-alien"),
        author.add("brazil", operation_id="add-brazil", tag="phone:1"),
        author.remove("brazil", operation_id="remove-brazil"),
        author.add("brazil", tag="phone:1"),
    ]
    outcomes = journal.commit(again)
    assert [outcome.status for outcome in outcomes] == [Status.ADDED, Status.ADDED, Status.REMOVED, Status.ADDED]
    assert shown(outcomes) == [read[n] for n in (0, 2, 3, 2)]
    assert not any(outcome.is_new for outcome in outcomes)
    assert journal.heads(["ann"])[0].revision == 6


def test_the_list_of_an_older_release_is_shown_and_goes_on(journal: SqlJournalStore, author: Writes) -> None:
    assert [item.content_id for item in whole_list(journal).items] == [author.content("dune"), author.content("alien")]
    added, removed = journal.commit([author.add("clue", operation_id="c"), author.remove("dune", operation_id="d")])
    assert (added.revision, removed.revision) == (7, 8)
    assert removed.update is not None
    assert removed.update.tags == ("syncd:4", "syncd:3")
    assert {item.content_id for item in whole_list(journal).items} == {author.content("clue"), author.content("alien")}
    assert journal.commit([author.remove("dune", operation_id="d")])[0].update == removed.update


def test_indexes_that_the_operator_made_beforehand_are_taken(database_url: str) -> None:
    migrate_to("0002", database_url)
    database = Database(database_url)
    with database.migration() as (transaction, connection):
        for statement in re.findall(r"^CREATE INDEX CONCURRENTLY .*;$", OPERATIONS.read_text(), re.MULTILINE):
            transaction.connection.execute(statement.replace("CONCURRENTLY ", ""))  # not within a transaction
        made = {index["name"] for index in inspect(connection).get_indexes("entries")}
    database.close()
    migrate(database_url)
    with database.migration() as (_, connection):
        assert {index["name"] for index in inspect(connection).get_indexes("entries")} == made
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    database.close()


def test_an_index_that_pages_do_without_is_dropped(database_url: str) -> None:
    migrate_to("0004", database_url)
    database = Database(database_url)
    columns = "user_id, content_id, timestamp, added_revision"
    with database.transaction(writing=True) as transaction:
        transaction.connection.execute(f"CREATE INDEX entries_by_content_and_age ON entries ({columns})")
    migrate(database_url)
    with database.migration() as (_, connection):
        assert {index["name"] for index in inspect(connection).get_indexes("entries")} == {"entries_by_age"}
    database.close()


def test_what_it_has_written_is_counted_at_the_next_write(
    journal: SqlJournalStore, author: Writes, open_journal: OpenJournal, database_url: str
) -> None:
    bounded = open_journal(database_url, bounds=Bounds(items_per_list=3))
    added, refused = bounded.commit([author.add("clue"), author.add("eraserhead")])
    assert (added.status, refused.quota) == (Status.ADDED, "items_per_list")
    assert len(whole_list(bounded).items) == 3


def test_writes_of_an_older_release_between_those_of_this_one_are_counted(
    open_journal: OpenJournal, author: Writes, database_url: str
) -> None:
    bounded = open_journal(database_url, bounds=Bounds(items_per_list=2))
    bounded.commit([author.add("alien")])
    older = Database(database_url)
    with older.transaction(writing=True) as transaction:  # what the older release does with the columns that it knows
        brazil = author.content("brazil")
        columns = "user_id, content_id, tag, added_revision, timestamp, node, device_id"
        transaction.connection.execute(
            f"INSERT INTO entries ({columns}) VALUES ('ann', '{brazil}', 'syncd:2', 2, 1, 'n', 'tv')"
        )
        transaction.connection.execute("INSERT INTO contexts (user_id, replica, context) VALUES ('ann', 'tv', '{}')")
        transaction.connection.execute("UPDATE heads SET revision = 2, minted = 2 WHERE user_id = 'ann'")
    older.close()
    assert bounded.commit([author.add("clue")])[0].quota == "items_per_list"


@pytest.mark.parametrize("is_written_first", [True, False], ids=["before", "after"])
def test_what_the_release_before_lists_writes_before_and_after_the_migration_is_its_users_watchlist(
    open_journal: OpenJournal, author: Author, database_url: str, is_written_first: bool
) -> None:
    recorded = RECORDED.with_name("journal_0006.sql")  # every statement that changed something, as it was executed
    migrate_to("0006", database_url)
    if is_written_first:
        write_as_recorded(recorded, database_url)
    migrate(database_url)
    if not is_written_first:
        write_as_recorded(recorded, database_url)
    journal = open_journal(database_url)
    kids = Author(line_of("ann", collection_of_list("kids")))
    again = [author.add("alien", operation_id="add-alien"), author.remove("dune", operation_id="remove-dune")]
    outcomes = journal.commit([*again, author.add("solaris"), kids.add("alien")])
    assert [(one.status, one.revision, one.is_new) for one in outcomes] == [
        (Status.ADDED, 1, False), (Status.NOT_FOUND, None, False), (Status.ADDED, 7, True), (Status.ADDED, 1, True),
    ]  # fmt: skip
    wanted = {author.content(name) for name in ("alien", "clue", "dune", "solaris")}
    assert {item.content_id for item in whole_list(journal).items} == wanted
    assert len(updates(journal)) == 7
    assert [one.list for one in journal.lists("ann").lists] == ["kids"]
