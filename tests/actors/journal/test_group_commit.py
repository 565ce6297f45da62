"""One transaction under way at a time, and what has been told meanwhile."""

from collections.abc import Sequence

import pytest

from actors.errors import StoreUnavailable, ValueRefused
from actors.journal.group_commit import MAX_BATCH, RETRY_AFTER_S
from actors.messages.journal import (
    Committed,
    Operation,
    Outcome,
    Settle,
    Settled,
    Status,
)
from tests.actors.journal.conftest import Harness, contents, fail
from tests.fakes.fake_store import Gate


async def test_what_piled_up_while_the_store_was_busy_is_one_transaction(harness: Harness) -> None:
    gate = Gate(harness.store)
    harness.commit("first")
    await gate.entered()
    for name in "abcde":
        harness.commit(name)
    gate.open()
    await harness.finish()
    assert harness.store.batches == [["first"], list("abcde")]
    assert [contents(answer) for answer in harness.answers] == harness.store.batches


async def test_a_transaction_is_bounded(harness: Harness) -> None:
    gate = Gate(harness.store)
    harness.commit("first")
    await gate.entered()
    for number in range(2 * MAX_BATCH + 1):
        harness.commit(str(number))
    gate.open()
    await harness.finish()
    assert list(map(len, harness.store.batches)) == [1, MAX_BATCH, MAX_BATCH, 1]


async def test_everyone_is_answered_once_for_a_transaction_with_the_own_outcomes_in_order(harness: Harness) -> None:
    ann: list[Committed] = []
    bob: list[Committed] = []
    gate = Gate(harness.store)
    harness.commit("first")
    await gate.entered()
    for name, answers in (("a1", ann), ("b1", bob), ("a2", ann), ("a3", ann), ("b2", bob)):
        harness.commit(name, answers.append)
    gate.open()
    await harness.finish()
    assert [contents(answer) for answer in ann] == [["a1", "a2", "a3"]]
    assert [contents(answer) for answer in bob] == [["b1", "b2"]]
    assert [outcome.reason for outcome in ann[0].outcomes] == ["a1", "a2", "a3"]


async def test_nobody_is_answered_before_the_commit(harness: Harness) -> None:
    gate = Gate(harness.store)
    harness.commit("first")
    await gate.entered()
    assert harness.answers == []
    gate.open()
    await harness.finish()
    assert harness.statuses() == [Status.ADDED]


async def test_a_barrier_is_passed_when_every_write_before_it_is_answered(harness: Harness) -> None:
    gate = Gate(harness.store)
    harness.ref.tell(Settle(harness.answers.append))
    harness.commit("first")
    await gate.entered()
    harness.commit("a")
    harness.ref.tell(Settle(harness.answers.append))
    harness.commit("b")
    gate.open()
    await harness.finish()
    assert [contents(each) if isinstance(each, Committed) else each for each in harness.answers] == [
        Settled(), ["first"], ["a", "b"], Settled(),
    ]  # fmt: skip


async def test_whoever_waits_behind_a_second_failure_does_not_wait_for_a_third(harness: Harness) -> None:
    gate = Gate(harness.store)
    harness.commit("first")
    await gate.entered()
    for number in range(3 * MAX_BATCH):
        harness.commit(str(number))
    gate.open(then=fail(StoreUnavailable("frozen")))
    await harness.settled()
    assert harness.store.attempts == 3
    assert harness.statuses() == [Status.ADDED] + [Status.REFUSED] * (3 * MAX_BATCH)


async def test_a_poisonous_operation_is_refused_and_hurts_nobody_else(
    harness: Harness, caplog: pytest.LogCaptureFixture
) -> None:
    def choke(operations: Sequence[Operation]) -> None:
        if any(operation.device_id == "poison" for operation in operations):
            raise KeyError("a defect")

    gate = Gate(harness.store)
    harness.commit("first")
    await gate.entered()
    names = [f"{n}" for n in range(20)] + ["poison"] + [f"{n}" for n in range(20, 40)]
    for name in names:
        harness.commit(name)
    gate.open(then=choke)
    await harness.finish()
    answered = {
        commit.operation.device_id: outcome
        for answer in harness.answers[1:]
        for commit, outcome in zip(answer.commits, answer.outcomes, strict=True)
    }
    assert list(answered) == names
    assert [name for name, outcome in answered.items() if outcome.status is not Status.ADDED] == ["poison"]
    assert answered["poison"] == Outcome(
        status=Status.REFUSED, reason="the journal could not take this operation", retry_after_s=RETRY_AFTER_S
    )
    assert [name for batch in harness.store.batches[1:] for name in batch] == names[:20] + names[21:]
    assert harness.store.attempts < 15
    assert harness.metrics.errors == 1
    assert [r.getMessage() for r in caplog.records if r.exc_info] == ["an operation could not be committed"]


async def test_transactions_operations_and_time_are_counted(harness: Harness) -> None:
    gate = Gate(harness.store)
    harness.commit("first")
    await gate.entered()
    for name in "abc":
        harness.commit(name)
    gate.open()
    await harness.finish()
    metrics = harness.metrics
    assert (metrics.transactions, metrics.operations, metrics.last_batch) == (2, 4, 3)
    assert metrics.commit_seconds == 2.0
    assert (metrics.failures, metrics.errors) == (0, 0)


async def test_an_operation_that_the_store_can_never_hold_is_refused_for_good_and_hurts_nobody_else(
    harness: Harness, caplog: pytest.LogCaptureFixture
) -> None:
    def choke(operations: Sequence[Operation]) -> None:
        if any(operation.device_id == "poison" for operation in operations):
            raise ValueRefused("too long")

    gate = Gate(harness.store)
    harness.commit("first")
    await gate.entered()
    for name in ("a", "poison", "b"):
        harness.commit(name)
    gate.open(then=choke)
    await harness.finish()
    outcomes = [outcome for answer in harness.answers[1:] for outcome in answer.outcomes]
    assert [(outcome.status, outcome.retry_after_s) for outcome in outcomes] == [
        (Status.ADDED, None),
        (Status.REFUSED, None),
        (Status.ADDED, None),
    ]
    assert (harness.metrics.errors, harness.metrics.failures) == (0, 0)
    assert [record.getMessage() for record in caplog.records if record.levelname == "WARNING"] == [
        "an operation can never be committed: too long"
    ]
