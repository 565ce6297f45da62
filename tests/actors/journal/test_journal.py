"""The journal's actor: what goes through it, and how it ends."""

import asyncio

import pytest
from pykka.messages import ProxyCall

from actors.errors import StoreUnavailable
from actors.journal.group_commit import MAX_BATCH, RETRY_AFTER_S
from actors.journal.journal import Journal
from actors.messages.change import Change
from actors.messages.failures import ReadFailed
from actors.messages.journal import Commit, Operation, Outcome, Status
from actors.messages.journal_reads import Changes, HeadsLoaded, LoadHeads, ReadChanges, ReadPage, ReadSnapshotPage
from actors.messages.store import BatchCommitted
from actors.metrics import JournalMetrics
from tests.actors.conftest import content
from tests.actors.journal.conftest import Harness, StoreByHand, fail, handled
from tests.fakes.fake_store import CLOCK, Gate
from tests.timeouts import TIMEOUT_S

REFUSED_FOR_NOW = Outcome(status=Status.REFUSED, reason="the journal is unavailable", retry_after_s=RETRY_AFTER_S)


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
    of_devices = await harness.ask(lambda reply_to: ReadSnapshotPage("ann", 10, reply_to))
    assert page.revision == of_devices.revision == 2
    assert [(head.line, head.revision) for head in heads.heads] == [("ann", 2), ("bob", 2)]


async def test_what_comes_in_one_flood_begins_when_it_is_a_batch_and_not_before() -> None:
    store = StoreByHand()
    ref = Journal.start(store, JournalMetrics())
    for _ in range(2):
        for number in range(3 * MAX_BATCH):
            operation = Operation(line=f"{number}", device_id="d", change=Change("add", content(1)), timestamp=CLOCK)
            ref.tell(Commit(operation, lambda _: None))
        await handled(ref)
        assert [len(request.operations) for request, _ in store.asked[-2:]] == [MAX_BATCH // 2] * 2
        for request, answer in store.asked:  # to the end: each answer begins more
            if not answer.done():
                answer.set_result(BatchCommitted((Outcome(status=Status.ADDED),) * len(request.operations), 0.0))
                await asyncio.sleep(0)
    await ref.stop(block=False)


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


async def test_an_unavailable_store_refuses_for_now_and_works_again_when_it_is_back(
    harness: Harness, caplog: pytest.LogCaptureFixture
) -> None:
    harness.store.fault = fail(StoreUnavailable("disk full"))
    harness.commit("a")
    await harness.settled()
    assert harness.answers[0].outcomes == (REFUSED_FOR_NOW,)
    failed = ReadFailed("the journal is unavailable")
    assert await harness.ask(lambda reply_to: LoadHeads(("ann",), reply_to)) == HeadsLoaded(None)
    assert await harness.ask(lambda reply_to: ReadChanges("ann", 0, 10, reply_to)) == failed
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


async def test_a_message_that_is_none_of_the_journals_is_skipped(harness: Harness) -> None:
    harness.ref.tell("what is this?")
    harness.commit("a")
    await harness.finish()
    assert harness.store.batches == [["a"]]
    assert harness.metrics.errors == 1


async def test_changes_are_read_in_slices(harness: Harness) -> None:
    changes = await harness.ask(lambda reply_to: ReadChanges("ann", 7, 2, reply_to, epoch="e1"))
    assert changes == Changes(line="ann", epoch="e1", revision=7, head=9, updates=())
