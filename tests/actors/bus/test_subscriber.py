import logging
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import pytest
from pykka import ActorRef

from actors.bus.subscriber import HEADS_PER_READ, PubNubSubscriber, SubscriberDeps
from actors.errors import BusMessageRefused
from actors.messages.bus import CompareHeads
from actors.messages.channel import BusMessage, HeadMoved, PubNubProgressUpdate
from actors.messages.journal_reads import Head, HeadsLoaded, LoadHeads
from actors.metrics import BusMetrics
from actors.ports import NOBODY
from crdt.hlc import HLCTimestamp
from tests.actors.conftest import Started, Supervision
from tests.fakes.flaky_bus import FlakyBus

Handled = Callable[[ActorRef[Any]], Awaitable[object]]
PROGRESS = PubNubProgressUpdate("0b0e6a4e-52a5-4a5b-9a1f-000000000001", 1, 2)


class Others:
    def __init__(self) -> None:
        self.handled: list[tuple[str, BusMessage]] = []
        self.foreign: list[tuple[str, BusMessage]] = []
        self.broken_for: set[str] = set()
        self.too_late_for: set[str] = set()
        self.journal: list[Any] = []
        self.users = ["ann", "bob"]
        self.metrics = BusMetrics()

    def decode(self, user_id: str, payload: bytes) -> BusMessage:
        assert user_id
        if payload == b"rubbish":
            raise BusMessageRefused("malformed", "this is rubbish")
        return msgspec.json.decode(payload, type=PubNubProgressUpdate)

    def handle(self, user_id: str, message: BusMessage) -> None:
        if user_id in self.broken_for:
            raise ZeroDivisionError
        if user_id in self.too_late_for:
            raise BusMessageRefused("stale", "nobody expects this any more")
        self.handled.append((user_id, message))

    def handle_foreign(self, user_id: str, message: BusMessage) -> None:
        self.foreign.append((user_id, message))

    def start(self, bus: FlakyBus, *, takes_foreign: bool = True) -> ActorRef[PubNubSubscriber]:
        return PubNubSubscriber.start(
            SubscriberDeps(
                node="here",
                bus=bus,
                decode=self.decode,
                handle=self.handle,
                handle_foreign=self.handle_foreign if takes_foreign else None,
                active_users=lambda: tuple(self.users),
                journal=self.journal.append,
                metrics=self.metrics,
                retry_s=0.001,
            )
        )


@pytest.fixture
def others() -> Others:
    return Others()


async def test_a_bus_that_speaks_to_a_stopped_subscriber_is_not_heard_and_not_disturbed(
    started: Started, others: Others, handled: Handled
) -> None:
    bus = FlakyBus()
    ref = started(others.start(bus))
    await handled(ref)
    await ref.stop(block=False)
    bus.listener.on_message("ann", msgspec.json.encode(PROGRESS))
    bus.listener.on_gap("a moment")
    assert not others.handled


async def test_messages_are_decoded_and_handed_on(started: Started, others: Others, handled: Handled) -> None:
    bus = FlakyBus()
    ref = started(others.start(bus))
    await handled(ref)
    bus.listener.on_message("ann", msgspec.json.encode(PROGRESS))
    await handled(ref)
    assert others.handled == [("ann", PROGRESS)]


async def test_a_bad_message_is_warned_of_counted_by_reason_and_skipped(
    started: Started, others: Others, handled: Handled, caplog: pytest.LogCaptureFixture
) -> None:
    bus = FlakyBus()
    ref = started(others.start(bus))
    await handled(ref)
    bus.listener.on_message("ann", b"rubbish")
    others.too_late_for.add("bob")
    for user_id in ("bob", "ann"):
        bus.listener.on_message(user_id, msgspec.json.encode(PROGRESS))
    await handled(ref)
    assert others.handled == [("ann", PROGRESS)]
    assert others.metrics.refused == {"malformed": 1, "stale": 1}
    assert others.metrics.received == 3
    assert [r.levelno for r in caplog.records if "rubbish" in r.getMessage()] == [logging.WARNING]


async def test_an_unreachable_bus_is_tried_again_until_it_answers(
    started: Started, others: Others, handled: Handled, caplog: pytest.LogCaptureFixture
) -> None:
    bus = FlakyBus(failures=3)
    ref = started(others.start(bus))
    while bus.listener is NOBODY:
        await handled(ref)
    assert caplog.text.count("nobody listens") == 3


async def test_after_a_gap_every_active_user_is_told_where_the_journal_stands_and_of_which_epoch_that_is(
    started: Started, others: Others, handled: Handled
) -> None:
    bus = FlakyBus()
    ref = started(others.start(bus))
    await handled(ref)
    bus.listener.on_gap("reconnected")
    await handled(ref)
    (load,) = others.journal
    assert isinstance(load, LoadHeads)
    assert load.lines == ("ann", "bob")
    clock = HLCTimestamp(1, 0, "n")
    ann = Head(line="ann", revision=7, clock=clock, epoch="e")
    load.reply_to(HeadsLoaded((ann, Head(line="bob", revision=0, clock=clock))))
    await handled(ref)
    assert others.handled == [("ann", HeadMoved(7, "journal", epoch="e")), ("bob", HeadMoved(0, "journal"))]


async def test_users_subscribed_to_from_now_on_are_compared_and_nobody_else(
    started: Started, others: Others, handled: Handled
) -> None:
    bus = FlakyBus()
    ref = started(others.start(bus))
    await handled(ref)
    bus.listener.on_subscribed(("bob",))
    bus.listener.on_subscribed(("cat", "dan"))
    await handled(ref)
    assert [load.lines for load in others.journal] == [("bob",)]
    others.journal[0].reply_to(HeadsLoaded(()))
    await handled(ref)
    assert [load.lines for load in others.journal] == [("bob",), ("cat", "dan")]  # together, behind the first


async def test_what_may_be_a_foreign_write_goes_its_own_way(started: Started, others: Others, handled: Handled) -> None:
    bus = FlakyBus()
    ref = started(others.start(bus))
    await handled(ref)
    assert (bus.listener.node, bus.listener.on_foreign is not None) == ("here", True)
    assert bus.listener.on_foreign is not None
    bus.listener.on_foreign("zoe", msgspec.json.encode(PROGRESS))
    await handled(ref)
    assert (others.handled, others.foreign) == ([], [("zoe", PROGRESS)])


async def test_a_node_that_takes_no_foreign_writes_asks_for_none(
    started: Started, others: Others, handled: Handled
) -> None:
    bus = FlakyBus()
    ref = started(others.start(bus, takes_foreign=False))
    await handled(ref)
    assert bus.listener.on_foreign is None


async def test_now_and_then_heads_are_compared_without_a_gap(
    started: Started, others: Others, handled: Handled
) -> None:
    ref = started(others.start(FlakyBus()))
    ref.tell(CompareHeads())
    await handled(ref)
    assert [load.lines for load in others.journal] == [("ann", "bob")]


async def test_many_users_are_compared_in_several_reads_one_after_another(
    started: Started, others: Others, handled: Handled
) -> None:
    others.users = [f"user-{number}" for number in range(HEADS_PER_READ + 1)]
    bus = FlakyBus()
    ref = started(others.start(bus))
    await handled(ref)
    bus.listener.on_gap("reconnected")
    await handled(ref)
    assert [len(load.lines) for load in others.journal] == [HEADS_PER_READ]
    others.journal[0].reply_to(HeadsLoaded(()))
    await handled(ref)
    assert [len(load.lines) for load in others.journal] == [HEADS_PER_READ, 1]
    others.journal[1].reply_to(HeadsLoaded(()))
    await handled(ref)
    assert len(others.journal) == 2


async def test_a_journal_that_cannot_be_read_is_asked_again(started: Started, others: Others, handled: Handled) -> None:
    bus = FlakyBus()
    ref = started(others.start(bus))
    await handled(ref)
    bus.listener.on_gap("reconnected")
    await handled(ref)
    others.journal[0].reply_to(HeadsLoaded(None))
    while len(others.journal) < 2:
        await handled(ref)


async def test_gaps_while_the_journal_cannot_be_read_do_not_add_up(
    started: Started, others: Others, handled: Handled
) -> None:
    others.users = [f"user-{number}" for number in range(2 * HEADS_PER_READ)]
    bus = FlakyBus()
    ref = started(others.start(bus))
    await handled(ref)
    for _ in range(5):
        bus.listener.on_gap("reconnected")
    await handled(ref)
    for reads in range(1, 4):
        assert len(others.journal) == reads  # one under way, whatever happened
        others.journal[-1].reply_to(HeadsLoaded(None))
        while len(others.journal) == reads:
            await handled(ref)


@pytest.mark.actors_may_fail
async def test_a_subscriber_whose_handler_raises_is_restarted_and_counted_and_hands_on_what_comes_next(
    supervision: Supervision, others: Others, handled: Handled
) -> None:
    bus = FlakyBus()
    others.broken_for.add("ann")
    ref = supervision.start(others.start(bus))
    await handled(ref)
    bus.listener.on_message("ann", msgspec.json.encode(PROGRESS))
    bus.listener.on_message("bob", msgspec.json.encode(PROGRESS))
    await handled(ref)
    assert others.handled == [("bob", PROGRESS)]
    assert supervision.restarts == supervision.messages_skipped == {"PubNubSubscriber": 1}
