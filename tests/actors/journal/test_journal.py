"""The journal's actor on a store that a test can stop, break and look into."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from threading import Event
from typing import Any

import pytest
from pykka import ActorDeadError, ActorRef
from pykka.messages import ProxyCall

from actors.errors import StoreUnavailable
from actors.journal.group_commit import MAX_BATCH, RETRY_AFTER_S
from actors.journal.journal import Journal
from actors.journal.read_turns import MAX_UNDER_WAY
from actors.messages.change import Change
from actors.messages.journal import (
    Bookmark,
    Changes,
    Commit,
    Committed,
    Head,
    HeadsLoaded,
    LoadHeads,
    Operation,
    Outcome,
    Page,
    PageExpired,
    ReadFailed,
    ReadPage,
    ReadSince,
    Settle,
    Settled,
    Snapshot,
    Status,
)
from actors.messages.store import FindHeads, HeadsFound
from actors.metrics import JournalMetrics
from crdt.hlc import HLCTimestamp
from tests.actors.conftest import content
from tests.fakes.store_in_process import StoreInProcess
from tests.timeouts import TIMEOUT_S

CLOCK = HLCTimestamp(0, 0, "")
REFUSED_FOR_NOW = Outcome(status=Status.REFUSED, reason="the journal is unavailable", retry_after_s=RETRY_AFTER_S)


class FakeStore:
    """Records what it is asked; each call first meets ``fault``, which may wait or raise."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        """The contents of each commit that succeeded."""
        self.attempts = 0
        self.closed = 0
        self.fault: Callable[[Sequence[Operation]], None] = lambda operations: None

    def commit(self, operations: Sequence[Operation]) -> list[Outcome]:
        assert not self.closed
        self.attempts += 1
        self.fault(operations)
        self.batches.append([operation.device_id for operation in operations])
        return [Outcome(status=Status.ADDED, reason=operation.device_id) for operation in operations]

    def heads(self, user_ids: Sequence[str]) -> list[Head]:
        self.fault(())
        revision = sum(map(len, self.batches))
        return [Head(user_id=user_id, revision=revision, clock=CLOCK) for user_id in user_ids]

    def since(self, user_id: str, revision: int, epoch: str | None) -> Changes | Snapshot:
        self.fault(())
        return Changes(user_id=user_id, epoch=epoch or "e", revision=revision, updates=())

    def page(self, user_id: str, limit: int, after: Bookmark | None) -> Page | PageExpired:
        self.fault(())
        return Page(user_id=user_id, epoch="e", revision=sum(map(len, self.batches)), items=())

    def changes(self, user_id: str, revision: int, limit: int, epoch: str | None) -> Changes | Page:
        self.fault(())
        return Changes(user_id=user_id, epoch=epoch or "e", revision=revision + limit, updates=(), has_more=True)

    def check(self) -> None:
        self.fault(())

    def close(self) -> None:
        self.closed += 1


class Gate:
    """A fault that holds the journal's writes until ``open``, so that what is told meanwhile is gathered."""

    def __init__(self, store: FakeStore) -> None:
        self._entered, self._may_pass = Event(), Event()
        self._store = store
        store.fault = self

    def __call__(self, operations: Sequence[Operation]) -> None:
        if operations:
            self._entered.set()
            assert self._may_pass.wait(TIMEOUT_S)

    async def entered(self) -> None:
        assert await asyncio.to_thread(self._entered.wait, TIMEOUT_S)

    def open(self, then: Callable[[Sequence[Operation]], None] = lambda operations: None) -> None:
        self._store.fault = then
        self._may_pass.set()


class Harness:
    """A running journal; ``finish`` stops it, which handles everything told before."""

    def __init__(self) -> None:
        self.store = FakeStore()
        self.client = StoreInProcess(self.store)
        self.metrics = JournalMetrics()
        self.answers: list[Any] = []
        self.ref: ActorRef[Journal] = Journal.start(self.client, self.metrics)

    def commit(self, name: str, reply_to: Callable[[Committed], None] | None = None) -> None:
        operation = Operation(user_id="ann", device_id=name, change=Change("add", content(1)), timestamp=CLOCK)
        self.ref.tell(Commit(operation, reply_to or self.answers.append))

    async def ask(self, message: Callable[[Callable[[Any], None]], Any]) -> Any:
        """Tell ``message(reply_to)``, and return the answer."""
        answered: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self.ref.tell(message(answered.set_result))
        async with asyncio.timeout(TIMEOUT_S):
            return await answered

    async def settled(self) -> None:
        assert await self.ask(Settle) == Settled()

    async def finish(self) -> None:
        async with asyncio.timeout(TIMEOUT_S):
            await self.ref.stop(block=False)

    def statuses(self) -> list[Status]:
        return [outcome.status for answer in self.answers for outcome in answer.outcomes]


@pytest.fixture
async def harness() -> AsyncIterator[Harness]:
    harness = Harness()
    yield harness
    if harness.ref.is_alive():
        await harness.finish()
    harness.client.close()


def contents(committed: Committed) -> list[str]:
    return [commit.operation.device_id for commit in committed.commits]


def fail(error: Exception) -> Callable[[Sequence[Operation]], None]:
    def fault(operations: Sequence[Operation]) -> None:
        raise error

    return fault


# Group commit


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


async def test_a_read_is_answered_while_a_transaction_is_under_way(harness: Harness) -> None:
    gate = Gate(harness.store)
    harness.commit("first")
    await gate.entered()
    page = await harness.ask(lambda reply_to: ReadPage("ann", 10, reply_to))
    heads = await harness.ask(lambda reply_to: LoadHeads(("ann",), reply_to))
    assert (page.revision, heads.heads[0].revision) == (0, 0)
    assert harness.answers == []
    gate.open()


async def test_a_read_sees_every_write_answered_before_it(harness: Harness) -> None:
    harness.commit("a")
    harness.commit("b")
    await harness.settled()
    page = await harness.ask(lambda reply_to: ReadPage("ann", 10, reply_to))
    heads = await harness.ask(lambda reply_to: LoadHeads(("ann", "bob"), reply_to))
    changes = await harness.ask(lambda reply_to: ReadSince("ann", 7, reply_to, epoch="other"))
    assert page.revision == 2
    assert [(head.user_id, head.revision) for head in heads.heads] == [("ann", 2), ("bob", 2)]
    assert changes == Changes(user_id="ann", epoch="other", revision=7, updates=())


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


class StoreByHand:
    """Answers what it is asked when the test says so."""

    def __init__(self) -> None:
        self.asked: list[tuple[Any, asyncio.Future[Any]]] = []

    def write(self, request: Any) -> asyncio.Future[Any]:
        raise AssertionError(request)

    def read(self, request: Any) -> asyncio.Future[Any]:
        self.asked.append((request, asyncio.get_running_loop().create_future()))
        return self.asked[-1][1]

    def users(self) -> list[str]:
        """Whose reads were begun, in order."""
        return [request.user_id for request, _ in self.asked]


async def handled(ref: ActorRef[Journal]) -> None:
    """Return when everything told or answered before has been handled."""
    await asyncio.sleep(0)
    await ref.ask(ProxyCall(attr_path=("__str__",), args=(), kwargs={}), block=False)


async def test_a_user_has_one_read_under_way_and_users_take_turns() -> None:
    store = StoreByHand()
    answers: list[Any] = []
    ref = Journal.start(store, JournalMetrics())
    for limit in range(1, MAX_UNDER_WAY + 2):
        ref.tell(ReadPage("ann", limit, answers.append))
    ref.tell(ReadPage("bob", 1, answers.append))
    await handled(ref)
    assert store.users() == ["ann", "bob"]
    for name in "cdefg":
        ref.tell(ReadPage(name, 1, answers.append))
    await handled(ref)
    assert store.users() == ["ann", "bob", "c", "d"]
    done = 0
    while done < len(store.asked):
        request, answered = store.asked[done]
        answered.set_result(PageExpired(f"{request.user_id} {request.limit}"))
        done += 1
        await handled(ref)
    await ref.stop(block=False)
    assert [answer.reason for answer in answers] == [
        "ann 1", "bob 1", "c 1", "d 1", "e 1", "f 1", "g 1", "ann 2", "ann 3", "ann 4", "ann 5",
    ]  # fmt: skip


async def test_while_a_read_of_heads_is_under_way_all_that_ask_share_the_next() -> None:
    store = StoreByHand()
    answers: list[Any] = []
    ref = Journal.start(store, JournalMetrics())
    ref.tell(LoadHeads(("ann",), answers.append))
    await handled(ref)
    ref.tell(LoadHeads(("bob", "cid"), answers.append))
    ref.tell(LoadHeads(("dan",), answers.append))
    await handled(ref)
    for _ in range(2):
        request, answered = store.asked[-1]
        answered.set_result(
            HeadsFound(tuple(Head(user_id=user_id, revision=1, clock=CLOCK) for user_id in request.user_ids))
        )
        await handled(ref)
    await ref.stop(block=False)
    assert [request.user_ids for request, _ in store.asked] == [("ann",), ("bob", "cid", "dan")]
    assert [[head.user_id for head in answer.heads] for answer in answers] == [["ann"], ["bob", "cid"], ["dan"]]


async def test_a_commit_before_a_proxy_call_does_not_wait_for_the_next_message(harness: Harness) -> None:
    gate = Gate(harness.store)
    harness.commit("first")
    await gate.entered()
    answered = asyncio.Event()
    harness.commit("a", lambda committed: answered.set())
    harness.ref.tell(ProxyCall(attr_path=("__str__",), args=(), kwargs={}))
    gate.open()
    async with asyncio.timeout(TIMEOUT_S):
        await answered.wait()


async def test_stopping_commits_and_answers_what_was_told(harness: Harness) -> None:
    gate = Gate(harness.store)
    harness.commit("first")
    await gate.entered()
    harness.commit("a")
    harness.ref.tell(ReadPage("ann", 10, harness.answers.append))
    stopped = harness.ref.stop(block=False)
    gate.open()
    await stopped
    assert harness.store.batches == [["first"], ["a"]]
    assert sorted(type(answer).__name__ for answer in harness.answers) == ["Committed", "Committed", "Page"]


# Failures


async def test_an_unavailable_store_refuses_for_now_and_works_again_when_it_is_back(
    harness: Harness, caplog: pytest.LogCaptureFixture
) -> None:
    harness.store.fault = fail(StoreUnavailable("disk full"))
    harness.commit("a")
    await harness.settled()
    assert harness.answers[0].outcomes == (REFUSED_FOR_NOW,)
    failed = ReadFailed("the journal is unavailable")
    assert await harness.ask(lambda reply_to: LoadHeads(("ann",), reply_to)) == HeadsLoaded(None)
    assert await harness.ask(lambda reply_to: ReadSince("ann", 0, reply_to)) == failed
    assert await harness.ask(lambda reply_to: ReadPage("ann", 10, reply_to)) == failed
    assert (harness.metrics.unavailable, harness.metrics.unreadable) == ("disk full", "disk full")
    assert harness.metrics.transactions == 0
    assert [record.getMessage() for record in caplog.records if record.name.startswith("actors.journal.")] == [
        "the journal cannot be written: disk full",
        "the journal cannot be read: disk full",
    ]
    harness.store.fault = lambda operations: None
    await harness.ask(lambda reply_to: ReadPage("ann", 10, reply_to))
    assert (harness.metrics.unavailable, harness.metrics.unreadable) == ("disk full", None)
    harness.commit("c")
    await harness.finish()
    assert harness.store.batches == [["c"]]
    assert harness.metrics.unavailable is None


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
    assert answered["poison"] == Outcome(status=Status.REFUSED, reason="the journal could not take this operation")
    assert [name for batch in harness.store.batches[1:] for name in batch] == names[:20] + names[21:]
    assert harness.store.attempts < 15
    assert harness.metrics.errors == 1
    assert [r.getMessage() for r in caplog.records if r.exc_info] == ["an operation could not be committed"]


async def test_reads_that_wait_behind_a_second_failure_do_not_wait_for_a_third() -> None:
    store = StoreByHand()
    answers: list[Any] = []
    ref = Journal.start(store, JournalMetrics())
    for name in ("ann", "ann", *"bcdefgh"):
        ref.tell(ReadPage(name, 1, answers.append))
    ref.tell(LoadHeads(("i",), answers.append))
    await handled(ref)
    assert len(store.asked) == MAX_UNDER_WAY
    ref.tell(LoadHeads(("j",), answers.append))
    await handled(ref)
    for _, answered in store.asked[:2]:
        answered.set_exception(StoreUnavailable("frozen"))
        await handled(ref)
    assert [type(request) for request, _ in store.asked[MAX_UNDER_WAY:]] == [FindHeads]  # began after the first
    assert len(answers) == 2 + 6  # those under way go on: their answers may be under way, too
    for _, answered in store.asked[2:]:
        answered.set_exception(StoreUnavailable("frozen"))
    await ref.stop(block=False)
    assert len(answers) == 11
    assert set(answers) == {ReadFailed("the journal is unavailable"), HeadsLoaded(None)}


async def test_a_read_that_raises_is_answered_and_the_journal_lives_on(harness: Harness) -> None:
    harness.store.fault = fail(KeyError("a defect"))
    assert await harness.ask(lambda reply_to: LoadHeads(("ann",), reply_to)) == HeadsLoaded(None)
    assert await harness.ask(lambda reply_to: ReadPage("ann", 10, reply_to)) == ReadFailed(
        "the journal could not be read"
    )
    assert harness.metrics.errors == 2
    harness.store.fault = lambda operations: None
    assert isinstance(await harness.ask(lambda reply_to: ReadPage("ann", 10, reply_to)), Page)


@pytest.mark.parametrize(("error", "level"), [(ActorDeadError("gone"), "INFO"), (KeyError("a defect"), "ERROR")])
async def test_an_answer_that_cannot_be_delivered_keeps_nobody_else_waiting(
    harness: Harness, caplog: pytest.LogCaptureFixture, error: Exception, level: str
) -> None:
    def refuse(committed: Committed) -> None:
        raise error

    caplog.set_level(logging.INFO, "actors.journal.answering")
    gate = Gate(harness.store)
    harness.commit("first")
    await gate.entered()
    harness.commit("a", refuse)
    harness.commit("b")
    gate.open()
    await harness.finish()
    assert [contents(answer) for answer in harness.answers] == [["first"], ["b"]]
    assert [r.levelname for r in caplog.records if r.name == "actors.journal.answering"] == [level]


async def test_a_message_that_is_none_of_the_journals_is_skipped(harness: Harness) -> None:
    harness.ref.tell("what is this?")
    harness.commit("a")
    await harness.finish()
    assert harness.store.batches == [["a"]]
    assert harness.metrics.errors == 1


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
