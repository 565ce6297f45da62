"""The journal's actor on a store that a test can stop, break and look into."""

import logging
from collections.abc import Callable, Iterator, Sequence
from threading import Event, Semaphore
from typing import Any

import pytest
from pykka import ActorDeadError, ActorRef
from pykka.messages import ProxyCall

from actors.errors import StatementRefused, StoreUnavailable, ValueRefused
from actors.journal.journal import MAX_BATCH, RETRY_AFTER_S, Journal
from actors.messages.change import Change
from actors.messages.journal import (
    Changes,
    Commit,
    Committed,
    HeadsLoaded,
    LoadHeads,
    Operation,
    Outcome,
    Page,
    ReadChanges,
    ReadFailed,
    ReadPage,
    ReadSince,
    Status,
)
from actors.metrics import JournalMetrics
from tests.actors.conftest import content
from tests.fakes.fake_store import CLOCK, FakeStore, Gate
from tests.timeouts import TIMEOUT_S


class Harness:
    """A running journal; ``finish`` stops it, which handles everything told before."""

    def __init__(self) -> None:
        self.store = FakeStore()
        self.metrics = JournalMetrics()
        self.answers: list[Any] = []
        self.ref: ActorRef[Journal] = Journal.start(self.store, self.metrics)

    def commit(self, name: str, reply_to: Callable[[Committed], None] | None = None) -> None:
        operation = Operation(user_id="ann", device_id=name, change=Change("add", content(1)), timestamp=CLOCK)
        self.ref.tell(Commit(operation, reply_to or self.answers.append))

    def finish(self) -> None:
        self.ref.stop(timeout=TIMEOUT_S)

    def statuses(self) -> list[Status]:
        return [outcome.status for answer in self.answers for outcome in answer.outcomes]


@pytest.fixture
def harness() -> Iterator[Harness]:
    harness = Harness()
    yield harness
    if harness.ref.is_alive():
        harness.finish()


def contents(committed: Committed) -> list[str]:
    return [commit.operation.device_id for commit in committed.commits]


def fail(error: Exception) -> Callable[[Sequence[Operation]], None]:
    def fault(operations: Sequence[Operation]) -> None:
        raise error

    return fault


# Group commit


def test_what_piled_up_while_the_store_was_busy_is_one_transaction(harness: Harness) -> None:
    gate = Gate(harness.store)
    harness.commit("first")
    gate.wait_until_entered()
    for name in "abcde":
        harness.commit(name)
    gate.open()
    harness.finish()
    assert harness.store.batches == [["first"], list("abcde")]
    assert [contents(answer) for answer in harness.answers] == harness.store.batches


def test_a_transaction_is_bounded(harness: Harness) -> None:
    gate = Gate(harness.store)
    harness.commit("first")
    gate.wait_until_entered()
    for number in range(2 * MAX_BATCH + 1):
        harness.commit(str(number))
    gate.open()
    harness.finish()
    assert list(map(len, harness.store.batches)) == [1, MAX_BATCH, MAX_BATCH, 1]


def test_everyone_is_answered_once_for_a_transaction_with_the_own_outcomes_in_order(harness: Harness) -> None:
    ann: list[Committed] = []
    bob: list[Committed] = []
    gate = Gate(harness.store)
    harness.commit("first")
    gate.wait_until_entered()
    for name, answers in (("a1", ann), ("b1", bob), ("a2", ann), ("a3", ann), ("b2", bob)):
        harness.commit(name, answers.append)
    gate.open()
    harness.finish()
    assert [contents(answer) for answer in ann] == [["a1", "a2", "a3"]]
    assert [contents(answer) for answer in bob] == [["b1", "b2"]]
    assert [outcome.reason for outcome in ann[0].outcomes] == ["a1", "a2", "a3"]


def test_nobody_is_answered_before_the_commit(harness: Harness) -> None:
    gate = Gate(harness.store)
    harness.commit("first")
    gate.wait_until_entered()
    assert harness.answers == []
    gate.open()
    harness.finish()
    assert harness.statuses() == [Status.ADDED]


def test_a_read_sees_every_write_told_before_it_and_lets_waiting_writes_go_first(harness: Harness) -> None:
    gate = Gate(harness.store)
    harness.commit("first")
    gate.wait_until_entered()
    harness.commit("a")
    harness.ref.tell(ReadPage("ann", 10, harness.answers.append))
    harness.ref.tell(LoadHeads(("ann", "bob"), harness.answers.append))
    harness.commit("b")
    harness.ref.tell(LoadHeads(("carol",), harness.answers.append))
    harness.ref.tell(ReadSince("ann", 7, harness.answers.append, epoch="other"))
    gate.open()
    harness.finish()
    heads, carol, page, changes = (answer for answer in harness.answers if not isinstance(answer, Committed))
    assert [(head.user_id, head.revision) for head in heads.heads] == [("ann", 3), ("bob", 3)]
    assert [head.user_id for head in carol.heads] == ["carol"]
    assert page.revision == 3
    assert changes == Changes(user_id="ann", epoch="other", revision=7, updates=())
    assert [type(answer).__name__ for answer in harness.answers] == [
        "Committed", "Committed", "HeadsLoaded", "HeadsLoaded", "Page", "Changes",
    ]  # fmt: skip


def test_changes_are_read_in_parts(harness: Harness) -> None:
    harness.ref.tell(ReadChanges("ann", 7, 2, harness.answers.append, epoch="e1"))
    harness.finish()
    assert harness.answers == [Changes(user_id="ann", epoch="e1", revision=9, updates=(), has_more=True)]


def test_a_flood_of_writes_does_not_keep_a_reader_waiting_for_ever(harness: Harness) -> None:
    gate = Gate(harness.store)
    harness.commit("first")
    gate.wait_until_entered()
    harness.ref.tell(ReadPage("ann", 10, harness.answers.append))
    for number in range(2 * MAX_BATCH):
        harness.commit(str(number))
    gate.open()
    harness.finish()
    kinds = [type(answer).__name__ for answer in harness.answers]
    assert kinds == ["Committed", "Committed", "Page", "Committed"]


def test_a_commit_before_a_proxy_call_does_not_wait_for_the_next_message(harness: Harness) -> None:
    gate = Gate(harness.store)
    harness.commit("first")
    gate.wait_until_entered()
    answered = Event()
    harness.commit("a", lambda committed: answered.set())
    harness.ref.tell(ProxyCall(attr_path=("__str__",), args=(), kwargs={}))
    gate.open()
    assert answered.wait(TIMEOUT_S)


def test_stopping_commits_what_was_told_and_closes_the_store(harness: Harness) -> None:
    gate = Gate(harness.store)
    harness.commit("first")
    gate.wait_until_entered()
    harness.commit("a")
    stopped = harness.ref.stop(block=False)
    gate.open()
    stopped.get(timeout=TIMEOUT_S)
    assert harness.store.batches == [["first"], ["a"]]
    assert harness.statuses() == [Status.ADDED, Status.ADDED]
    assert harness.store.closed == 1


# Failures


def test_an_unavailable_store_refuses_for_now_and_works_again_when_it_is_back(
    harness: Harness, caplog: pytest.LogCaptureFixture
) -> None:
    harness.store.fault = fail(StoreUnavailable("disk full"))
    read: list[Any] = []
    committed = Event()
    harness.commit("a")
    harness.commit("b", lambda answer: committed.set())
    assert committed.wait(TIMEOUT_S)
    harness.ref.tell(LoadHeads(("ann",), read.append))
    harness.ref.tell(ReadSince("ann", 0, read.append))
    harness.ref.tell(ReadPage("ann", 10, read.append))
    harness.ref.proxy().actor_urn.get(timeout=TIMEOUT_S)  # all the above is answered
    assert harness.answers[0].outcomes == (
        Outcome(status=Status.REFUSED, reason="the journal is unavailable", retry_after_s=RETRY_AFTER_S),
    )
    failed = ReadFailed("the journal is unavailable")
    assert read == [HeadsLoaded(None), failed, failed]
    assert harness.metrics.unavailable == "disk full"
    assert harness.metrics.transactions == 0
    assert [record.getMessage() for record in caplog.records if record.name == "actors.journal.journal"] == [
        "the journal is unavailable: disk full"
    ]
    harness.store.fault = lambda operations: None
    harness.commit("c")
    harness.finish()
    assert harness.store.batches == [["c"]]
    assert harness.metrics.unavailable is None


def test_a_poisonous_operation_is_refused_and_hurts_nobody_else(
    harness: Harness, caplog: pytest.LogCaptureFixture
) -> None:
    def choke(operations: Sequence[Operation]) -> None:
        if any(operation.device_id == "poison" for operation in operations):
            raise KeyError("a defect")

    gate = Gate(harness.store)
    harness.commit("first")
    gate.wait_until_entered()
    names = [f"{n}" for n in range(20)] + ["poison"] + [f"{n}" for n in range(20, 40)]
    for name in names:
        harness.commit(name)
    gate.open(then=choke)
    harness.finish()
    (answer,) = harness.answers[1:]
    assert contents(answer) == names
    assert [o.status for o in answer.outcomes] == [
        Status.REFUSED if name == "poison" else Status.ADDED for name in names
    ]
    assert answer.outcomes[20] == Outcome(
        status=Status.REFUSED, reason="the journal could not take this operation", retry_after_s=RETRY_AFTER_S
    )
    assert [name for batch in harness.store.batches[1:] for name in batch] == names[:20] + names[21:]
    assert harness.store.attempts < 15
    assert harness.metrics.errors == 1
    assert [r.getMessage() for r in caplog.records if r.exc_info] == ["an operation could not be committed"]


def test_an_operation_that_the_store_can_never_hold_is_refused_for_good_and_hurts_nobody_else(
    harness: Harness, caplog: pytest.LogCaptureFixture
) -> None:
    def choke(operations: Sequence[Operation]) -> None:
        if any(operation.device_id == "poison" for operation in operations):
            raise ValueRefused("too long")

    gate = Gate(harness.store)
    harness.commit("first")
    gate.wait_until_entered()
    for name in ("a", "poison", "b"):
        harness.commit(name)
    gate.open(then=choke)
    harness.finish()
    assert [(outcome.status, outcome.retry_after_s) for outcome in harness.answers[1].outcomes] == [
        (Status.ADDED, None),
        (Status.REFUSED, None),
        (Status.ADDED, None),
    ]
    assert (harness.metrics.errors, harness.metrics.failures) == (0, 0)
    assert [record.getMessage() for record in caplog.records if record.levelname == "WARNING"] == [
        "an operation can never be committed: too long"
    ]


def test_a_statement_that_the_database_refuses_is_an_outage_to_writers_and_a_defect_to_operators(
    harness: Harness, caplog: pytest.LogCaptureFixture
) -> None:
    harness.store.fault = fail(StatementRefused("no such column"))
    for name in "abc":
        harness.commit(name)
    harness.ref.proxy().actor_urn.get(timeout=TIMEOUT_S)  # all the above is answered
    assert {(o.status, o.retry_after_s) for answer in harness.answers for o in answer.outcomes} == {
        (Status.REFUSED, RETRY_AFTER_S)
    }
    assert harness.metrics.unavailable == "no such column"
    assert harness.metrics.errors == harness.metrics.failures == harness.store.attempts
    assert len([record for record in caplog.records if record.exc_info]) == 1
    harness.store.fault = lambda operations: None
    harness.commit("d")
    harness.finish()
    assert harness.store.batches == [["d"]]
    assert harness.metrics.unavailable is None


def test_a_read_that_raises_is_answered_and_the_journal_lives_on(harness: Harness) -> None:
    harness.store.fault = fail(KeyError("a defect"))
    answered = Semaphore(0)

    def answer(message: object) -> None:
        harness.answers.append(message)
        answered.release()

    for read in (LoadHeads(("ann",), answer), ReadPage("ann", 10, answer)):
        harness.ref.tell(read)
        assert answered.acquire(timeout=TIMEOUT_S)
    assert harness.answers == [HeadsLoaded(None), ReadFailed("the journal could not be read")]
    assert harness.metrics.errors == 2
    harness.store.fault = lambda operations: None
    harness.ref.tell(ReadPage("ann", 10, harness.answers.append))
    harness.finish()
    assert isinstance(harness.answers[-1], Page)


@pytest.mark.parametrize(("error", "level"), [(ActorDeadError("gone"), "INFO"), (KeyError("a defect"), "ERROR")])
def test_an_answer_that_cannot_be_delivered_keeps_nobody_else_waiting(
    harness: Harness, caplog: pytest.LogCaptureFixture, error: Exception, level: str
) -> None:
    def refuse(committed: Committed) -> None:
        raise error

    caplog.set_level(logging.INFO, "actors.journal.journal")
    gate = Gate(harness.store)
    harness.commit("first")
    gate.wait_until_entered()
    harness.commit("a", refuse)
    harness.commit("b")
    gate.open()
    harness.finish()
    assert [contents(answer) for answer in harness.answers] == [["first"], ["b"]]
    assert [r.levelname for r in caplog.records if r.name == "actors.journal.journal"] == [level]


def test_a_message_that_is_none_of_the_journals_is_skipped(harness: Harness) -> None:
    harness.ref.tell("what is this?")
    harness.commit("a")
    harness.finish()
    assert harness.store.batches == [["a"]]
    assert harness.metrics.errors == 1


@pytest.mark.actors_may_fail
def test_a_journal_that_dies_closes_its_store(harness: Harness) -> None:
    harness.ref.tell(ProxyCall(attr_path=("no_such_method",), args=(), kwargs={}))
    harness.ref.actor_stopped.wait(TIMEOUT_S)
    harness.ref.stop(timeout=TIMEOUT_S)
    assert harness.store.closed == 1


def test_transactions_operations_and_time_are_counted() -> None:
    store, metrics, ticks = FakeStore(), JournalMetrics(), iter(range(100))
    ref = Journal.start(store, metrics, clock=lambda: float(next(ticks)))
    gate = Gate(store)
    operation = Operation(user_id="ann", device_id="tv", change=Change("add", content(1)), timestamp=CLOCK)
    ref.tell(Commit(operation, lambda committed: None))
    gate.wait_until_entered()
    for _ in range(3):
        ref.tell(Commit(operation, lambda committed: None))
    gate.open()
    ref.stop(timeout=TIMEOUT_S)
    assert (metrics.transactions, metrics.operations, metrics.last_batch) == (2, 4, 3)
    assert metrics.commit_seconds == 2.0
    assert (metrics.failures, metrics.errors) == (0, 0)
