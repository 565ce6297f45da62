"""The store as its actor uses it, on both databases; what its methods do is told in the tests of their modules."""

import pytest

from actors.messages.journal import Status
from actors.messages.journal_reads import Bookmark, Changes, Page
from actors.ports import JournalStore
from storage.databases.database import Database
from storage.errors import SchemaTooNew
from storage.journal.journal_store import SqlJournalStore, open_store
from storage.schema.version import HEAD, migrate, schema_version
from tests.storage.author import Author
from tests.storage.conftest import OpenJournal
from tests.whole_list import whole_list


def test_a_closed_store_opens_again_when_used(journal: SqlJournalStore, author: Author) -> None:
    journal.commit([author.add("alien")])
    journal.close()
    journal.close()
    journal.check()
    assert [item.content_id for item in whole_list(journal).items] == [author.content("alien")]


def test_the_store_is_what_the_journals_actor_asks_for(journal: SqlJournalStore) -> None:
    port: JournalStore = journal  # mypy's part of this test
    port.check()


def test_opening_an_empty_database_makes_its_tables(open_journal: OpenJournal, database_url: str) -> None:
    open_journal(database_url).check()
    assert schema_version(database_url) == HEAD


def test_a_store_that_cannot_be_opened_keeps_no_connection(sqlite_url: str) -> None:
    migrate(sqlite_url)
    database = Database(sqlite_url, lock_timeout_s=0.05)
    with database.transaction(writing=True) as transaction:
        transaction.connection.execute("UPDATE alembic_version SET version_num = '9999'")
        transaction.connection.execute("DELETE FROM meta WHERE key = 'compatible_from'")
    with pytest.raises(SchemaTooNew):
        open_store(sqlite_url, now_ms=lambda: 0)
    with database.transaction(writing=True) as transaction:  # nobody holds a lock
        transaction.connection.execute("UPDATE alembic_version SET version_num = '9998'")
    database.close()


def test_a_new_user_is_written_in_the_batch_of_a_known_one(journal: SqlJournalStore, author: Author) -> None:
    journal.commit([author.add("alien")])
    outcomes = journal.commit([author.add("brazil"), author.add("brazil", user="bob"), author.add("clue")])
    assert [outcome.status for outcome in outcomes] == [Status.ADDED] * 3
    assert [head.revision for head in journal.heads(["ann", "bob"])] == [3, 1]


def test_every_read_shows_the_same_revision(journal: SqlJournalStore, author: Author) -> None:
    journal.commit([author.add(name) for name in "abc"])
    (head,) = journal.heads(["ann"])
    snapshot, page = whole_list(journal), journal.page("ann", 2, None)
    changes = journal.changes("ann", 1, 10, head.epoch)
    assert isinstance(changes, Changes)
    assert isinstance(page, Page)
    assert isinstance(page.after, Bookmark)
    assert {read.revision for read in (head, snapshot, changes, page)} == {changes.head} == {3}
    assert page.items == snapshot.items[:2]
