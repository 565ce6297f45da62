"""What each operation becomes on either database, alone and in a batch."""

from collections.abc import Iterator

import pytest

from actors.messages.change import Change
from actors.messages.journal import Operation, Outcome, Status, Update
from crdt.hlc import HLCTimestamp
from storage.databases.database import Database, Transaction
from storage.databases.statements import standard_sql
from storage.journal.answers import AnswerKeeping
from storage.journal.commit import commit as commit_batch
from storage.journal.commit import compile_ahead
from storage.journal.history import DEFAULT_HISTORY, PRUNE_EVERY, HistoryLimits
from storage.journal.journal_store import SqlJournalStore
from storage.rules.bounds import DEFAULT_BOUNDS
from storage.schema.rows import DAY_MS
from tests.migrated import migrate
from tests.storage.author import NOW_MS, Author
from tests.storage.conftest import OpenJournal
from tests.storage.reading import shown, updates
from tests.whole_list import whole_list


@pytest.fixture
def database(sqlite_url: str) -> Iterator[Database]:
    migrate(sqlite_url)
    database = Database(sqlite_url)
    yield database
    database.close()


def commit(journal: SqlJournalStore, *operations: Operation) -> list[Outcome]:
    """Commit one after the other, each in its own transaction."""
    return [journal.commit([operation])[0] for operation in operations]


def listed(journal: SqlJournalStore, user: str = "ann") -> list[str]:
    return [item.content_id for item in whole_list(journal, user).items]


def test_an_add_is_recorded_with_the_first_revision_and_a_minted_tag(journal: SqlJournalStore, author: Author) -> None:
    add = author.add("alien", operation_id="op-1")
    (outcome,) = journal.commit([add])
    assert outcome == Outcome(
        status=Status.ADDED,
        is_new=True,
        update=Update(
            line="ann",
            revision=1,
            change=Change("add", add.change.content_id, "op-1"),
            tags=("syncd:1",),
            timestamp=add.timestamp,
            device_id="tv",
        ),
    )
    assert updates(journal) == shown([outcome])
    assert listed(journal) == [add.content_id]


def test_revisions_count_each_user_apart(journal: SqlJournalStore, author: Author) -> None:
    outcomes = journal.commit(
        [author.add("alien"), author.add("alien", user="bob"), author.add("brazil"), author.add("clue", user="bob")]
    )
    assert [(o.update.line, o.update.revision, o.update.tags) for o in outcomes if o.update] == [
        ("ann", 1, ("syncd:1",)),
        ("bob", 1, ("syncd:1",)),
        ("ann", 2, ("syncd:2",)),
        ("bob", 2, ("syncd:2",)),
    ]


def test_a_remove_takes_the_item_and_names_its_tag(journal: SqlJournalStore, author: Author) -> None:
    _, removed = commit(journal, author.add("alien"), author.remove("alien"))
    assert removed.status is Status.REMOVED
    assert removed.is_new
    assert removed.update is not None
    assert (removed.update.revision, removed.update.change.action, removed.update.tags) == (2, "remove", ("syncd:1",))
    assert listed(journal) == []


def test_a_remove_of_what_is_not_there_is_not_found_and_has_no_revision(
    journal: SqlJournalStore, author: Author
) -> None:
    assert commit(journal, author.remove("alien")) == [Outcome(status=Status.NOT_FOUND)]
    commit(journal, author.add("alien"), author.remove("alien"))
    assert commit(journal, author.remove("alien")) == [Outcome(status=Status.NOT_FOUND)]
    assert journal.heads(["ann"])[0].revision == 2


def test_an_add_of_what_is_there_is_an_update_of_its_own_that_supersedes_the_first(
    journal: SqlJournalStore, author: Author
) -> None:
    _, again, removed = commit(
        journal, author.add("alien"), author.add("alien", device="phone"), author.remove("alien")
    )
    assert again.status is Status.EXISTING
    assert again.is_new
    assert again.update is not None
    assert (again.update.revision, again.update.tags) == (2, ("syncd:2",))
    assert removed.update is not None
    assert removed.update.tags == ("syncd:2",)


def test_a_tag_is_never_minted_twice_even_when_everything_was_removed(journal: SqlJournalStore, author: Author) -> None:
    outcomes = commit(journal, author.add("alien"), author.remove("alien"), author.add("alien"))
    assert [o.update.tags for o in outcomes if o.update] == [("syncd:1",), ("syncd:1",), ("syncd:2",)]


def test_a_batch_builds_on_itself(journal: SqlJournalStore, author: Author) -> None:
    outcomes = journal.commit(
        [author.add("alien"), author.remove("alien"), author.remove("alien"), author.add("alien"), author.add("alien")]
    )
    assert [o.status for o in outcomes] == [
        Status.ADDED,
        Status.REMOVED,
        Status.NOT_FOUND,
        Status.ADDED,
        Status.EXISTING,
    ]
    assert [u.revision for u in updates(journal)] == [1, 2, 3, 4]
    assert [item.tag for item in whole_list(journal).items] == ["syncd:3"]


# Repetitions


@pytest.mark.parametrize("together", [True, False])
def test_a_repeated_operation_id_gets_the_first_answer(
    journal: SqlJournalStore, author: Author, together: bool
) -> None:
    add, remove = author.add("alien", operation_id="a"), author.remove("alien", operation_id="r")
    operations = [add, remove, author.add("alien", operation_id="a"), author.remove("alien", operation_id="r")]
    first, removed, add_again, remove_again = journal.commit(operations) if together else commit(journal, *operations)
    assert add_again == Outcome(status=Status.ADDED, update=first.update)
    assert remove_again == Outcome(status=Status.REMOVED, update=removed.update)
    assert len(updates(journal)) == 2


def test_an_operation_id_belongs_to_one_user(journal: SqlJournalStore, author: Author) -> None:
    outcomes = commit(journal, author.add("alien", operation_id="a"), author.add("alien", operation_id="a", user="bob"))
    assert [o.is_new for o in outcomes] == [True, True]


def test_an_operation_id_used_for_something_else_is_refused_and_the_others_go_on(
    journal: SqlJournalStore, author: Author
) -> None:
    outcomes = journal.commit(
        [
            author.add("alien", operation_id="a"),
            author.add("brazil", operation_id="a"),
            author.remove("alien", operation_id="a"),
            author.add("clue"),
        ]
    )
    assert [o.status for o in outcomes] == [Status.ADDED, Status.REFUSED, Status.REFUSED, Status.ADDED]
    assert outcomes[1].reason == f"operation_id 'a' was used before, to add {author.content('alien')}"
    assert outcomes[1].retry_after_s is None
    assert [u.revision for u in updates(journal)] == [1, 2]


@pytest.mark.parametrize("together", [True, False])
@pytest.mark.parametrize("tag", ["phone:1", "movie-123", "phone:7"])
def test_a_repeated_tag_gets_the_first_answer(
    journal: SqlJournalStore, author: Author, tag: str, together: bool
) -> None:
    operations = [author.add("alien", tag=tag), author.add("brazil"), author.add("alien", tag=tag)]
    first, _, again = journal.commit(operations) if together else commit(journal, *operations)
    assert first.update is not None
    assert first.update.tags == (tag,)
    assert again == Outcome(status=Status.ADDED, update=first.update)
    assert len(updates(journal)) == 2


@pytest.mark.parametrize("together", [True, False])
def test_a_repeated_tag_that_was_removed_stays_removed(
    journal: SqlJournalStore, author: Author, together: bool
) -> None:
    operations = [author.add("alien", tag="phone:1"), author.remove("alien"), author.add("alien", tag="phone:1")]
    first, _, again = journal.commit(operations) if together else commit(journal, *operations)
    assert again == Outcome(status=Status.ADDED, update=first.update)
    assert listed(journal) == []


@pytest.mark.parametrize("removed_before", [True, False])
def test_a_tag_of_another_content_is_refused(journal: SqlJournalStore, author: Author, removed_before: bool) -> None:
    commit(journal, author.add("alien", tag="phone:1"))
    if removed_before:
        commit(journal, author.remove("alien"))
    (outcome,) = commit(journal, author.add("brazil", tag="phone:1"))
    assert outcome == Outcome(status=Status.REFUSED, reason="tag 'phone:1' is the add of another content")


@pytest.mark.parametrize("together", [True, False])
def test_who_else_writes_in_a_transaction_does_not_matter_to_a_tag_of_which_the_history_knows_nothing(
    open_journal: OpenJournal, database_url: str, author: Author, together: bool
) -> None:
    journal = open_journal(database_url, HistoryLimits(max_operations=1))
    first = author.add("alien", operation_id="first", tag="phone:1")
    commit(journal, first, *(author.add(f"content {number}") for number in range(PRUNE_EVERY)))
    operations = [first, author.add("brazil", operation_id="second", tag="phone:1")]
    outcomes = journal.commit(operations) if together else commit(journal, *operations)
    assert [outcome.status for outcome in outcomes] == [Status.ADDED, Status.REMOVED]


def test_an_author_may_not_mint_in_the_journals_name(journal: SqlJournalStore, author: Author) -> None:
    commit(journal, author.add("alien"))
    outcomes = commit(
        journal,
        author.add("brazil", tag="syncd:9"),
        author.add("brazil", tag="syncd"),
        author.remove("alien", tags=("syncd:1", "syncd:2")),
        author.add("alien", tag="syncd:1"),
    )
    assert [o.status for o in outcomes] == [Status.REFUSED, Status.REFUSED, Status.REFUSED, Status.ADDED]
    assert outcomes[0].reason == "tag 'syncd:9' is not known here, and only the journal names tags 'syncd'"
    assert not outcomes[3].is_new
    assert listed(journal) == [author.content("alien")]


def test_an_empty_tag_is_refused(journal: SqlJournalStore, author: Author) -> None:
    outcomes = journal.commit([author.add("alien", tag=""), author.remove("alien", tags=("",)), author.add("alien")])
    assert [o.status for o in outcomes] == [Status.REFUSED, Status.REFUSED, Status.ADDED]
    assert outcomes[0].reason == "a tag must not be empty"


# What a remove had observed


def test_an_add_that_the_remover_had_not_observed_survives(journal: SqlJournalStore, author: Author) -> None:
    _, _, removed = commit(
        journal,
        author.add("alien", device="tv"),
        author.add("alien", device="phone"),
        author.remove("alien", device="web", observed=1),
    )
    assert removed == Outcome(status=Status.EXISTING)
    assert listed(journal) == [author.content("alien")]
    assert journal.heads(["ann"])[0].revision == 2


def test_an_add_that_the_remover_had_observed_is_taken(journal: SqlJournalStore, author: Author) -> None:
    _, removed = commit(journal, author.add("alien", device="tv"), author.remove("alien", device="web", observed=1))
    assert removed.status is Status.REMOVED


def test_a_remove_takes_its_own_devices_earlier_adds_observed_or_not(journal: SqlJournalStore, author: Author) -> None:
    add = author.add("alien", device="phone")
    at_once, later = commit(
        journal,
        add,
        author.remove("alien", device="phone", observed=0, timestamp=add.timestamp),
        author.remove("alien", device="phone", observed=0),
    )[1:]
    assert at_once.status is Status.EXISTING
    assert later.status is Status.REMOVED


def test_concurrent_adds_live_side_by_side_until_a_remove_that_observed_both_names_them_newest_first(
    journal: SqlJournalStore, author: Author
) -> None:
    yesterday = HLCTimestamp(1_600_000_000_000, 0, "node-1")
    commit(
        journal,
        author.add("alien", device="tv"),
        author.add("alien", device="phone", observed=0, timestamp=yesterday),
        author.add("alien", device="web", observed=0),
    )
    (item,) = whole_list(journal).items
    assert (item.tag, item.device_id, item.added_revision) == ("syncd:3", "web", 3)
    partial, removed = commit(
        journal, author.remove("alien", device="web", observed=0), author.remove("alien", device="car", observed=3)
    )
    assert partial == Outcome(status=Status.EXISTING)
    assert removed.status is Status.REMOVED
    assert removed.update is not None
    assert removed.update.tags == ("syncd:1", "syncd:2")
    assert removed.update.revision == 4


def test_a_partial_remove_stays_done_when_its_tags_are_added_again(journal: SqlJournalStore, author: Author) -> None:
    commit(
        journal,
        author.add("alien", tag="phone:1"),
        author.add("alien", tag="web:1", observed=0, device="web"),
        author.remove("alien", device="car", tags=("phone:1",)),
    )
    commit(journal, author.add("alien", tag="phone:1"))
    assert [item.tag for item in whole_list(journal).items] == ["web:1"]
    (removed,) = commit(journal, author.remove("alien"))
    assert removed.update is not None
    assert removed.update.tags == ("web:1",)


def test_a_remove_that_names_tags_takes_exactly_those(journal: SqlJournalStore, author: Author) -> None:
    commit(journal, author.add("alien", tag="phone:1"), author.add("brazil", tag="phone:2"))
    other, named = commit(
        journal, author.remove("alien", tags=("phone:2",)), author.remove("alien", tags=("phone:1", "phone:9"))
    )
    assert other == Outcome(status=Status.EXISTING)
    assert named.update is not None
    assert named.update.tags == ("phone:1",)
    assert listed(journal) == [author.content("brazil")]


@pytest.mark.parametrize("tag", ["phone:1", "phone:5", "movie-123"])
def test_a_tag_removed_before_it_came_is_remembered_without_a_revision(
    journal: SqlJournalStore, author: Author, tag: str
) -> None:
    early, late = commit(journal, author.remove("alien", tags=(tag,)), author.add("alien", tag=tag))
    assert early == Outcome(status=Status.NOT_FOUND)
    assert late == Outcome(status=Status.REMOVED)
    assert updates(journal) == []
    assert listed(journal) == []


def test_a_repeated_tag_whose_record_is_gone_says_what_the_list_shows(journal: SqlJournalStore, author: Author) -> None:
    commit(journal, author.remove("alien", tags=("movie-123",)), author.add("alien"))
    assert commit(journal, author.add("alien", tag="movie-123")) == [Outcome(status=Status.EXISTING)]


def test_every_one_of_many_opaque_tags_is_remembered(journal: SqlJournalStore, author: Author) -> None:
    journal.commit([author.add(f"film {n}", tag=f"movie-{n}") for n in range(100)])
    again = journal.commit([author.add(f"film {n}", tag=f"movie-{n}") for n in range(100)])
    assert {o.status for o in again} == {Status.ADDED}
    assert not any(o.is_new for o in again)


def test_the_head_keeps_the_greatest_timestamp(journal: SqlJournalStore, author: Author) -> None:
    late, early = HLCTimestamp(2_000, 7, "b"), HLCTimestamp(1_000, 0, "a")
    journal.commit([author.add("alien", timestamp=late), author.add("brazil", timestamp=early)])
    ann, nobody = journal.heads(["ann", "nobody"])
    assert (ann.revision, ann.clock) == (2, late)
    assert (nobody.revision, nobody.clock) == (0, HLCTimestamp(0, 0, ""))
    assert journal.heads([]) == []


@pytest.mark.parametrize("size", [1, 2, 63, 64, 65, 130])
def test_batches_of_any_size_are_committed_whole(journal: SqlJournalStore, author: Author, size: int) -> None:
    adds = [author.add(f"film {n}", operation_id=f"op {n}") for n in range(size)]
    assert {o.status for o in journal.commit(adds)} == {Status.ADDED}
    removes = journal.commit([author.remove(f"film {n}") for n in range(size)])
    assert {o.status for o in removes} == {Status.REMOVED}
    assert [update.revision for update in updates(journal)] == list(range(1, 2 * size + 1))


def test_a_batch_of_nothing_is_nothing(journal: SqlJournalStore) -> None:
    assert journal.commit([]) == []


def test_names_of_any_script_and_quoting_are_kept(journal: SqlJournalStore, author: Author) -> None:
    odd = "Zoë'; DROP TABLE heads; -- \\ % :name {x} 🎬"
    add = author.add("alien", user=odd, device=odd, operation_id=odd, tag=f"{odd}:3")
    (outcome,) = journal.commit([add])
    assert updates(journal, user=odd) == shown([outcome])
    (item,) = whole_list(journal, odd).items
    assert (item.tag, item.device_id) == (f"{odd}:3", odd)


@pytest.mark.parametrize("size", [1, 3, 16])
def test_small_batches_find_their_statements_compiled(
    database: Database, author: Author, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    first = [author.add(f"content {number}", operation_id=f"add {number}", tag=f"a:{number}") for number in range(size)]
    second = [author.remove(f"content {number}", operation_id=f"remove {number}") for number in range(size)]
    dialect = standard_sql(f"only of {size}", "qmark")
    compile_ahead(dialect)
    monkeypatch.setattr(
        "storage.databases.statements._compile", lambda *_: pytest.fail("it is compiled when it is wanted")
    )
    for batch in (first, second):
        with database.transaction(writing=True) as transaction:
            small = Transaction(transaction.connection, dialect)
            outcomes = commit_batch(
                small, batch, NOW_MS, DEFAULT_HISTORY, AnswerKeeping(DAY_MS), DEFAULT_BOUNDS, create_heads=True
            )
        assert outcomes is not None
        assert all(outcome.is_new for outcome in outcomes)
