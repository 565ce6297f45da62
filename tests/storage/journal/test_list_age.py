"""A page is read by an index on age: it costs the same however long the list is."""

from collections.abc import Callable
from itertools import count
from typing import Any, Protocol

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from actors.messages.journal import Operation
from actors.messages.journal_reads import Bookmark, Item, Page
from crdt.hlc import HLCTimestamp
from storage.journal.journal_store import SqlJournalStore
from storage.rules.bounds import DEFAULT_BOUNDS, Bounds
from tests.storage.executed import executed, plans
from tests.whole_list import whole_list

NOW_MS = 1_700_000_000_000
PAGE = 50
LONG = 3_000


class Writes(Protocol):
    def add(self, name: str, **options: object) -> Operation: ...
    def remove(self, name: str, **options: object) -> Operation: ...


def fill(journal: SqlJournalStore, author: Writes, items: int, user: str) -> None:
    for start in range(0, items, 500):
        journal.commit([author.add(f"film {n}", user=user) for n in range(start, min(start + 500, items))])


def page(journal: SqlJournalStore, user: str, limit: int, after: Bookmark | None) -> Page:
    answer = journal.page(user, limit, after)
    assert isinstance(answer, Page)
    return answer


# The plan


def test_a_page_is_read_in_the_order_of_an_index(journal: SqlJournalStore, author: Writes, database_url: str) -> None:
    fill(journal, author, LONG, "ann")
    fill(journal, author, 10, "bob")
    with executed() as seen:
        first = page(journal, "ann", PAGE, None)
        page(journal, "ann", PAGE, first.after)
    queries = [(query, given) for query, given in seen if "FROM entries" in query]
    slices = plans(database_url, [query for query in queries if "ORDER BY" in query[0]])
    assert len(slices) == 2
    for plan in slices:
        assert "entries_by_age" in plan
        assert not any(word in plan for word in ("Sort", "TEMP B-TREE", "Bitmap"))
    (contents,) = plans(database_url, [query for query in queries if "ORDER BY" not in query[0]])
    assert "PRIMARY KEY" in contents or "entries_pkey" in contents
    for plan in (*slices, contents):
        assert not any(word in plan for word in ("SCAN entries", "Seq Scan on entries"))


# The work


def work(journal: SqlJournalStore, user: str, after: Bookmark | None = None) -> int:
    """Return how many instructions SQLite executes for one page."""
    steps = 0

    def count_one() -> int:
        nonlocal steps
        steps += 1
        return 0

    def watch(connection: Any) -> None:
        connection.set_progress_handler(count_one, 1)

    with executed(watch):
        page(journal, user, PAGE, after)
    return steps


def test_a_page_is_the_same_work_in_a_long_list(
    open_journal: Callable[..., SqlJournalStore], sqlite_url: str, author: Writes
) -> None:
    journal = open_journal(sqlite_url)
    fill(journal, author, 2 * PAGE + 1, "ann")
    fill(journal, author, LONG, "bob")
    short, long = (page(journal, user, PAGE, None).after for user in ("ann", "bob"))
    assert work(journal, "bob") <= 1.05 * work(journal, "ann")
    assert work(journal, "bob", long) <= 1.05 * work(journal, "ann", short)


def test_one_content_added_again_and_again_is_no_more_work_than_as_many_rows(
    open_journal: Callable[..., SqlJournalStore], sqlite_url: str, author: Writes
) -> None:
    journal = open_journal(sqlite_url, bounds=Bounds(tags_per_item=1_000))
    newest = HLCTimestamp(NOW_MS + 1_000_000, 0, "tv")
    after = {}
    for user, tags in (("ann", 400), ("bob", 800)):
        stamps = [HLCTimestamp(NOW_MS + number, 0, "tv") for number in range(tags)]
        journal.commit([author.add("alien", user=user, observed=0, device=str(at), timestamp=at) for at in stamps])
        assert [item.timestamp for item in page(journal, user, PAGE, None).items] == [stamps[-1]]
        journal.commit([author.add(f"film {n}", user=user, timestamp=newest) for n in range(PAGE + 1)])
        after[user] = page(journal, user, PAGE, None).after
        assert len(page(journal, user, PAGE, after[user]).items) == 2
    for bookmarks in ({"ann": None, "bob": None}, after):
        assert work(journal, "bob", bookmarks["bob"]) <= 2.1 * work(journal, "ann", bookmarks["ann"])


def test_the_last_page_is_the_same_work_however_often_its_content_was_added_at_its_bound(
    open_journal: Callable[..., SqlJournalStore], sqlite_url: str, author: Writes
) -> None:
    journal = open_journal(sqlite_url)
    done = []
    for user, tags in (("ann", DEFAULT_BOUNDS.tags_per_item), ("bob", 50 * DEFAULT_BOUNDS.tags_per_item)):
        stamps = [HLCTimestamp(NOW_MS - number, 0, "tv") for number in range(tags)]
        journal.commit([author.add("alien", user=user, observed=0, device=str(at), timestamp=at) for at in stamps])
        journal.commit([author.add(f"film {n}", user=user) for n in range(PAGE)])
        after = page(journal, user, PAGE, None).after
        assert len(page(journal, user, PAGE, after).items) == 1
        done.append(work(journal, user, after))
    assert done[1] <= 1.05 * done[0]


# The result

ADDS = st.tuples(
    st.just("add"),
    st.sampled_from("abcd"),
    st.sampled_from(["tv", "phone", "web"]),
    st.none() | st.integers(0, 6),
    st.integers(0, 4),
)
REMOVES = st.tuples(st.just("remove"), st.sampled_from("abcd"), st.just("car"), st.integers(0, 20), st.just(5))
examples = count()


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(writes=st.lists(ADDS | REMOVES, min_size=4, max_size=20), limit=st.integers(1, 4))
def test_pages_show_each_content_once_as_its_newest_add_however_many_are_live(
    journal: SqlJournalStore,
    author: Writes,
    writes: list[tuple[str, str, str, int | None, int]],
    limit: int,
) -> None:
    user = f"ann {next(examples)}"  # all examples share the database
    journal.commit(
        [
            getattr(author, action)(
                name, user=user, device=device, observed=observed, timestamp=HLCTimestamp(NOW_MS + late, 0, "n")
            )
            for action, name, device, observed, late in writes
        ]
    )
    shown: list[Item] = []
    after = None
    while True:
        following = page(journal, user, limit, after)
        shown += following.items
        if (after := following.after) is None:
            break
    assert tuple(shown) == whole_list(journal, user).items
    assert len({item.content_id for item in shown}) == len(shown)
