"""What is written into a row comes back from it, on both databases."""

from collections.abc import Iterator

import pytest
from msgspec import structs
from sqlalchemy import Connection, insert, select

from actors.messages.journal import Status, Update
from crdt.causal import CausalContext, Tag
from crdt.hlc import MAX_LOGICAL, MAX_PHYSICAL, HLCTimestamp
from storage.database import Database
from storage.rows import (
    KINDS,
    context_of,
    context_text,
    head_of,
    live_of,
    live_params,
    tags_text,
    update_of,
    update_params,
)
from storage.schema import migrate
from storage.tables import contexts, entries, heads, operations
from storage.user_journal import JournalHead, LiveTag
from tests.storage.author import Author

NAME = 'Zoë\'s "TV"\\ % 🎬'
STAMPS = [HLCTimestamp(0, 0, ""), HLCTimestamp(1_764_000_000_000, 3, NAME)]


@pytest.fixture
def connection(database_url: str) -> Iterator[Connection]:
    migrate(database_url)
    database = Database(database_url)
    with database.transaction(writing=True) as connection:
        yield connection
    database.close()


@pytest.mark.parametrize("stamp", STAMPS)
@pytest.mark.parametrize(("action", "tags"), [("add", ("tv:1",)), ("remove", ("movie-123", NAME))])
def test_a_record_comes_back(
    connection: Connection, author: Author, action: str, tags: tuple[str, ...], stamp: HLCTimestamp
) -> None:
    written = author.add("alien", operation_id=NAME) if action == "add" else author.remove("alien")
    update = Update(user_id="ann", revision=7, change=written.change, tags=tags, timestamp=stamp, device_id=NAME)
    connection.execute(insert(operations), update_params(update, Status.EXISTING, 1_700_000_000_000))
    row = connection.execute(select(operations)).one()
    assert update_of(row) == update
    assert (row.recorded_ms, row.status) == (1_700_000_000_000, "existing")
    assert row.kind == KINDS[update.change.action] == f"watchlist.{action}"


@pytest.mark.parametrize("stamp", STAMPS)
@pytest.mark.parametrize("tag", [Tag("tv", 1), Tag(NAME, 0)])
def test_a_live_tag_comes_back(connection: Connection, author: Author, tag: Tag, stamp: HLCTimestamp) -> None:
    live = LiveTag(author.content("alien"), tag, 7, stamp, NAME)
    connection.execute(insert(entries), live_params("ann", live))
    assert live_of(connection.execute(select(entries)).one()) == live


def test_a_head_comes_back(connection: Connection) -> None:
    head = JournalHead(revision=9, first_revision=4, minted=2, clock=STAMPS[1])
    row = structs.asdict(head) | {"user_id": "ann", "clock": head.clock.pack(), "clock_node": head.clock.node}
    connection.execute(insert(heads), row)
    assert head_of(connection.execute(select(heads)).one()) == head


@pytest.mark.parametrize("tags", [(), (Tag("tv", 1), Tag("tv", 3)), (Tag(NAME, 0),)])
def test_a_context_comes_back(connection: Connection, tags: tuple[Tag, ...]) -> None:
    context = CausalContext().with_tags(*tags)
    row = {"user_id": "ann", "replica": "tv", "context": context_text(context)}
    connection.execute(insert(contexts), row)
    assert context_of(connection.execute(select(contexts)).one()) == context


def test_equal_tags_have_equal_text_and_others_another() -> None:
    assert tags_text(("tv:1", "tv:2")) == tags_text(("tv:1", "tv:2")) == '["tv:1","tv:2"]'
    assert len({tags_text(tags) for tags in ((), ("a,b",), ("a", "b"), ('a","b',))}) == 4


def test_the_greatest_stamp_of_the_next_centuries_fits_into_a_column(connection: Connection) -> None:
    greatest = HLCTimestamp(min(MAX_PHYSICAL, (1 << 47) - 1), MAX_LOGICAL, "n")
    live = LiveTag("c", Tag("tv", 1), 1, greatest, "tv")
    connection.execute(insert(entries), live_params("ann", live))
    assert live_of(connection.execute(select(entries)).one()).timestamp == greatest
