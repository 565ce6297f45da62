"""Pages of one listing show one revision, whatever is written between them."""

from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from actors.messages.journal import Operation
from actors.messages.journal_reads import Item, Page, PageExpired
from crdt.hlc import HLCTimestamp
from storage.journal.history import HistoryLimits
from storage.journal.journal_store import SqlJournalStore
from storage.journal.listing import MAX_LOOKED_THROUGH
from tests.storage.author import Author
from tests.storage.conftest import OpenJournal
from tests.whole_list import whole_list

SHORT = HistoryLimits(max_operations=20)


def first_page(journal: SqlJournalStore, limit: int) -> Page:
    page = journal.page("ann", limit, None)
    assert isinstance(page, Page)
    return page


def pages_after(journal: SqlJournalStore, page: Page, limit: int) -> Iterator[Page]:
    """The rest of the listing; an expired one ends the test."""
    while page.after is not None:
        following = journal.page("ann", limit, page.after)
        assert isinstance(following, Page), following
        page = following
        yield page


def listing(journal: SqlJournalStore, limit: int, between: list[Operation] | None = None) -> tuple[list[Item], int]:
    """Every item of a listing, and its revision; the operations of ``between`` are committed after the first page."""
    page = first_page(journal, limit)
    if between:
        journal.commit(between)
    pages = [page, *pages_after(journal, page, limit)]
    assert {(page.epoch, page.revision) for page in pages} == {(pages[0].epoch, pages[0].revision)}
    assert all(len(page.items) == limit for page in pages[:-1])
    return [item for page in pages for item in page.items], page.revision


@pytest.mark.parametrize("limit", [1, 3, 7, 8, 100])
def test_the_pages_of_an_unchanged_list_are_its_snapshot(journal: SqlJournalStore, author: Author, limit: int) -> None:
    journal.commit([author.add(f"film {number}") for number in range(7)])
    snapshot = whole_list(journal)
    assert listing(journal, limit) == (list(snapshot.items), 7)


def test_a_user_who_never_wrote_has_one_empty_page(journal: SqlJournalStore) -> None:
    page = first_page(journal, 10)
    assert (page.revision, page.items, page.after) == (0, (), None)


def test_what_is_added_removed_and_added_again_meanwhile_does_not_show_in_later_pages(
    journal: SqlJournalStore, author: Author
) -> None:
    journal.commit([author.add(name, device=f"of {name}") for name in "abcdefgh"])
    snapshot = whole_list(journal)
    between = [
        author.add("new"),
        author.remove("a"),  # not shown yet
        author.remove("h"),  # shown already
        author.remove("c"),
        author.add("c", device="other"),  # back, as another item
        author.add("d", device="other"),  # newer than it was
        author.remove("new"),
    ]
    assert listing(journal, 3, between) == (list(snapshot.items), 8)


def test_an_add_that_comes_late_with_an_old_stamp_does_not_show_in_later_pages(
    journal: SqlJournalStore, author: Author
) -> None:
    journal.commit([author.add(name) for name in "abcd"])
    snapshot = whole_list(journal)
    late = author.add("late", device="offline", timestamp=HLCTimestamp(1, 0, "offline"))
    assert listing(journal, 2, [late]) == (list(snapshot.items), 4)


def test_which_of_two_adds_showed_is_not_guessed(journal: SqlJournalStore, author: Author) -> None:
    twice = [author.add("a", device="tv"), author.add("a", device="phone", observed=0)]
    journal.commit([*twice, author.add("b")])
    bookmark = first_page(journal, 1).after
    journal.commit([author.add("a", device="tablet")])  # it took the tags of both
    assert journal.page("ann", 1, bookmark) == PageExpired("history_pruned")


def test_what_was_changed_again_and_again_shows_as_it_was(short_history: SqlJournalStore, author: Author) -> None:
    short_history.commit([author.add(name) for name in "abcdef"])
    changed = [author.add(name, device=f"{name} {turn}") for turn in range(20) for name in "abcdef"]
    short_history.commit(changed)  # the first adds are pruned
    snapshot = whole_list(short_history)
    assert listing(short_history, 2, [author.add("a"), author.add("e"), author.remove("b")]) == (
        list(snapshot.items),
        126,
    )


def test_pages_of_two_listings_at_two_revisions_do_not_mix(journal: SqlJournalStore, author: Author) -> None:
    journal.commit([author.add(name) for name in "abcd"])
    older, old = whole_list(journal), first_page(journal, 2)
    journal.commit([author.remove("a"), author.add("e")])
    newer, new = whole_list(journal), first_page(journal, 2)
    assert [*new.items, *(item for page in pages_after(journal, new, 2) for item in page.items)] == list(newer.items)
    assert [*old.items, *(item for page in pages_after(journal, old, 2) for item in page.items)] == list(older.items)


def test_an_item_with_several_live_tags_is_shown_once_as_its_newest(journal: SqlJournalStore, author: Author) -> None:
    journal.commit([author.add("a", device="tv"), author.add("b"), author.add("a", device="phone", observed=0)])
    items, _ = listing(journal, 1)
    assert [(item.content_id, item.device_id) for item in items] == [
        (author.content("a"), "phone"),
        (author.content("b"), "tv"),
    ]


def test_an_item_that_two_nodes_stamped_at_one_moment_is_shown_once_though_it_is_removed_meanwhile(
    journal: SqlJournalStore, author: Author
) -> None:
    journal.commit([author.add("b")])
    moment = author.add("c").timestamp
    journal.commit([author.add("a", device="tv", timestamp=replace(moment, node="z"))])
    journal.commit([author.add("a", device="phone", observed=1, timestamp=replace(moment, node="a"))])
    items, _ = listing(journal, 1, [author.remove("a")])
    assert [item.content_id for item in items] == [author.content("a"), author.content("b")]


def test_another_users_bookmark_shows_only_ones_own_list(journal: SqlJournalStore, author: Author) -> None:
    journal.commit([author.add(name) for name in "abc"])
    bookmark = first_page(journal, 1).after
    journal.commit([author.add("x", user="bob") for _ in range(3)])
    page = journal.page("bob", 10, bookmark)
    assert isinstance(page, Page)
    assert {item.content_id for item in page.items} <= {author.content("x")}


@pytest.mark.parametrize("change", [{"epoch": "another"}, {"revision": 9}])
def test_a_bookmark_of_another_database_or_of_the_future_has_expired(
    journal: SqlJournalStore, author: Author, change: dict[str, Any]
) -> None:
    journal.commit([author.add(name) for name in "abc"])
    bookmark = first_page(journal, 1).after
    assert bookmark is not None
    assert journal.page("ann", 1, replace(bookmark, **change)) == PageExpired("epoch_changed")


@pytest.fixture
def short_history(open_journal: OpenJournal, database_url: str) -> SqlJournalStore:
    return open_journal(database_url, SHORT)


def test_a_page_whose_revision_was_pruned_has_expired(short_history: SqlJournalStore, author: Author) -> None:
    short_history.commit([author.add(name) for name in "abc"])
    bookmark = first_page(short_history, 1).after
    short_history.commit([author.add(f"film {number}") for number in range(100)])
    assert short_history.page("ann", 1, bookmark) == PageExpired("history_pruned")


def test_with_a_pruned_past_a_page_is_told_as_long_as_it_is_certain(
    short_history: SqlJournalStore, author: Author
) -> None:
    short_history.commit([author.add(f"film {number}") for number in range(100)])
    snapshot = whole_list(short_history)
    late = author.remove("film 99")  # its add is kept: what it was is known
    assert listing(short_history, 30, [late]) == (list(snapshot.items), 100)
    news = [author.add("new"), author.add("newer"), author.remove("newer")]
    assert listing(short_history, 30, news) == (list(snapshot.items[1:]), 101)
    bookmark = first_page(short_history, 30).after
    short_history.commit([author.remove("film 1")])  # its add is not
    assert short_history.page("ann", 30, bookmark) == PageExpired("history_pruned")


@pytest.mark.parametrize("changed", [MAX_LOOKED_THROUGH, MAX_LOOKED_THROUGH + 1])
def test_a_listing_that_too_much_was_written_behind_has_expired(
    journal: SqlJournalStore, author: Author, changed: int
) -> None:
    journal.commit([author.add(name) for name in "abc"])
    snapshot, first = whole_list(journal), first_page(journal, 1)
    journal.commit([author.add(f"film {number}") for number in range(changed)])
    if changed > MAX_LOOKED_THROUGH:
        assert journal.page("ann", 2, first.after) == PageExpired("history_pruned")
    else:
        (rest,) = pages_after(journal, first, 2)
        assert (*first.items, *rest.items) == snapshot.items


def test_a_history_that_is_too_long_to_be_looked_through_is_not_guessed(
    journal: SqlJournalStore, author: Author
) -> None:
    journal.commit([author.add("b"), author.add("c")])
    journal.commit([write("a") for _ in range(MAX_LOOKED_THROUGH // 2) for write in (author.add, author.remove)])
    snapshot, first = whole_list(journal), first_page(journal, 1)
    journal.commit([author.add("b", device="phone")])
    (rest,) = pages_after(journal, first, 1)
    assert (*first.items, *rest.items) == snapshot.items
    journal.commit([author.add("a")])  # now what is looked through ends behind the first add of b
    assert journal.page("ann", 1, first.after) == PageExpired("history_pruned")


CONTENTS = st.sampled_from("abcdef")
Write = tuple[str, str, str, int | None]
DEVICES = st.sampled_from(["tv", "phone"])
OBSERVED = st.sampled_from([None, 0, 5])
ADDS: st.SearchStrategy[Write] = st.tuples(st.just("add"), CONTENTS, DEVICES, OBSERVED)
REMOVES: st.SearchStrategy[Write] = st.tuples(st.just("remove"), CONTENTS, DEVICES, st.none())
PARTIAL_REMOVES: st.SearchStrategy[Write] = st.tuples(st.just("remove"), CONTENTS, DEVICES, OBSERVED)
"""One that leaves a concurrent add is not in the history: an item that loses its newest tag is then shown as older."""
BEFORE = st.lists(ADDS | PARTIAL_REMOVES, max_size=12)
BETWEEN = st.lists(st.lists(ADDS | REMOVES, max_size=12), min_size=1, max_size=4)
examples = count()


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(before=BEFORE, between=BETWEEN, limit=st.integers(1, 4))
def test_any_listing_is_its_first_revision_or_says_that_it_expired(
    journal: SqlJournalStore,
    author: Author,
    before: list[Write],
    between: list[list[Write]],
    limit: int,
) -> None:
    user = f"ann {next(examples)}"  # all examples share the database

    def commit(writes: list[Write]) -> None:
        journal.commit(
            [
                getattr(author, action)(content, user=user, device=device, observed=observed)
                for action, content, device, observed in writes
            ]
        )

    commit(before)
    snapshot = whole_list(journal, user)
    shown: list[Item] = []
    page = journal.page(user, limit, None)
    for writes in (*between, [], [], [], [], [], []):
        if isinstance(page, PageExpired):  # only what was added concurrently is uncertain
            assert any(observed is not None for *_, observed in before)
            return
        assert isinstance(page, Page)
        shown += page.items
        if page.after is None:
            break
        commit(writes)
        page = journal.page(user, limit, page.after)
    assert tuple(shown) == snapshot.items


def test_an_item_whose_add_is_pruned_is_not_taken_for_one_that_was_not_there(
    open_journal: OpenJournal, database_url: str, author: Author
) -> None:
    journal = open_journal(database_url, HistoryLimits(max_operations=2, prune_every=1))
    journal.commit([author.add(name) for name in ("alien", "brazil", "clue", "dumbo")])
    first = journal.page("ann", 1, None)
    assert isinstance(first, Page)
    journal.commit([author.add("alien")])
    assert journal.page("ann", 9, first.after) == PageExpired("history_pruned")
