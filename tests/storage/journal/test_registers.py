"""Registers in a database: a key's row is its value and its history, and what it was answered stays known."""

from random import Random
from typing import Any
from uuid import UUID

import msgspec
import pytest

from actors.messages.collections import PROGRESS, line_of
from actors.messages.journal import Status
from actors.messages.journal_reads import Changes, ChangesExpired, PageExpired, RegisterPage
from actors.messages.registers import RegisterChange, RegisterOperation
from actors.messages.sync import ProgressUpdate
from crdt.hlc import HLCTimestamp
from storage.databases.database import Database
from storage.journal.history import HistoryLimits
from storage.journal.journal_store import SqlJournalStore
from storage.journal.registers import LOOKED_AT_PER_WRITE
from storage.rules.bounds import Bounds
from tests.fakes.wall_clock import WallClock
from tests.storage.author import Author
from tests.storage.conftest import OpenJournal
from tests.storage.executed import executed

LINE = line_of("ann", PROGRESS)
DAY_MS = 24 * 3600 * 1000
FILMS = [f"0b0e6a4e-52a5-4a5b-9a1f-00000000000{number}" for number in range(4)]
_decode = msgspec.json.Decoder(ProgressUpdate).decode


@pytest.fixture
def journal(open_journal: OpenJournal, database_url: str) -> SqlJournalStore:
    return open_journal(database_url, history=HistoryLimits(prune_every=1), bounds=Bounds(keys_per_user=3))


def played(film: int, position: float | None, at: int, operation_id: str | None = None) -> RegisterOperation:
    """Return a word on a film, said at second ``at``; without ``position`` it is removed."""
    says = None if position is None else {"position": position, "state": "paused", "watched": None, "duration": 100}
    change = RegisterChange(key=FILMS[film], says=says, operation_id=operation_id)
    return RegisterOperation(line=LINE, device_id="tv", change=change, timestamp=HLCTimestamp(at * 1000, 0, "tv"))


def missed(journal: SqlJournalStore, revision: int = 0, limit: int = 500) -> list[ProgressUpdate]:
    """Return all that a device is shown that was last here at ``revision``, in slices of ``limit``."""
    updates: list[ProgressUpdate] = []
    while True:
        part = journal.changes(LINE, revision, limit, None)
        assert isinstance(part, Changes)
        found = list(map(_decode, part.updates))
        assert part.revisions == tuple(update.revision for update in found)
        updates += found
        revision = part.revision
        if not part.has_more:
            assert revision == part.head
            return updates


def test_who_was_away_is_shown_the_newest_of_each_key_once(journal: SqlJournalStore) -> None:
    journal.commit([played(0, 1, 1), played(1, 1, 2)])
    for second in range(3, 40):
        journal.commit([played(second % 2, second, second)])
    assert [(one.revision, one.position, str(one.content_id)) for one in missed(journal, 2)] == [
        (38, 38, FILMS[0]), (39, 39, FILMS[1]),
    ]  # fmt: skip
    assert missed(journal, 2, limit=1) == missed(journal)
    assert [one.revision for one in missed(journal, 38)] == [39]
    assert missed(journal, 39) == []
    beyond = journal.changes(LINE, 40, 500, None)
    assert beyond == ChangesExpired("epoch_changed", 39)


def test_one_key_is_read_as_it_is_now(journal: SqlJournalStore) -> None:
    assert journal.register(LINE, FILMS[0]).update is None
    journal.commit([played(0, 1, 1), played(0, 7.5, 2), played(1, 3, 3)])
    found = journal.register(LINE, FILMS[0]).update
    assert found is not None
    assert (found.revision, found.values["position"]) == (2, 7.5)
    assert journal.register(line_of("bob", PROGRESS), FILMS[0]).update is None, "it is ann's"
    journal.commit([played(0, None, 4)])
    assert journal.register(LINE, FILMS[0]).update is None


def test_words_of_any_order_and_batches_lead_to_the_same(open_journal: OpenJournal, database_url: str) -> None:
    journal = open_journal(database_url)
    random = Random(7)
    words = [played(random.randrange(4), random.choice([None, 5, 50]), random.randrange(30)) for _ in range(60)]
    ends: list[list[ProgressUpdate]] = []
    for user in "abc":
        random.shuffle(words)
        line = line_of(user, PROGRESS)
        own = [msgspec.structs.replace(word, line=line) for word in words]
        while own:
            size = random.randint(1, 9)
            journal.commit(own[:size])
            own = own[size:]
        answer = journal.changes(line, 0, 500, None)
        assert isinstance(answer, Changes)
        assert len(answer.updates) <= len(FILMS)
        shown = [msgspec.structs.replace(_decode(one), revision=None) for one in answer.updates]
        ends.append(sorted(shown, key=lambda one: one.content_id))
    assert ends[0] == ends[1] == ends[2]


def test_progress_has_revisions_of_its_own_beside_the_watchlist_and_other_users(journal: SqlJournalStore) -> None:
    author = Author()
    outcomes = journal.commit([author.add("film"), played(0, 1, 1), author.add("other", user="bob"), played(0, 2, 2)])
    assert [(one.status, one.revision) for one in outcomes] == [
        (Status.ADDED, 1), (Status.UPDATED, 1), (Status.ADDED, 1), (Status.UPDATED, 2),
    ]  # fmt: skip
    watchlist, progress = journal.heads(["ann", LINE])
    assert (watchlist.revision, progress.revision, progress.clock.physical) == (1, 2, 2000)


def test_the_answer_to_an_operation_id_is_known_when_its_operation_was_replaced(
    journal: SqlJournalStore, wall_clock: WallClock
) -> None:
    first, _, none = journal.commit([played(0, 1, 1, "a"), played(0, 2, 2), played(1, None, 3, "b")])
    wall_clock.now_ms += 29 * DAY_MS
    repeated = journal.commit([played(0, 9, 9, "a"), played(1, None, 9, "b"), played(1, 1, 9, "b")])
    assert [(one.status, one.is_new) for one in repeated] == [
        (Status.UPDATED, False), (Status.NOT_FOUND, False), (Status.REFUSED, False),
    ]  # fmt: skip
    assert [one.register for one in repeated] == [first.register, none.register, None]


def test_what_was_removed_is_forgotten_after_a_month(journal: SqlJournalStore, wall_clock: WallClock) -> None:
    journal.commit([played(0, 1, 1), played(1, 1, 2), played(0, None, 3)])
    assert [(one.action, one.revision) for one in missed(journal)] == [("update", 2), ("remove", 3)]
    wall_clock.now_ms += 31 * DAY_MS
    journal.commit([played(1, 2, 4)])
    assert journal.changes(LINE, 2, 500, None) == ChangesExpired("history_pruned", 4)
    assert [one.revision for one in missed(journal, 3)] == [4]


def test_nothing_is_forgotten_but_what_was_removed_long_ago(
    journal: SqlJournalStore, wall_clock: WallClock, database_url: str
) -> None:
    removed = [played(0, 1, 2), played(0, None, 3)]
    journal.commit([played(2, 1, 1), *removed])
    wall_clock.now_ms += 31 * DAY_MS
    bob = line_of("bob", PROGRESS)
    journal.commit([msgspec.structs.replace(word, line=bob) for word in removed])
    journal.commit([played(1, None, 4)])
    database = Database(database_url)
    with database.transaction(writing=False) as transaction:
        rows = transaction.connection.execute("SELECT user_id, key, state IS NULL FROM registers").fetchall()
        counted = transaction.connection.execute("SELECT user_id, replicas, first_revision FROM heads").fetchall()
    database.close()
    assert set(rows) == {(LINE, FILMS[2], False), (LINE, FILMS[1], True), (bob, FILMS[0], True)}
    assert {(LINE, 1, 4), (bob, 1, 1)} <= set(counted)


def test_as_many_removed_keys_are_remembered_as_may_have_a_value(journal: SqlJournalStore) -> None:
    for film in range(4):
        journal.commit([played(film, 1, film + 1)])
        journal.commit([played(film, None, film + 2)])
    assert [one.revision for one in missed(journal, 2)] == [4, 6, 8]
    assert journal.changes(LINE, 1, 500, None) == ChangesExpired("history_pruned", 8)
    assert (
        journal.commit([played(0, 1, 9), played(1, 1, 9), played(2, 1, 9), played(3, 1, 9)])[3].quota == "keys_per_user"
    )


@pytest.mark.parametrize("are_removed_meanwhile", [True, False])
def test_the_more_removed_keys_are_remembered_the_less_often_they_are_looked_through(
    open_journal: OpenJournal, database_url: str, are_removed_meanwhile: bool
) -> None:
    journal = open_journal(database_url, history=HistoryLimits(prune_every=1))
    removal, many, looked_at = played(0, None, 1), 30 * LOOKED_AT_PER_WRITE, 0
    changes = [msgspec.structs.replace(removal.change, key=str(UUID(int=number))) for number in range(many)]
    removals = [msgspec.structs.replace(removal, change=change) for change in changes]
    if not are_removed_meanwhile:
        journal.commit(removals)
    for at in range(many):
        with executed() as statements:
            journal.commit(removals[at : at + 1] if are_removed_meanwhile else [played(0, at, many + at)])
        looks = [text for text, _ in statements if "state IS NULL" in text and text.startswith("SELECT")]
        looked_at += len(looks) * (at + 1 if are_removed_meanwhile else many)
    assert many < looked_at <= LOOKED_AT_PER_WRITE * many


def listed(journal: SqlJournalStore, **asked: Any) -> RegisterPage:
    page = journal.page(LINE, asked.get("limit", 10), asked.get("after"), asked.get("state"))
    assert isinstance(page, RegisterPage)
    return page


def films_of(page: RegisterPage) -> list[int]:
    return [FILMS.index(item.key) for item in page.items]


def test_what_was_played_is_listed_newest_play_first(journal: SqlJournalStore) -> None:
    journal.commit([played(0, 5, 3), played(1, 95, 5), played(2, 5, 4), played(3, None, 9)])
    page = listed(journal)
    assert (films_of(page), page.revision, page.after) == ([1, 2, 0], 4, None)
    assert films_of(listed(journal, state="in_progress")) == [2, 0]


@pytest.mark.parametrize("limit", [1, 3])
def test_pages_follow_each_other_also_where_two_were_played_at_one_moment(
    open_journal: OpenJournal, database_url: str, limit: int
) -> None:
    journal = open_journal(database_url)
    journal.commit([played(0, 5, 3), played(1, 5, 4), played(2, 5, 4)])
    journal.commit([msgspec.structs.replace(played(3, 5, 3), line=line_of("bob", PROGRESS))])
    pages = [listed(journal, limit=limit)]
    journal.commit([played(3, 5, 2)])  # older than all, and later than the first page
    while pages[-1].after is not None and len(pages) < 9:
        pages.append(listed(journal, limit=limit, after=pages[-1].after))
    assert [film for page in pages for film in films_of(page)] == [2, 1, 0]
    assert [page.revision for page in pages] == [3] * (3 // limit)


def test_a_later_page_leaves_out_what_has_changed_which_the_changes_since_then_have(journal: SqlJournalStore) -> None:
    journal.commit([played(0, 5, 3), played(1, 5, 5), played(2, 5, 4)])
    first = listed(journal, limit=1)
    assert (films_of(first), first.after is not None) == ([1], True)
    journal.commit([played(0, 6, 6), played(1, 6, 7)])
    rest = listed(journal, after=first.after)
    assert (films_of(rest), rest.revision, rest.after) == ([2], 3, None)
    assert [FILMS.index(str(one.content_id)) for one in missed(journal, rest.revision)] == [0, 1]
    assert first.after is not None
    elsewhere = msgspec.structs.replace(first.after, epoch="other")
    assert journal.page(LINE, 1, elsewhere) == PageExpired("epoch_changed")


def test_a_page_cannot_be_continued_when_a_removal_since_then_is_forgotten(
    journal: SqlJournalStore, wall_clock: WallClock
) -> None:
    journal.commit([played(0, 5, 3), played(1, 5, 5)])
    after = listed(journal, limit=1).after
    journal.commit([played(0, None, 6)])
    wall_clock.now_ms += 31 * DAY_MS
    journal.commit([played(2, 5, 7)])
    assert journal.page(LINE, 1, after) == PageExpired("history_pruned")
