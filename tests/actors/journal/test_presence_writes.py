"""Who is online is written beside the commits: a failure of that is no outage, and a success ends none."""

import asyncio
from typing import Any, Final

from pykka import ActorRef

from actors.errors import StatementRefused, StoreUnavailable
from actors.journal.journal import Journal
from actors.messages.devices import NotePresence, PresenceNoted, WritePresence
from actors.messages.failures import WriteFailed
from actors.messages.lists import PutList
from actors.metrics import JournalMetrics
from tests.actors.conftest import Started
from tests.actors.journal.conftest import StoreByHand, handled

NOTE: Final = NotePresence(node="a", lease_ms=1, is_alone=False)
NOTED: Final = PresenceNoted(is_lease_kept=True, has_more=False)


def journal(started: Started, store: StoreByHand, metrics: JournalMetrics) -> ActorRef[Journal]:
    return started(Journal.start(store, metrics))


async def test_that_who_is_online_is_written_is_no_edit_of_lists(started: Started) -> None:
    store, metrics = StoreByHand(), JournalMetrics()
    ref = journal(started, store, metrics)
    ref.tell(WritePresence(NOTE, lambda _: None))
    await handled(ref)
    store.asked[0][1].set_result(NOTED)
    await handled(ref)
    assert not +metrics.list_edits


async def test_who_is_online_is_written_beside_the_commits(started: Started) -> None:
    store, answers = StoreByHand(), list[Any]()
    ref = journal(started, store, JournalMetrics())
    ref.tell(WritePresence(NOTE, answers.append))
    await handled(ref)
    ((asked, answer),) = store.asked
    answer.set_result(NOTED)
    await handled(ref)
    assert (asked, answers) == (NOTE, [NOTED])


async def test_that_who_is_online_cannot_be_written_is_no_outage_unless_it_never_can(started: Started) -> None:
    store, metrics, answers = StoreByHand(), JournalMetrics(), list[Any]()
    ref = journal(started, store, metrics)
    told = []
    for error in (StoreUnavailable("locked"), StatementRefused("no such table")):
        ref.tell(WritePresence(NOTE, answers.append))
        await handled(ref)
        store.asked[-1][1].set_exception(error)
        await handled(ref)
        told.append(metrics.unavailable)
    assert answers == [WriteFailed("the journal is unavailable")] * 2
    assert told == [None, "no such table"]


async def test_that_who_is_online_can_be_written_ends_no_outage_of_the_rest(started: Started) -> None:
    store, metrics, answers = StoreByHand(), JournalMetrics(), list[Any]()
    ref = journal(started, store, metrics)
    ref.tell(PutList("ann", "kids", "Kids", answers.append))
    await handled(ref)
    store.asked[-1][1].set_exception(StoreUnavailable("locked"))
    ref.tell(WritePresence(NOTE, answers.append))
    await handled(ref)
    store.asked[-1][1].set_result(NOTED)
    await handled(ref)
    assert metrics.problem == "cannot be written: locked"


async def test_the_journal_does_not_end_before_a_write_that_is_under_way() -> None:
    store, answers = StoreByHand(), list[Any]()
    ref = Journal.start(store, JournalMetrics())
    ref.tell(WritePresence(NOTE, answers.append))
    await handled(ref)
    stopped = asyncio.ensure_future(ref.stop(block=False))
    for _ in range(10):
        await asyncio.sleep(0)
    assert not stopped.done()
    store.asked[0][1].set_result(NOTED)
    assert await stopped
    assert answers == [NOTED]
