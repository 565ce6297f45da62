"""An operation that comes again under its ``operation_id`` is answered as at first, whatever the answer was."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import NamedTuple, Protocol

import pytest

from actors.errors import StoreUnavailable
from actors.messages.journal import Operation, Outcome, Status
from actors.messages.journal_reads import ChangesExpired
from crdt.hlc import HLCTimestamp
from storage.databases.database import Database
from storage.journal.history import DEFAULT_MIN_ANSWER_AGE_MS, PRUNE_EVERY, HistoryLimits
from storage.journal.journal_store import SqlJournalStore
from tests.storage.executed import executed
from tests.storage.repeating import assert_repeats, commit, on_the_wire, state
from tests.timeouts import TIMEOUT_S

NOW_MS = 1_700_000_000_000
SHORT = HistoryLimits(max_operations=5)
OpenJournal = Callable[..., SqlJournalStore]


class Writes(Protocol):
    def content(self, name: str) -> str: ...
    def add(self, name: str, **options: object) -> Operation: ...
    def remove(self, name: str, **options: object) -> Operation: ...


class Case(NamedTuple):
    """An operation that is answered with ``status``, and what would change the answer if it were done again."""

    before: tuple[Operation, ...]
    operation: Operation
    status: Status
    meanwhile: tuple[Operation, ...]


TOO_OLD = HLCTimestamp(NOW_MS - DEFAULT_MIN_ANSWER_AGE_MS - 1, 0, "a")
CASES: dict[str, Callable[[Writes], Case]] = {
    "a new add": lambda a: Case((), a.add("alien", operation_id="x"), Status.ADDED, (a.remove("alien"),)),
    "an add of something present": lambda a: Case(
        (a.add("alien"),), a.add("alien", operation_id="x"), Status.EXISTING, (a.remove("alien"),)
    ),
    "an add whose tag is known": lambda a: Case(
        (a.add("alien", tag="tv:1"),),
        a.add("alien", tag="tv:1", operation_id="x"),
        Status.ADDED,
        (a.remove("alien"),),
    ),
    "an add whose tag was removed before it came": lambda a: Case(
        (a.remove("alien", tags=("tv:1",)),),
        a.add("alien", tag="tv:1", operation_id="x"),
        Status.REMOVED,
        (a.add("alien"),),
    ),
    "a remove": lambda a: Case(
        (a.add("alien"),), a.remove("alien", operation_id="x"), Status.REMOVED, (a.add("alien"),)
    ),
    "a remove of two adds": lambda a: Case(
        (a.add("alien"), a.add("alien", device="phone", observed=0)),
        a.remove("alien", operation_id="x"),
        Status.REMOVED,
        (a.add("alien"),),
    ),
    "a remove of nothing": lambda a: Case((), a.remove("alien", operation_id="x"), Status.NOT_FOUND, (a.add("alien"),)),
    "a remove that a concurrent add outlives": lambda a: Case(
        (a.add("alien"), a.add("alien", device="phone", observed=0)),
        a.remove("alien", device="web", observed=1, operation_id="x"),
        Status.EXISTING,
        (a.remove("alien"),),
    ),
    "an add that is refused": lambda a: Case(
        (), a.add("alien", tag="syncd:1", operation_id="x"), Status.REFUSED, (a.add("alien"),)
    ),
    "an add that is too old": lambda a: Case(
        (), a.add("alien", timestamp=TOO_OLD, operation_id="x"), Status.REFUSED, (a.add("alien"),)
    ),
}


@pytest.fixture(params=CASES)
def case(request: pytest.FixtureRequest, author: Writes) -> Case:
    return CASES[request.param](author)


def test_a_repetition_gets_the_first_answer_and_changes_nothing(journal: SqlJournalStore, case: Case) -> None:
    commit(journal, *case.before)
    (first,) = journal.commit([case.operation])
    assert first.status is case.status
    assert_repeats(journal, case.operation, first)
    commit(journal, *case.meanwhile)
    assert_repeats(journal, case.operation, first)


def test_a_repetition_in_the_same_batch_gets_the_first_answer(journal: SqlJournalStore, case: Case) -> None:
    commit(journal, *case.before)
    first, *_, again = journal.commit([case.operation, *case.meanwhile, case.operation])
    assert first.status is case.status
    assert on_the_wire(case.operation, again) == on_the_wire(case.operation, first)
    assert not again.is_new
    assert_repeats(journal, case.operation, first)


def test_a_repetition_gets_the_first_answer_on_another_node_and_when_its_revision_is_pruned(
    open_journal: OpenJournal, database_url: str, author: Writes, case: Case
) -> None:
    here, there = open_journal(database_url, SHORT), open_journal(database_url, SHORT)
    commit(here, *case.before)
    (first,) = here.commit([case.operation])
    commit(here, *case.meanwhile)
    assert_repeats(there, case.operation, first)
    here.commit([author.add(f"film {number}") for number in range(PRUNE_EVERY)])
    assert isinstance(here.changes("ann", first.revision or 1, 1, None), ChangesExpired)
    assert_repeats(there, case.operation, first)


def test_another_change_under_the_same_id_is_refused_by_name(
    journal: SqlJournalStore, author: Writes, case: Case
) -> None:
    commit(journal, *case.before)
    did = f"{case.operation.change.action} {case.operation.content_id}"
    commit(journal, case.operation)
    before = state(journal)
    others = [author.add("brazil", operation_id="x"), author.remove("brazil", operation_id="x")]
    for _ in range(2):
        for outcome in commit(journal, *others):
            assert outcome == Outcome(status=Status.REFUSED, reason=f"operation_id 'x' was used before, to {did}")
    assert state(journal) == before


def test_what_could_not_be_written_is_no_answer(open_journal: OpenJournal, sqlite_url: str, author: Writes) -> None:
    journal, remove = open_journal(sqlite_url, lock_timeout_s=0.05), author.remove("alien", operation_id="x")
    commit(journal, author.add("brazil"))
    database = Database(sqlite_url)
    with database.transaction(writing=True), pytest.raises(StoreUnavailable):
        journal.commit([remove])
    database.close()
    commit(journal, author.add("alien"))
    assert commit(journal, remove)[0].status is Status.REMOVED


def test_nodes_that_are_told_the_same_at_once_do_it_once_and_answer_alike(
    open_journal: OpenJournal, database_url: str, author: Writes
) -> None:
    nodes, rounds = 3, 8
    together = Barrier(nodes)
    operations = [
        operation
        for number in range(rounds)
        for operation in (
            author.add(f"film {number}", operation_id=f"add {number}"),
            author.add(f"film {number}", operation_id=f"add {number} again"),
            author.remove(f"film {number + 1}", operation_id=f"remove {number}"),
            author.add("alien", tag="syncd:999", operation_id=f"refused {number}"),
        )
    ]

    def be_a_node(_: int) -> list[Outcome]:
        store = open_journal(database_url)
        together.wait(timeout=TIMEOUT_S)
        return commit(store, *operations)

    with ThreadPoolExecutor(nodes) as threads:
        answered = list(threads.map(be_a_node, range(nodes)))
    for operation, outcomes in zip(operations, zip(*answered, strict=True), strict=True):
        assert len({on_the_wire(operation, outcome) for outcome in outcomes}) == 1
        assert sum(outcome.is_new for outcome in outcomes) == (outcomes[0].update is not None)


# What is older than any answer


def test_an_unknown_id_is_refused_by_name_when_it_may_be_older_than_its_answer(
    journal: SqlJournalStore, author: Writes
) -> None:
    commit(journal, author.add("alien"))
    outcomes = commit(
        journal,
        author.add("brazil", operation_id="a", timestamp=TOO_OLD),
        author.add("brazil", operation_id="b", timestamp=TOO_OLD, observed=1),
        author.remove("alien", operation_id="c", timestamp=TOO_OLD),
    )
    for outcome in outcomes:
        assert (outcome.status, outcome.field, outcome.retry_after_s) == (Status.REFUSED, "timestamp", None)
        assert outcome.reason is not None
        assert outcome.reason.startswith("timestamp: too_old: ")
    assert journal.heads(["ann"])[0].revision == 1


def test_what_is_idempotent_by_itself_is_taken_however_old(journal: SqlJournalStore, author: Writes) -> None:
    commit(journal, author.add("alien"), author.add("clue"))
    outcomes = commit(
        journal,
        author.add("brazil", tag="tv:1", operation_id="a", timestamp=TOO_OLD),
        author.remove("alien", observed=2, operation_id="b", timestamp=TOO_OLD),
        author.remove("clue", tags=("syncd:2",), operation_id="c", timestamp=TOO_OLD),
    )
    assert [outcome.status for outcome in outcomes] == [Status.ADDED, Status.REMOVED, Status.REMOVED]


def test_who_names_no_id_asks_for_no_protection(journal: SqlJournalStore, author: Writes) -> None:
    outcomes = commit(journal, author.add("alien", timestamp=TOO_OLD), author.remove("alien", timestamp=TOO_OLD))
    assert [outcome.status for outcome in outcomes] == [Status.ADDED, Status.REMOVED]


def test_a_timestamp_just_within_the_window_is_not_too_old(journal: SqlJournalStore, author: Writes) -> None:
    young = HLCTimestamp(NOW_MS - DEFAULT_MIN_ANSWER_AGE_MS, 0, "a")
    assert commit(journal, author.add("alien", operation_id="a", timestamp=young))[0].status is Status.ADDED


# What it costs


def test_answers_cost_a_look_up_where_ids_are_named_and_an_insert_where_nothing_was_recorded(
    journal: SqlJournalStore, author: Writes
) -> None:
    commit(journal, author.add("alien"), author.remove("x", operation_id="not due any more"))
    with executed() as without_ids:
        journal.commit([author.add(f"film {n}") for n in range(20)])
    assert not [statement for statement, _ in without_ids if "answers" in statement]
    with executed() as with_ids:
        journal.commit([author.add(f"film {n + 20}", operation_id=f"a {n}") for n in range(20)])
    assert [statement.split()[0] for statement, _ in with_ids if "answers" in statement] == ["SELECT"]
    with executed() as with_nothing_to_record:
        journal.commit([author.remove("x", operation_id=f"b {n}") for n in range(20)])
    assert [statement.split()[0] for statement, _ in with_nothing_to_record if "answers" in statement] == [
        "SELECT",
        "INSERT",
    ]
