"""What is bounded is counted once, and the longest unused replicas are found first."""

from collections.abc import Iterator

import pytest
from msgspec import structs

from storage.databases.database import Database, Transaction
from storage.journal.journal_store import SqlJournalStore
from storage.journal.usage import counted, forget_replicas, unused_replicas
from storage.rules.list_journal import JournalHead
from storage.schema.rows import DAY_MS, head_of
from tests.fakes.wall_clock import WallClock
from tests.storage.author import NOW_MS, Author
from tests.storage.executed import executed, plans


@pytest.fixture
def transaction(
    journal: SqlJournalStore, database_url: str, author: Author, wall_clock: WallClock
) -> Iterator[Transaction]:
    """In a journal with two items, and a replica for each of three days."""
    for day in range(3):
        wall_clock.now_ms = NOW_MS + day * DAY_MS
        journal.commit([author.add("alien", tag=f"r{day}:1", device=f"d{day}", observed=0)])
    journal.commit([author.add("brazil"), author.add("alien", user="bob", tag="r0:1")])
    database = Database(database_url)
    with database.transaction(writing=True) as transaction:
        yield transaction
    database.close()


def head(transaction: Transaction) -> JournalHead:
    (row,) = transaction.connection.execute("SELECT * FROM heads WHERE user_id = 'ann'").fetchall()
    return head_of(row)


def test_a_head_that_is_counted_is_right_and_asks_for_nothing(transaction: Transaction) -> None:
    stored = head(transaction)
    assert (stored.items, stored.replicas, stored.is_counted) == (2, 3, True)
    with executed() as statements:
        assert counted(transaction, "ann", stored) is stored
    assert statements == []


def test_a_head_that_is_not_is_counted_and_stays_to_be_written(transaction: Transaction) -> None:
    stored = head(transaction)
    unknown = structs.replace(stored, items=0, replicas=0, is_counted=False)
    assert counted(transaction, "ann", unknown) == structs.replace(stored, is_counted=False)


def test_the_longest_unused_replicas_are_found_first(transaction: Transaction) -> None:
    def unused(days: int, count: int = 9, *known: str) -> list[str]:
        return unused_replicas(transaction, "ann", count, known, NOW_MS + days * DAY_MS)

    assert unused(90) == []
    assert unused(91) == ["r0"]
    assert unused(93) == ["r0", "r1", "r2"]
    assert unused(93, 2) == ["r0", "r1"]
    assert unused(93, 2, "r0") == ["r1", "r2"]
    assert unused(93, 0) == []


def test_what_is_forgotten_is_of_one_user(transaction: Transaction) -> None:
    forget_replicas(transaction, [("ann", "r0"), ("ann", "r2")])
    left = transaction.connection.execute("SELECT user_id, replica FROM contexts ORDER BY user_id").fetchall()
    assert left == [("ann", "r1"), ("bob", "r0")]


def test_unused_replicas_are_found_by_an_index(
    journal: SqlJournalStore, author: Author, database_url: str, wall_clock: WallClock
) -> None:
    journal.commit([author.add("alien", tag=f"movie-{number}") for number in range(500)])
    database = Database(database_url)
    with database.transaction(writing=True) as transaction, executed() as statements:
        unused_replicas(transaction, "ann", 2, (), wall_clock.now_ms)
    database.close()
    (plan,) = plans(database_url, statements)
    assert "contexts_by_use" in plan
    assert not any(word in plan for word in ("Sort", "TEMP B-TREE", "Seq Scan", "Bitmap"))
