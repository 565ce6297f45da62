"""Two transactions under way at a time, never of the same user, and what has been told meanwhile."""

import asyncio
from collections.abc import Sequence
from typing import cast

import pytest

from actors.errors import StoreUnavailable, ValueRefused
from actors.journal import group_commit
from actors.journal.group_commit import MAX_BATCH, MAX_GATHERED_OF_USER, MIN_BATCH, RETRY_AFTER_S, GroupCommit
from actors.journal.refusals import Refusals
from actors.journal.writability import Writability
from actors.messages.change import Change
from actors.messages.collections import line_of
from actors.messages.journal import AnyOperation, Commit, Committed, Operation, Outcome, Settle, Settled, Status
from actors.messages.store import BatchCommitted
from actors.metrics import JournalMetrics
from actors.ports import StoreClient
from tests.actors.conftest import content
from tests.actors.journal.conftest import Harness, StoreByHand, contents, fail, handled
from tests.fakes.fake_store import CLOCK, Gate
from tests.remembered import strings_kept_by


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


async def test_nobody_waits_behind_more_of_one_user_than_a_bound_and_that_users_keep_their_order(
    harness: Harness,
) -> None:
    gate = Gate(harness.store)
    harness.commit("first")
    await gate.entered()
    for number in range(4 * MAX_GATHERED_OF_USER):
        harness.commit(str(number), collection=("watchlist", "list:kids")[number % 2])
    harness.commit("neighbour", user_id="bob")
    await handled(harness.ref)
    gate.open()
    await harness.finish()
    written = [name for batch in harness.store.batches for name in batch]
    assert written.index("neighbour") <= 2 * MAX_GATHERED_OF_USER
    flood = [int(name) for name in written if name.isdecimal()]
    assert [number for number in flood if number % 2] == list(range(1, 4 * MAX_GATHERED_OF_USER, 2))
    assert [number for number in flood if not number % 2] == list(range(0, 4 * MAX_GATHERED_OF_USER, 2))
    assert len(harness.statuses()) == len(written) == 4 * MAX_GATHERED_OF_USER + 2


async def test_more_writes_of_a_user_than_may_wait_are_refused_by_name_and_cost_nobody_else(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(group_commit, "MAX_HELD_OF_USER", 100)
    gate = Gate(harness.store)
    for number in range(MAX_GATHERED_OF_USER + 103):
        harness.commit(str(number))
    harness.commit("neighbour", user_id="bob")
    await gate.entered()
    await handled(harness.ref)
    assert [contents(answer) for answer in harness.answers] == [
        [str(MAX_GATHERED_OF_USER + number)] for number in (100, 101, 102)
    ]
    (refused,) = {outcome for answer in harness.answers for outcome in answer.outcomes}
    assert (refused.status, refused.retry_after_s) == (Status.REFUSED, RETRY_AFTER_S)
    assert "writes of this user wait already" in (refused.reason or "")
    assert harness.metrics.writes_refused == 3
    gate.open()
    await harness.finish()
    written = [name for batch in harness.store.batches for name in batch]
    assert written.index("neighbour") <= MAX_GATHERED_OF_USER
    assert len(written) == MAX_GATHERED_OF_USER + 101


async def test_in_an_outage_whoever_was_held_back_is_answered_too(harness: Harness) -> None:
    harness.store.fault = fail(StoreUnavailable("away"))
    for number in range(3 * MAX_GATHERED_OF_USER):
        harness.commit(str(number))
    await harness.settled()
    assert [status for status in harness.statuses() if status is not Status.REFUSED] == []
    assert len(harness.statuses()) == 3 * MAX_GATHERED_OF_USER
    assert harness.store.batches == []
    harness.store.fault = lambda _: None
    harness.commit("again")
    await harness.settled()
    assert harness.store.batches == [["again"]]


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


async def test_a_poisonous_operation_is_refused_and_hurts_nobody_else(
    harness: Harness, caplog: pytest.LogCaptureFixture
) -> None:
    def choke(operations: Sequence[AnyOperation]) -> None:
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
    def choke(operations: Sequence[AnyOperation]) -> None:
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


class ByHand:
    """Group commit on a store that answers when the test says so; commits are named by their user and a number."""

    def __init__(self) -> None:
        self.store = StoreByHand()
        self.metrics = JournalMetrics()
        store = cast("StoreClient", self.store)
        writability = Writability(store, self.metrics, Refusals(self.metrics))
        self.commits = GroupCommit(store, self.metrics, writability)
        self.answered: list[str] = []
        self.epochs: list[str | None] = []

    def add(self, *names: str) -> None:
        for name in names:
            user_id, _, number = name.partition(" ")
            operation = Operation(line=user_id, device_id=number, change=Change("add", content(1)), timestamp=CLOCK)
            self.commits.add(Commit(operation, self._note))
        self.commits.send()

    @property
    def transactions(self) -> list[list[str]]:
        """Everything that the store was asked, in order."""
        return [list(map(_name, request.operations)) for request, _ in self.store.asked]

    async def commit(self, number: int) -> None:
        """Let the store's answer to a transaction be that it was done."""
        request, answer = self.store.asked[number]
        outcomes = tuple(Outcome(status=Status.ADDED) for _ in request.operations)
        answer.set_result(BatchCommitted(outcomes, 0.0, f"epoch {number}"))
        await asyncio.sleep(0)

    async def fail(self, number: int, error: Exception) -> None:
        self.store.asked[number][1].set_exception(error)
        await asyncio.sleep(0)

    def _note(self, committed: Committed) -> None:
        self.answered += [_name(commit.operation) for commit in committed.commits]
        self.epochs.append(committed.epoch)


def _name(operation: AnyOperation) -> str:
    return f"{operation.line} {operation.device_id}"


@pytest.fixture
async def by_hand() -> ByHand:
    return ByHand()


async def test_while_one_transaction_is_answered_the_store_works_on_another(by_hand: ByHand) -> None:
    by_hand.add("ann 1")
    by_hand.add("bob 1")
    by_hand.add("cem 1")
    assert by_hand.transactions == [["ann 1"], ["bob 1"]]
    assert by_hand.commits.is_full
    await by_hand.commit(0)
    assert by_hand.transactions[2:] == [["cem 1"]]
    assert by_hand.commits.is_full
    await by_hand.commit(1)
    assert not by_hand.commits.is_full


async def test_what_is_unanswered_is_divided_between_two_transactions(by_hand: ByHand) -> None:
    names = [f"user{number} 1" for number in range(4 * MIN_BATCH)]
    by_hand.add(*names)
    halves = [names[: 2 * MIN_BATCH], names[2 * MIN_BATCH :]]
    assert by_hand.transactions == halves
    await by_hand.commit(0)
    await by_hand.commit(1)
    by_hand.add(*names)
    assert by_hand.transactions[2:] == halves


async def test_of_many_users_everything_is_committed_once_in_order_and_in_bounded_transactions(by_hand: ByHand) -> None:
    names = [f"user{number % 300} {number}" for number in range(4 * MAX_BATCH)]
    by_hand.add(*names)
    done = 0
    while done < len(by_hand.transactions):
        await by_hand.commit(done)
        done += 1
    asked = [name for transaction in by_hand.transactions for name in transaction]
    assert sorted(by_hand.answered) == sorted(asked) == sorted(names)
    assert [name for name in by_hand.answered if name.startswith("user7 ")] == ["user7 7", "user7 307"]
    assert max(map(len, by_hand.transactions)) == MAX_BATCH


async def test_what_others_wait_behind_of_one_user_is_the_bound_each_time(by_hand: ByHand) -> None:
    done = 0
    for _ in range(2):
        flood = [f"{line_of('ann', f'list:{number}')} 1" for number in range(MAX_GATHERED_OF_USER + 3)]
        by_hand.add(*flood, "bob 1")
        by_hand.answered.clear()
        while done < len(by_hand.transactions):
            await by_hand.commit(done)
            done += 1
        assert by_hand.answered == [*flood[:MAX_GATHERED_OF_USER], "bob 1", *flood[MAX_GATHERED_OF_USER:]]
    names = [f"user{number} 1" for number in range(4 * MIN_BATCH)]
    by_hand.add(*names)  # what was held back counts no more: they are halved as ever
    assert by_hand.transactions[done:] == [names[: 2 * MIN_BATCH], names[2 * MIN_BATCH :]]


async def test_nothing_is_kept_of_a_user_whose_writes_are_answered(by_hand: ByHand) -> None:
    by_hand.add(*[f"ann {number}" for number in range(MAX_GATHERED_OF_USER + 3)], "bob 1")
    assert {"ann", "bob"} <= strings_kept_by(by_hand.commits)
    done = 0
    while done < len(by_hand.transactions):
        await by_hand.commit(done)
        done += 1
    by_hand.store.asked.clear()
    assert not {"ann", "bob"} & strings_kept_by(by_hand.commits)


async def test_nothing_is_kept_of_a_user_whose_flood_has_ended_in_an_outage(
    by_hand: ByHand, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(group_commit, "MAX_HELD_OF_USER", 4)
    by_hand.add(*[f"ann {number}" for number in range(MAX_GATHERED_OF_USER + 6)])
    assert by_hand.metrics.writes_refused == 2
    done = 0
    while done < len(by_hand.transactions):
        await by_hand.fail(done, StoreUnavailable("away"))
        done += 1
    by_hand.store.asked.clear()
    assert "ann" not in strings_kept_by(by_hand.commits)


async def test_a_users_later_writes_wait_for_the_earlier_and_nobody_waits_with_them(by_hand: ByHand) -> None:
    by_hand.add("ann 1", "bob 1")
    by_hand.add("ann 2", "cem 1", "bob 2", "ann 3")
    assert by_hand.transactions[1:] == [["cem 1"]]
    await by_hand.commit(0)
    assert by_hand.transactions[2:] == [["ann 2", "bob 2", "ann 3"]]


async def test_the_halves_of_a_transaction_that_raised_go_before_what_was_told_later(by_hand: ByHand) -> None:
    by_hand.add("ann 1", "ann 2")
    by_hand.add("bob 1")
    by_hand.add("ann 3", "cem 1")
    await by_hand.fail(0, KeyError("a defect"))
    assert by_hand.transactions[2:] == []  # they wait for the other transaction
    await by_hand.commit(1)
    await by_hand.commit(2)
    await by_hand.commit(3)
    assert by_hand.transactions[2:] == [["ann 1"], ["ann 2"], ["cem 1"], ["ann 3"]]


async def test_a_barrier_waits_for_what_was_told_before_it_however_late_that_is_answered(by_hand: ByHand) -> None:
    settled: list[Settled] = []
    by_hand.add("ann 1", "ann 2")
    by_hand.commits.settle(settled.append)
    by_hand.add("bob 1", "cem 1")
    await by_hand.fail(0, KeyError("a defect"))
    await by_hand.commit(1)
    assert (by_hand.answered, settled) == (["bob 1", "cem 1"], [])
    await by_hand.commit(2)
    assert settled == []
    await by_hand.commit(3)
    assert settled == [Settled()]


async def test_the_loss_of_two_transactions_at_once_is_one_failure_for_those_who_wait(by_hand: ByHand) -> None:
    by_hand.add("ann 1")
    by_hand.add("bob 1")
    by_hand.add("cem 1", "dan 1")
    await by_hand.fail(0, StoreUnavailable("the writer has ended"))
    await by_hand.fail(1, StoreUnavailable("the writer has ended"))
    assert by_hand.answered == ["ann 1", "bob 1"]
    await by_hand.commit(2)
    assert by_hand.answered[2:] == ["cem 1", "dan 1"]


async def test_whoever_waits_behind_a_second_failure_does_not_wait_for_a_third(by_hand: ByHand) -> None:
    for user in ("ann 1", "bob 1", "cem 1"):
        by_hand.add(user)
    await by_hand.fail(0, StoreUnavailable("frozen"))
    by_hand.add("dan 1", "eve 1")
    await by_hand.fail(2, StoreUnavailable("frozen"))
    assert by_hand.transactions == [["ann 1"], ["bob 1"], ["cem 1"]]
    assert by_hand.answered == ["ann 1", "cem 1", "dan 1", "eve 1"]


async def test_what_a_line_has_told_later_is_refused_with_what_cannot_be_committed_now(by_hand: ByHand) -> None:
    by_hand.add("ann 1", "bob 1")
    by_hand.add("ann 2", "cem 1", "dan 1", "dan 2", "bob 2", "ann 3")
    assert by_hand.transactions == [["ann 1", "bob 1"], ["cem 1", "dan 1", "dan 2"]]
    await by_hand.fail(0, StoreUnavailable("the writer has ended"))
    assert by_hand.answered == ["ann 1", "bob 1", "ann 2", "bob 2", "ann 3"]
    by_hand.add("ann 1")  # comes again
    await by_hand.commit(1)
    await by_hand.commit(2)
    assert by_hand.answered[5:] == ["cem 1", "dan 1", "dan 2", "ann 1"]


async def test_the_halves_of_what_raised_are_refused_when_they_cannot_be_committed_now(by_hand: ByHand) -> None:
    by_hand.add("ann 1", "bob 1", "ann 2", "ann 3")
    await by_hand.fail(0, KeyError("a defect"))
    await by_hand.fail(1, StoreUnavailable("the writer has ended"))
    assert by_hand.transactions == [["ann 1", "bob 1", "ann 2", "ann 3"], ["ann 1", "bob 1"]]
    assert by_hand.answered == ["ann 1", "bob 1", "ann 2", "ann 3"]


async def test_what_was_held_back_of_a_line_is_refused_with_what_cannot_be_committed_now(by_hand: ByHand) -> None:
    flood = [f"ann {number}" for number in range(MAX_GATHERED_OF_USER + 3)]
    by_hand.add(*flood, "bob 1")
    await by_hand.fail(0, StoreUnavailable("the writer has ended"))
    assert by_hand.answered == flood
    assert by_hand.transactions[1:] == [["bob 1"]]
    await by_hand.commit(1)
    names = [f"user{number} 1" for number in range(4 * MIN_BATCH)]
    by_hand.add(*names)  # what was held back counts no more: they are halved as ever
    assert by_hand.transactions[2:] == [names[: 2 * MIN_BATCH], names[2 * MIN_BATCH :]]


async def test_what_comes_behind_a_write_that_was_refused_is_refused_until_half_of_what_waits_is_gone(
    by_hand: ByHand, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(group_commit, "MAX_HELD_OF_USER", 3 * MAX_BATCH)
    by_hand.add(*(f"ann {number}" for number in range(MAX_GATHERED_OF_USER + 3 * MAX_BATCH)))
    by_hand.add("ann first")
    for number in range(2):
        by_hand.add(f"ann {number} later")
        await by_hand.commit(number)
        await asyncio.sleep(0)
    refused = [name for name in by_hand.answered if not name.removeprefix("ann ").isdecimal()]
    assert refused == ["ann first", "ann 0 later", "ann 1 later"]
    by_hand.add("ann again")
    assert (by_hand.answered.count("ann again"), by_hand.metrics.writes_refused) == (0, 3)


async def test_an_answer_says_of_which_epoch_it_is_and_a_refusal_of_none(by_hand: ByHand) -> None:
    by_hand.add("ann 1")
    await by_hand.commit(0)
    by_hand.add("ann 2")
    await by_hand.fail(1, StoreUnavailable("away"))
    assert by_hand.epochs == ["epoch 0", None]


async def test_lists_that_begin_with_an_add_are_counted(by_hand: ByHand) -> None:
    by_hand.add("ann 1", "ann 2", "ann 3")
    begins = Outcome(status=Status.ADDED, is_new=True, begins_list=True)
    by_hand.store.asked[0][1].set_result(BatchCommitted((begins, Outcome(status=Status.ADDED), begins), 0.0))
    await asyncio.sleep(0)
    assert by_hand.metrics.list_edits["add", "created"] == 2
