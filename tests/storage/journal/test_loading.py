"""What is loaded for a batch: the state of what it touches, of its users alone, and the answers that it repeats."""

from collections.abc import Callable, Iterator

import pytest

from actors.messages.journal import Operation, Status
from crdt.causal import Tag
from storage.databases.database import Database, Transaction
from storage.journal.answers import AnswerKeeping
from storage.journal.journal_store import SqlJournalStore
from storage.journal.loading import Journals, load
from storage.rules.bounds import DEFAULT_BOUNDS, Bounds
from tests.storage.author import NOW_MS, Author
from tests.storage.executed import executed


@pytest.fixture
def transaction(journal: SqlJournalStore, database_url: str, author: Author) -> Iterator[Transaction]:
    """In a journal in which Ann and Bob have written."""
    journal.commit(
        [
            author.add("alien", tag="phone:1", operation_id="a"),
            author.add("brazil"),
            author.remove("brazil"),
            author.add("brazil", tag="movie-123"),
            author.add("alien", user="bob"),
        ]
    )
    database = Database(database_url)
    with database.transaction(writing=True) as transaction:
        yield transaction
    database.close()


def loaded(transaction: Transaction, batch: list[Operation], bounds: Bounds = DEFAULT_BOUNDS) -> Journals | None:
    found = load(transaction, batch, NOW_MS, AnswerKeeping(NOW_MS), bounds, are_created=False)
    return None if found is None else found.sets


def test_a_user_without_a_head_is_noticed(transaction: Transaction, author: Author) -> None:
    assert loaded(transaction, [author.add("alien"), author.add("alien", user="cid")]) is None


def test_a_batch_finds_its_users_as_they_were_left(transaction: Transaction, author: Author) -> None:
    journals = loaded(transaction, [author.add("clue"), author.remove("alien", user="bob")])
    assert journals is not None
    assert {user_id: journal.head.revision for user_id, journal in journals.items()} == {"ann": 4, "bob": 1}
    assert {user_id: journal.minted for user_id, journal in journals.items()} == {"ann": 1, "bob": 1}


@pytest.mark.parametrize(
    ("again", "status"),
    [
        (lambda author: author.add("clue"), Status.ADDED),
        (lambda author: author.add("alien"), Status.EXISTING),
        (lambda author: author.remove("alien"), Status.REMOVED),
        (lambda author: author.remove("clue"), Status.NOT_FOUND),
        (lambda author: author.add("alien", operation_id="a"), Status.ADDED),
        (lambda author: author.add("alien", tag="phone:1"), Status.ADDED),
        (lambda author: author.add("clue", tag="phone:1"), Status.REFUSED),
        (lambda author: author.add("clue", tag="movie-123"), Status.REFUSED),
        (lambda author: author.add("clue", tag="phone:2"), Status.ADDED),
        (lambda author: author.remove("brazil", tags=("movie-123",)), Status.REMOVED),
    ],
)
def test_what_was_loaded_decides_as_the_whole_journal_would(
    transaction: Transaction, author: Author, again: Callable[[Author], Operation], status: Status
) -> None:
    operation = again(author)
    journals = loaded(transaction, [operation])
    assert journals is not None
    assert journals["ann"].apply(operation).status is status


def test_contexts_are_loaded_of_the_replicas_that_are_named(transaction: Transaction, author: Author) -> None:
    journals = loaded(transaction, [author.add("clue", tag="web:1"), author.add("clue", tag="phone:7")])
    assert journals is not None
    assert journals["ann"].has_seen(Tag("phone", 1))
    assert not journals["ann"].has_seen(Tag("movie-123", 0))


def test_however_many_operations_there_are_a_few_statements_ask_for_all(
    transaction: Transaction, author: Author
) -> None:
    batch = [author.add(f"film {n}", operation_id=f"op {n}", tag=f"web:{n + 1}") for n in range(64)]
    with executed() as of_many:
        loaded(transaction, batch)
    with executed() as of_one:
        loaded(transaction, batch[:1])
    assert len(of_many) == len(of_one) == 5


def test_unused_replicas_are_looked_for_only_where_there_is_no_room(transaction: Transaction, author: Author) -> None:
    batch = [author.add("clue", tag="phone:7"), author.add("clue", tag="web:1")]
    with executed() as with_room:
        loaded(transaction, batch, Bounds(replicas_per_user=3))
    with executed() as without:
        loaded(transaction, batch, Bounds(replicas_per_user=2))
    with executed() as of_known:
        loaded(transaction, batch[:1], Bounds(replicas_per_user=1))
    assert not any("used_day" in text for text, _ in (*with_room, *of_known) if "LIMIT" in text)
    ((_, parameters),) = [one for one in without if "LIMIT" in one[0]]
    assert parameters[-1] == 2  # one, and one more as it might be of the batch
