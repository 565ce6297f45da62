"""Whose read is next, and what becomes of those that wait."""

import asyncio
from typing import Any

import pytest
from pykka import ActorRef

from actors.errors import StoreUnavailable
from actors.journal import group_commit, reading_time
from actors.journal.journal import Journal
from actors.journal.read_turns import MAX_SHARING, MAX_UNDER_WAY
from actors.journal.user_turns import MAX_WAITING_OF_USER
from actors.messages.change import Change
from actors.messages.collections import PROGRESS, line_of
from actors.messages.devices import ReadDevices
from actors.messages.failures import ReadFailed, ReadRefused
from actors.messages.journal import Commit, Operation
from actors.messages.journal_reads import (
    Changes,
    Head,
    HeadsLoaded,
    LoadHeads,
    Page,
    PageExpired,
    ReadChanges,
    ReadPage,
)
from actors.messages.lists import ReadLists
from actors.messages.registers import ReadRegister, RegisterFound
from actors.messages.store import CommitBatch, FindChanges, FindHeads, FindPage, FindRegister, HeadsFound
from actors.metrics import JournalMetrics
from tests.actors.conftest import content
from tests.actors.journal.conftest import Harness, StoreByHand, fail, handled
from tests.fakes.fake_store import CLOCK
from tests.timeouts import TIMEOUT_S


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
        answered.set_result(Page(line=request.line, epoch="e", revision=request.limit, items=()))
        done += 1
        await handled(ref)
    await ref.stop(block=False)
    assert [f"{answer.line} {answer.revision}" for answer in answers] == [
        "ann 1", "bob 1", "c 1", "d 1", "e 1", "f 1", "g 1", "ann 2", "ann 3", "ann 4", "ann 5",
    ]  # fmt: skip


async def test_between_two_slices_of_one_user_every_other_user_has_a_turn() -> None:
    store = StoreByHand()
    ref = Journal.start(store, JournalMetrics())
    slices: list[Any] = []

    def ask_for_next(answer: Any) -> None:
        slices.append(answer.revision)
        if answer.has_more:
            ref.tell(ReadChanges("ann", answer.revision, 500, ask_for_next))

    ref.tell(ReadChanges("ann", 0, 500, ask_for_next))
    for _ in range(3):
        for name in ("bob", "cid"):
            ref.tell(ReadPage(name, 1, lambda answer: None))
    await handled(ref)
    done = 0
    while done < len(store.asked):
        request, answered = store.asked[done]
        revision = request.revision + 500 if isinstance(request, FindChanges) else 1
        answered.set_result(
            Changes(line="ann", epoch="e", revision=revision, head=2_000, updates=())
            if isinstance(request, FindChanges)
            else Page(line=request.line, epoch="e", revision=1, items=())
        )
        done += 1
        await handled(ref)
    await ref.stop(block=False)
    assert slices == [500, 1_000, 1_500, 2_000]
    assert store.users() == ["ann", "bob", "cid"] * 3 + ["ann"]


async def test_reads_are_counted_by_kind_of_collection_when_the_store_is_asked() -> None:
    store, metrics = StoreByHand(), JournalMetrics()
    ref = Journal.start(store, metrics)
    ignored: list[Any] = []
    for user_id, collection in (("ann", "watchlist"), ("bob", "list:kids"), ("cid", "list:old"), ("ann", "progress")):
        ref.tell(ReadPage(user_id, 1, ignored.append, collection=collection))
    ref.tell(ReadLists("dan", ignored.append))
    ref.tell(ReadDevices("eve", ignored.append))
    await handled(ref)
    assert metrics.reads == {"watchlist": 1, "list": 2, "progress": 0, "devices": 0}  # two have not begun
    for _ in range(6):
        store.asked.pop(0)[1].set_result(PageExpired("history_pruned"))
        await handled(ref)
    assert metrics.reads == {"watchlist": 1, "list": 2, "progress": 1, "devices": 1}
    await ref.stop(block=False)


async def test_while_writers_wait_a_user_rests_after_a_read_and_the_others_have_their_turns(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(reading_time, "FREE_S", 0)
    monkeypatch.setattr(reading_time, "REST", 10**9)
    monkeypatch.setattr(reading_time, "MAX_REST_S", 3_600)
    store, metrics = StoreByHand(), JournalMetrics()
    answers: list[Any] = []
    ref = await _journal_that_writes_all_it_can(store, metrics)
    for limit in (1, 2):
        ref.tell(ReadPage("ann", limit, answers.append))
    await _answer_read(ref, store, "ann")
    ref.tell(ReadPage("ann", 3, answers.append))
    ref.tell(ReadPage("bob", 4, answers.append))
    await _answer_read(ref, store, "bob")
    assert _reads(store) == ["ann", "bob"]
    assert [answer.revision for answer in answers] == [1, 4]
    assert metrics.rests == 2
    stopped = ref.stop(block=False)
    await asyncio.sleep(0)
    await _answer_read(ref, store, "ann")  # nobody rests while the journal waits for all to be answered
    await _answer_read(ref, store, "ann")
    _answer_writes(store)
    await stopped
    assert [answer.revision for answer in answers] == [1, 4, 2, 3]


async def test_who_reads_a_list_once_does_not_rest_however_much_others_write(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading_time, "FREE_S", 3_600)  # the machine may stand still
    store, metrics = StoreByHand(), JournalMetrics()
    ref = await _journal_that_writes_all_it_can(store, metrics)
    for limit in range(20):
        ref.tell(ReadPage("ann", limit, lambda answer: None))
    for _ in range(20):
        await _answer_read(ref, store, "ann")
    assert (len(_reads(store)), metrics.rests) == (20, 0)
    _answer_writes(store)
    await ref.stop(block=False)


async def test_a_user_who_rests_is_read_again_when_the_rest_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading_time, "FREE_S", 0)
    monkeypatch.setattr(reading_time, "MAX_REST_S", 0.01)
    store, metrics = StoreByHand(), JournalMetrics()
    ref = await _journal_that_writes_all_it_can(store, metrics)
    for limit in (1, 2):
        ref.tell(ReadPage("ann", limit, lambda answer: None))
    await _answer_read(ref, store, "ann")
    async with asyncio.timeout(TIMEOUT_S):
        while _reads(store) != ["ann", "ann"]:
            await asyncio.sleep(0.01)
    _answer_writes(store)
    stopped = ref.stop(block=False)
    await _answer_read(ref, store, "ann")
    await stopped
    assert metrics.rests == 1  # after the second nobody waited to write


async def test_more_reads_of_a_user_than_may_wait_are_refused_by_name_and_cost_nobody_else() -> None:
    store = StoreByHand()
    metrics = JournalMetrics()
    answers: list[Any] = []
    ref = Journal.start(store, metrics)
    for _ in range(MAX_WAITING_OF_USER + 2):
        ref.tell(ReadPage("ann", 1, answers.append))
    ref.tell(ReadPage("bob", 1, answers.append))
    await handled(ref)
    assert answers == [ReadRefused(f"{MAX_WAITING_OF_USER} reads of this user wait already")] * 2
    assert metrics.reads_refused == 2
    assert store.users() == ["ann", "bob"]
    store.asked[0][1].set_result(PageExpired("history_pruned"))
    await handled(ref)
    ref.tell(ReadPage("ann", 1, answers.append))  # there is room again
    await handled(ref)
    assert metrics.reads_refused == 2
    stopped = ref.stop(block=False)
    for _, answered in store.asked:
        if not answered.done():
            answered.set_exception(StoreUnavailable("stopped"))
            await asyncio.sleep(0)
    await stopped


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
        answered.set_result(HeadsFound(tuple(Head(line=user_id, revision=1, clock=CLOCK) for user_id in request.lines)))
        await asyncio.sleep(0)
        assert len(store.asked) == 2, "the answer begins the next, without another message"
        await handled(ref)
    await ref.stop(block=False)
    assert [request.lines for request, _ in store.asked] == [("ann",), ("bob", "cid", "dan")]
    assert [[head.line for head in answer.heads] for answer in answers] == [["ann"], ["bob", "cid"], ["dan"]]


async def test_a_storm_of_questions_for_heads_is_answered_in_slices() -> None:
    store = StoreByHand()
    answers: list[Any] = []
    ref = Journal.start(store, JournalMetrics())
    ref.tell(LoadHeads(("first",), answers.append))
    await handled(ref)
    for number in range(MAX_SHARING + 1):
        ref.tell(LoadHeads((str(number),), answers.append))
    await handled(ref)
    for _ in range(3):
        request, answered = store.asked[-1]
        answered.set_result(HeadsFound(tuple(Head(line=user_id, revision=1, clock=CLOCK) for user_id in request.lines)))
        await handled(ref)
    await ref.stop(block=False)
    assert [len(request.lines) for request, _ in store.asked] == [1, MAX_SHARING, 1]
    assert [answer.heads[0].line for answer in answers] == ["first", *map(str, range(MAX_SHARING + 1))]


async def test_while_the_store_fails_it_is_asked_one_thing_at_a_time() -> None:
    store = StoreByHand()
    ref = Journal.start(store, JournalMetrics())
    ref.tell(ReadPage("ann", 1, lambda answer: None))
    await handled(ref)
    store.asked.pop()[1].set_exception(StoreUnavailable("frozen"))
    await handled(ref)
    for name in ("bob", "cid", "dan"):
        ref.tell(ReadPage(name, 1, lambda answer: None))
    await handled(ref)
    assert store.users() == ["bob"]
    store.asked[0][1].set_result(PageExpired("history_pruned"))
    await handled(ref)
    assert store.users() == ["bob", "cid", "dan"]
    for _, answered in store.asked[1:]:
        answered.set_result(PageExpired("history_pruned"))
    await ref.stop(block=False)


@pytest.mark.parametrize("is_of_heads", [False, True])
async def test_a_user_does_not_rest_for_the_time_that_the_reader_took_for_others(
    monkeypatch: pytest.MonkeyPatch, is_of_heads: bool
) -> None:
    store, metrics = StoreByHand(), JournalMetrics()
    ref = await _journal_that_writes_all_it_can(store, metrics)
    now_s = asyncio.get_running_loop().time()
    monkeypatch.setattr(asyncio.get_running_loop(), "time", lambda: now_s)
    ref.tell(LoadHeads(("ann",), lambda answer: None) if is_of_heads else ReadPage("ann", 1, lambda answer: None))
    ref.tell(ReadPage("bob", 1, lambda answer: None))
    await handled(ref)
    now_s += 1
    if is_of_heads:
        (answered,) = [answered for request, answered in store.asked if isinstance(request, FindHeads)]
        answered.set_result(HeadsFound((Head(line="ann", revision=1, clock=CLOCK),)))
        await asyncio.sleep(0)
    else:
        await _answer_read(ref, store, "ann")
    assert metrics.rests == (0 if is_of_heads else 1)
    await _answer_read(ref, store, "bob")  # the reader does one after the other: at once
    assert metrics.rests == (0 if is_of_heads else 1)
    _answer_writes(store)
    await ref.stop(block=False)


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


async def test_a_question_for_heads_that_waits_behind_a_second_failure_does_not_wait_for_a_third() -> None:
    store = StoreByHand()
    answers: list[Any] = []
    ref = Journal.start(store, JournalMetrics())
    for name in ("ann", "bob"):
        ref.tell(ReadPage(name, 1, lambda answer: None))
    ref.tell(LoadHeads(("cid",), lambda answer: None))
    await handled(ref)
    ref.tell(LoadHeads(("dan",), answers.append))  # behind the other question
    await handled(ref)
    of_heads, *of_pages = [answered for _, answered in store.asked]
    for answered in of_pages:
        answered.set_exception(StoreUnavailable("frozen"))
        await handled(ref)
    assert answers == [HeadsLoaded(None)]
    of_heads.set_exception(StoreUnavailable("frozen"))
    await ref.stop(block=False)


async def test_what_a_register_says_is_asked_of_the_users_own_collection() -> None:
    store = StoreByHand()
    answers: list[Any] = []
    ref = Journal.start(store, JournalMetrics())
    ref.tell(ReadRegister("ann", PROGRESS, "movie:tmdb:1", answers.append))
    await handled(ref)
    [(request, answered)] = store.asked
    assert request == FindRegister(line_of("ann", PROGRESS), "movie:tmdb:1")
    found = RegisterFound(None)
    answered.set_result(found)
    await ref.stop(block=False)
    assert answers == [found]


async def test_a_read_that_raises_is_answered_and_the_journal_lives_on(harness: Harness) -> None:
    harness.store.fault = fail(KeyError("a defect"))
    assert await harness.ask(lambda reply_to: LoadHeads(("ann",), reply_to)) == HeadsLoaded(None)
    assert await harness.ask(lambda reply_to: ReadPage("ann", 10, reply_to)) == ReadFailed(
        "the journal could not be read"
    )
    assert harness.metrics.errors == 2
    harness.store.fault = lambda operations: None
    assert isinstance(await harness.ask(lambda reply_to: ReadPage("ann", 10, reply_to)), Page)


async def _journal_that_writes_all_it_can(store: StoreByHand, metrics: JournalMetrics) -> ActorRef[Journal]:
    """Return a journal with as many transactions under way as the store is handed."""
    ref = Journal.start(store, metrics)
    for user_id in ("wes", "zoe"):
        operation = Operation(line=user_id, device_id="d", change=Change("add", content(1)), timestamp=CLOCK)
        ref.tell(Commit(operation, lambda answer: None))
        await handled(ref)
    assert [type(request) for request, _ in store.asked] == [CommitBatch] * group_commit.MAX_UNDER_WAY
    return ref


def _reads(store: StoreByHand) -> list[str]:
    return [request.line for request, _ in store.asked if isinstance(request, FindPage)]


async def _answer_read(ref: ActorRef[Journal], store: StoreByHand, user_id: str) -> None:
    """Answer the user's read, which is under way or about to be."""
    async with asyncio.timeout(TIMEOUT_S):
        while not (
            asked := [
                (request, answered)
                for request, answered in store.asked
                if isinstance(request, FindPage) and request.line == user_id and not answered.done()
            ]
        ):
            await asyncio.sleep(0)
    [(request, answered)] = asked
    answered.set_result(Page(line=user_id, epoch="e", revision=request.limit, items=()))
    if ref.is_alive():
        await asyncio.sleep(0)


def _answer_writes(store: StoreByHand) -> None:
    for request, answered in store.asked:
        if isinstance(request, CommitBatch):
            answered.set_exception(StoreUnavailable("stopped"))
