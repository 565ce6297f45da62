"""Lists are named and deleted through the journal: behind the commits told before, and never without an answer."""

import asyncio
from typing import Any

from pykka import ActorRef

from actors.errors import StoreDefect, StoreUnavailable
from actors.journal.journal import Journal
from actors.journal.list_edits import MAX_UNDER_WAY
from actors.journal.user_turns import MAX_WAITING_OF_USER
from actors.messages.change import Change
from actors.messages.failures import WriteFailed, WriteRefused
from actors.messages.journal import Commit, Operation
from actors.messages.lists import DeleteList, ListDeleted, ListPut, PutList
from actors.messages.store import CommitBatch, DropList, NameList
from actors.metrics import JournalMetrics
from tests.actors.conftest import Started, content
from tests.actors.journal.conftest import StoreByHand, handled
from tests.fakes.fake_store import CLOCK


def journal(started: Started, store: StoreByHand, metrics: JournalMetrics) -> ActorRef[Journal]:
    return started(Journal.start(store, metrics))


async def test_an_edit_is_handed_on_and_its_answer_back(started: Started) -> None:
    store, answers = StoreByHand(), list[Any]()
    ref = journal(started, store, JournalMetrics())
    ref.tell(PutList("ann", "kids", "Kids", answers.append))
    ref.tell(DeleteList("bob", "kids", answers.append))
    await handled(ref)
    assert [request for request, _ in store.asked] == [NameList("ann", "kids", "Kids"), DropList("bob", "kids")]
    store.asked[0][1].set_result(ListPut(is_new=True))
    store.asked[1][1].set_result(ListDeleted(7))
    await handled(ref)
    assert answers == [ListPut(is_new=True), ListDeleted(7)]


async def test_users_take_turns_however_many_edits_one_of_them_asks_for(started: Started) -> None:
    store, answers = StoreByHand(), list[Any]()
    ref = journal(started, store, JournalMetrics())
    for number in range(3):
        ref.tell(PutList("ann", f"l{number}", "", answers.append))
    for user_id in ("bob", "cid"):
        ref.tell(PutList(user_id, "kids", "", answers.append))
    await handled(ref)
    done = 0
    while done < len(store.asked):
        assert len(store.asked) - done <= MAX_UNDER_WAY
        store.asked[done][1].set_result(ListPut())
        done += 1
        await handled(ref)
    asked = [(request.user_id, request.list) for request, _ in store.asked]
    assert asked == [("ann", "l0"), ("bob", "kids"), ("cid", "kids"), ("ann", "l1"), ("ann", "l2")]
    assert answers == [ListPut()] * 5


async def test_more_edits_of_a_user_than_may_wait_are_refused_by_name(started: Started) -> None:
    store, metrics, answers = StoreByHand(), JournalMetrics(), list[Any]()
    ref = journal(started, store, metrics)
    for _ in range(MAX_WAITING_OF_USER + 2):
        ref.tell(PutList("ann", "kids", "", answers.append))
    ref.tell(PutList("bob", "kids", "", answers.append))
    await handled(ref)
    assert answers == [WriteRefused(f"{MAX_WAITING_OF_USER} edits of this user's lists wait already")]
    assert metrics.list_edits_refused == 1
    assert [request.user_id for request, _ in store.asked] == ["ann", "bob"]
    for _, answer in store.asked:
        answer.set_exception(StoreUnavailable("away"))
    await handled(ref)
    store.asked[-1][1].set_exception(StoreUnavailable("away still"))
    await handled(ref)
    assert len(store.asked) == 3  # one was tried in the outage; the others were not made to wait
    assert answers[1:] == [WriteFailed("the journal is unavailable")] * (MAX_WAITING_OF_USER + 2)


async def test_a_long_list_is_deleted_behind_what_came_between_its_parts(started: Started) -> None:
    store, answers = StoreByHand(), list[Any]()
    ref = journal(started, store, JournalMetrics())
    ref.tell(DeleteList("ann", "kids", answers.append))
    await handled(ref)
    operation = Operation(line="bob", device_id="tv", change=Change("add", content(1)), timestamp=CLOCK)
    ref.tell(Commit(operation, lambda _: None))
    await handled(ref)
    store.asked[0][1].set_result(ListDeleted(7, has_more=True))
    await handled(ref)
    assert [type(request) for request, _ in store.asked] == [DropList, CommitBatch, DropList]
    assert answers == []
    store.asked[2][1].set_result(ListDeleted(8))
    store.asked[1][1].set_exception(StoreUnavailable("the test is over"))
    await handled(ref)
    assert answers == [ListDeleted(8)]


async def test_what_fails_is_answered_and_counted(started: Started) -> None:
    store, metrics, answers = StoreByHand(), JournalMetrics(), list[Any]()
    ref = journal(started, store, metrics)
    for error in (StoreUnavailable("away"), StoreDefect("oh")):
        ref.tell(DeleteList("ann", "kids", answers.append))
        await handled(ref)
        store.asked[-1][1].set_exception(error)
        await handled(ref)
    assert answers == [WriteFailed("the journal is unavailable")] * 2
    assert (metrics.failures, metrics.errors, metrics.unavailable) == (1, 1, "away")


async def test_in_an_outage_one_edit_is_tried_at_a_time(started: Started) -> None:
    store, answers = StoreByHand(), list[Any]()
    ref = journal(started, store, JournalMetrics())
    for user_id in ("ann", "bob", "cid", "dan"):
        ref.tell(PutList(user_id, "kids", "", answers.append))
    await handled(ref)
    for _, answer in store.asked[:2]:
        answer.set_exception(StoreUnavailable("away"))
    await handled(ref)
    assert [request.user_id for request, _ in store.asked] == ["ann", "bob", "cid"]
    store.asked[2][1].set_result(ListPut())
    await handled(ref)
    store.asked[3][1].set_result(ListPut())
    await handled(ref)
    assert answers == [WriteFailed("the journal is unavailable")] * 2 + [ListPut()] * 2


async def test_the_journal_does_not_end_before_an_edit_that_is_under_way() -> None:
    store, answers = StoreByHand(), list[Any]()
    ref = Journal.start(store, JournalMetrics())
    ref.tell(PutList("ann", "kids", "", answers.append))
    await handled(ref)
    stopped = asyncio.ensure_future(ref.stop(block=False))
    for _ in range(10):
        await asyncio.sleep(0)
    assert not stopped.done()
    store.asked[0][1].set_result(ListPut())
    assert await stopped
    assert answers == [ListPut()]


async def test_what_becomes_of_each_edit_is_counted_once(started: Started) -> None:
    store, metrics, answers = StoreByHand(), JournalMetrics(), list[Any]()
    ref = journal(started, store, metrics)
    put, delete = PutList("ann", "kids", "Kids", answers.append), DeleteList("ann", "kids", answers.append)
    for edit, answer in (
        (put, ListPut(is_new=True)),
        (put, ListPut()),
        (put, ListPut(problem="there are 100 lists")),
        (put, StoreUnavailable("away")),
        (delete, ListDeleted(7, has_more=True)),
        (delete, ListDeleted(None)),
        (delete, StoreUnavailable("away")),
    ):
        ref.tell(edit)
        await handled(ref)
        asked = store.asked[-1][1]
        asked.set_exception(answer) if isinstance(answer, Exception) else asked.set_result(answer)
        await handled(ref)
        if len(answers) < len(store.asked) and asked is not store.asked[-1][1]:  # the rest of a long list
            store.asked[-1][1].set_result(ListDeleted(8))
            await handled(ref)
    assert +metrics.list_edits == {
        ("put", "created"): 1, ("put", "renamed"): 1, ("put", "quota_exceeded"): 1, ("put", "failed"): 1,
        ("delete", "deleted"): 1, ("delete", "not_found"): 1, ("delete", "failed"): 1,
    }  # fmt: skip


async def test_what_was_told_before_is_committed_before(started: Started) -> None:
    store = StoreByHand()
    ref = journal(started, store, JournalMetrics())
    operation = Operation(line="ann", device_id="tv", change=Change("add", content(1)), timestamp=CLOCK)
    ref.tell(Commit(operation, lambda _: None))
    ref.tell(DeleteList("ann", "kids", lambda _: None))
    await handled(ref)
    assert [type(request) for request, _ in store.asked] == [CommitBatch, DropList]
    for _, answer in store.asked:
        answer.set_exception(StoreUnavailable("the test is over"))
    await handled(ref)
