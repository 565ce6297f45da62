"""What is written into a row comes back from it, on both databases."""

from collections.abc import Iterable, Iterator

import pytest
from sqlalchemy import Table, insert, select

from actors.messages.journal import Status, Update
from crdt.causal import CausalContext, Tag
from crdt.hlc import MAX_LOGICAL, MAX_PHYSICAL, HLCTimestamp
from storage.databases.database import Database, Transaction
from storage.databases.statements import Row, Statement
from storage.rules.list_journal import JournalHead
from storage.rules.live_tags import LiveTag
from storage.schema.rows import (
    DAY_MS,
    MAX_LISTED,
    OPERATION_KINDS,
    context_of,
    context_row,
    head_of,
    head_row,
    live_of,
    live_row,
    tags_text,
    update_of,
    update_row,
)
from storage.schema.tables import contexts, entries, heads, operations
from tests.migrated import migrate
from tests.storage.author import Author

NAME = 'Zoë\'s "TV"\\ % 🎬'
STAMPS = [HLCTimestamp(0, 0, ""), HLCTimestamp(1_764_000_000_000, 3, NAME)]


@pytest.fixture
def transaction(database_url: str) -> Iterator[Transaction]:
    migrate(database_url)
    database = Database(database_url)
    with database.transaction(writing=True) as transaction:
        yield transaction
    database.close()


def as_read(transaction: Transaction, table: Table, row: Row) -> Row:
    """Return what ``row`` is when it is read again."""
    transaction.execute(Statement(insert(table)), row)
    (read,) = transaction.execute(Statement(select(table))).fetchall()
    return read


@pytest.mark.parametrize("stamp", STAMPS)
@pytest.mark.parametrize(("action", "tags"), [("add", ("tv:1",)), ("remove", ("movie-123", NAME))])
def test_a_record_comes_back(
    transaction: Transaction, author: Author, action: str, tags: tuple[str, ...], stamp: HLCTimestamp
) -> None:
    written = author.add("alien", operation_id=NAME) if action == "add" else author.remove("alien")
    update = Update(line="ann", revision=7, change=written.change, tags=tags, timestamp=stamp, device_id=NAME)
    row = as_read(transaction, operations, update_row(update, Status.EXISTING, 1_700_000_000_000))
    assert update_of(row) == update
    named = dict(zip(operations.c.keys(), row, strict=True))
    assert (named["recorded_ms"], named["status"]) == (1_700_000_000_000, "existing")
    assert named["kind"] == OPERATION_KINDS[update.change.action] == f"watchlist.{action}"


@pytest.mark.parametrize("stamp", STAMPS)
@pytest.mark.parametrize("tag", [Tag("tv", 1), Tag(NAME, 0)])
def test_a_live_tag_comes_back(transaction: Transaction, author: Author, tag: Tag, stamp: HLCTimestamp) -> None:
    live = LiveTag(author.content("alien"), tag, 7, stamp, NAME)
    assert live_of(as_read(transaction, entries, live_row("ann", live))) == live


def test_a_head_comes_back(transaction: Transaction) -> None:
    head = JournalHead(revision=9, first_revision=4, minted=2, clock=STAMPS[1], items=2, replicas=1)
    assert head_of(as_read(transaction, heads, (*head_row("ann", head), 0))) == head


@pytest.mark.parametrize("tags", [(), (Tag("tv", 1), Tag("tv", 3)), (Tag(NAME, 0),)])
def test_a_context_comes_back(transaction: Transaction, tags: tuple[Tag, ...]) -> None:
    context = CausalContext().with_tags(*tags)
    assert context_of(as_read(transaction, contexts, context_row("ann", "tv", context, 0))) == context


@pytest.mark.parametrize(
    ("counters", "text"),
    [
        (range(1, 200), '{"vector":{"tv":199},"cloud":[]}'),
        ((1, 3), '{"vector":{"tv":1},"cloud":["tv:3"]}'),
        ((0, 1), '{"vector":{"tv":1},"cloud":["tv"]}'),
        ((0,), '{"vector":{},"cloud":["tv"]}'),
        (range(2, 3 + MAX_LISTED), f"[2,{3 + MAX_LISTED}]"),
        ((1, *range(3, 4 + MAX_LISTED)), f"[1,2,3,{4 + MAX_LISTED}]"),
    ],
)
def test_a_context_is_as_the_release_before_has_it_unless_much_waits_behind_gaps(
    transaction: Transaction, counters: Iterable[int], text: str
) -> None:
    context = CausalContext().with_tags(*(Tag("tv", counter) for counter in counters))
    row = context_row("ann", "tv", context, 3 * DAY_MS + 1)
    assert (row[2], row[3]) == (text, 3)
    assert context_of(as_read(transaction, contexts, row)) == context


def test_equal_tags_have_equal_text_and_others_another() -> None:
    assert tags_text(("tv:1", "tv:2")) == tags_text(("tv:1", "tv:2")) == '["tv:1","tv:2"]'
    assert len({tags_text(tags) for tags in ((), ("a,b",), ("a", "b"), ('a","b',))}) == 4


def test_the_greatest_stamp_of_the_next_centuries_fits_into_a_column(transaction: Transaction) -> None:
    greatest = HLCTimestamp(min(MAX_PHYSICAL, (1 << 47) - 1), MAX_LOGICAL, "n")
    live = LiveTag("c", Tag("tv", 1), 1, greatest, "tv")
    assert live_of(as_read(transaction, entries, live_row("ann", live))).timestamp == greatest
