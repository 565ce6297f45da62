"""A write at a bound is at most twice the work of one without, and does not grow with the bound."""

from collections.abc import Callable
from typing import Any

import pytest

from actors.messages.journal import Operation, Outcome, Status
from storage.journal.journal_store import SqlJournalStore
from storage.journal.loading import LOOKED_THROUGH
from storage.rules.bounds import Bounds
from storage.schema.rows import DAY_MS
from tests.fakes.wall_clock import WallClock
from tests.storage.author import NOW_MS, Author
from tests.storage.conftest import OpenJournal
from tests.storage.executed import executed

MANY = 400
BOUNDS = Bounds(items_per_list=MANY, gaps_per_replica=MANY, replicas_per_user=MANY)
LATE = 100_000
"""The last counters of the replica that skips some."""

Write = Callable[[Author, int], Operation]


@pytest.fixture
def journal(open_journal: OpenJournal, sqlite_url: str, wall_clock: WallClock) -> SqlJournalStore:
    """Ann is at every bound, and so is Cid, whose replicas are old; Bob has a little of everything."""
    journal = open_journal(sqlite_url, bounds=BOUNDS)
    for user, many, days in (("cid", MANY, 0), ("bob", 4, 91), ("ann", MANY, 91)):
        wall_clock.now_ms = NOW_MS + days * DAY_MS
        author = Author(user)
        journal.commit([author.add(f"film {number}") for number in range(many - 1)])
        journal.commit([author.add("film 0", tag=f"replica {number}") for number in range(many - 1)])
        journal.commit([author.add("film 0", tag=f"phone:{2 * number}") for number in range(1, many)])
        journal.commit([author.add("crowded", tag=f"phone:{LATE + n}", observed=0, device=f"d{n}") for n in range(16)])
    return journal


def work(journal: SqlJournalStore, operation: Operation) -> tuple[int, int, Outcome]:
    """Return how many statements and instructions SQLite executes for one write, and its outcome."""
    steps = 0

    def count_one() -> int:
        nonlocal steps
        steps += 1
        return 0

    def watch(connection: Any) -> None:
        connection.set_progress_handler(count_one, 1)

    with executed(watch) as statements:
        (outcome,) = journal.commit([operation])
    return len(statements), steps, outcome


@pytest.mark.parametrize(
    ("user", "write", "quota", "more_statements"),
    [
        ("ann", lambda author, n: author.add(f"new {n}"), "items_per_list", 0),
        ("ann", lambda author, n: author.remove(f"film {n}"), None, 0),
        ("ann", lambda author, n: author.add("film 1", tag=f"phone:{LATE + 16 + n}"), None, 0),
        ("ann", lambda author, n: author.add("film 1", tag=f"phone:{2 * LATE + 2 * n}"), "gaps_per_replica", 0),
        ("ann", lambda author, n: author.add("film 1", tag=f"new {n}"), "replicas_per_user", 1),
        ("cid", lambda author, n: author.add("film 1", tag=f"new {n}"), None, 2),
    ],
)
def test_a_write_at_a_bound_is_at_most_twice_the_work(
    journal: SqlJournalStore, user: str, write: Write, quota: str | None, more_statements: int
) -> None:
    usual, at_the_bound = Author("bob"), Author(user)
    journal.commit([write(usual, 0), write(at_the_bound, 0)])
    usual_statements, usual_steps, _ = work(journal, write(usual, 1))
    statements, steps, outcome = work(journal, write(at_the_bound, 1))
    assert outcome.quota == quota
    assert statements <= usual_statements + more_statements
    assert steps <= 2 * usual_steps


def test_one_tag_more_is_at_most_twice_the_work(journal: SqlJournalStore) -> None:
    ann = Author("ann")
    usual_statements, usual_steps, _ = work(journal, ann.add("film 1"))
    statements, steps, outcome = work(journal, ann.add("crowded", observed=0, device="one more"))
    assert outcome.quota == "tags_per_item"
    assert statements == usual_statements
    assert steps <= 2 * usual_steps


def test_a_tag_that_comes_again_is_the_same_work_however_long_history_and_list_are(
    open_journal: OpenJournal, sqlite_url: str
) -> None:
    journal = open_journal(sqlite_url)
    done = []
    for user, many in (("bob", LOOKED_THROUGH), ("ann", 3 * LOOKED_THROUGH)):
        author = Author(user)
        removed, live = author.add("alien", tag="tv:1"), author.add("brazil", tag="tv:2")
        journal.commit([removed, live, author.remove("alien")])
        journal.commit([author.add(f"film {number}") for number in range(many)])
        done.append([work(journal, again) for again in (removed, live)])
    (_, usual_removed, _), (_, usual_live, _) = done[0]
    (_, steps_removed, of_removed), (_, steps_live, of_live) = done[1]
    assert (of_removed.status, of_live.status, of_live.revision) == (Status.REMOVED, Status.ADDED, 2)
    assert not of_removed.is_new
    assert not of_live.is_new
    assert steps_removed <= 1.05 * usual_removed
    assert steps_live <= 1.05 * usual_live
