import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import pytest
from pykka import ActorRef

from actors.bus.publisher import MAX_IN_FLIGHT, MAX_OUTBOX_OF_USER, PubNubPublisher
from actors.errors import BusUnavailable, MessageRefused
from actors.messages.bus import Flush, Publish, ResumePublishing
from actors.messages.change import Change
from actors.messages.channel import BusMessage, PubNubWatchlistUpdate
from actors.messages.collections import WATCHLIST, line_of
from actors.messages.journal import Update
from actors.metrics import BusMetrics
from actors.runtime import LoopFuture
from actors.tracing import Span, Tracer, untraced
from crdt.hlc import HLCTimestamp
from tests.actors.conftest import Started, Supervision, content
from tests.fakes.hand_bus import HandBus

Handled = Callable[[ActorRef[Any]], Awaitable[object]]


def publish(user_id: str, revision: int) -> Publish:
    return Publish(
        user_id,
        Update(
            line=user_id,
            revision=revision,
            change=Change("add", content(1)),
            tags=("t",),
            timestamp=HLCTimestamp(1, 0, "here"),
            device_id="tv",
        ),
    )


def encode(_: str, message: BusMessage) -> bytes:
    return msgspec.json.encode(message)


@pytest.fixture
def bus() -> HandBus:
    return HandBus()


@pytest.fixture
def metrics() -> BusMetrics:
    return BusMetrics()


@pytest.fixture
async def publisher(started: Started, bus: HandBus, metrics: BusMetrics) -> ActorRef[PubNubPublisher]:
    return started(
        PubNubPublisher.start(
            bus,
            encode,
            metrics,
            "here",
            untraced(),
            retry_s=0.001,
            max_outbox=MAX_IN_FLIGHT + 50,
        )
    )


async def test_one_users_messages_go_one_after_another_and_others_side_by_side(
    publisher: ActorRef[PubNubPublisher], bus: HandBus
) -> None:
    for user_id, revision in (("ann", 1), ("ann", 2), ("bob", 7)):
        publisher.tell(publish(user_id, revision))
    first = await bus.next_call()
    other = await bus.next_call()
    assert [(call[0], call[1]["revision"]) for call in (first, other)] == [("ann", 1), ("bob", 7)]
    assert bus.calls == []
    first[2].set_result(None)
    assert (await bus.next_call())[1]["revision"] == 2


async def test_a_message_says_of_which_epoch_its_revision_is(
    publisher: ActorRef[PubNubPublisher], bus: HandBus
) -> None:
    publisher.tell(msgspec.structs.replace(publish("ann", 1), epoch="e"))
    assert (await bus.next_call())[1]["epoch"] == "e"


async def test_a_message_is_tried_until_the_bus_takes_it(
    publisher: ActorRef[PubNubPublisher], bus: HandBus, metrics: BusMetrics, caplog: pytest.LogCaptureFixture
) -> None:
    publisher.tell(publish("ann", 1))
    for _ in range(3):
        _, message, answer = await bus.next_call()
        assert message["revision"] == 1
        answer.set_exception(BusUnavailable("no route"))
    (await bus.next_call())[2].set_result(None)
    emptied: LoopFuture[None] = LoopFuture()
    publisher.tell(Flush(emptied.set))
    await emptied
    assert (metrics.published, metrics.publish_failures, metrics.outbox) == (1, 3, 0)
    assert "no route" in caplog.text


async def test_while_the_bus_is_away_one_message_probes_and_the_rest_wait(
    publisher: ActorRef[PubNubPublisher], bus: HandBus, metrics: BusMetrics, handled: Handled
) -> None:
    publisher.tell(publish("ann", 1))
    (await bus.next_call())[2].set_exception(BusUnavailable("gone"))
    while not metrics.publish_failures:
        await handled(publisher)
    for number in range(20):
        publisher.tell(publish(f"user-{number}", 1))
    probe = await bus.next_call()
    await handled(publisher)
    assert bus.calls == []
    probe[2].set_result(None)
    users = {(await bus.next_call())[0] for _ in range(20)}
    assert len(users) == 20


async def test_concurrency_is_bounded(publisher: ActorRef[PubNubPublisher], bus: HandBus, handled: Handled) -> None:
    for number in range(MAX_IN_FLIGHT + 10):
        publisher.tell(publish(f"user-{number}", 1))
    await handled(publisher)
    await asyncio.sleep(0)
    assert len(bus.calls) == MAX_IN_FLIGHT


async def test_a_message_the_bus_will_never_take_is_given_up_and_the_next_goes_on(
    publisher: ActorRef[PubNubPublisher], bus: HandBus, metrics: BusMetrics, caplog: pytest.LogCaptureFixture
) -> None:
    publisher.tell(publish("ann", 1))
    publisher.tell(publish("ann", 2))
    (await bus.next_call())[2].set_exception(MessageRefused("too large"))
    assert (await bus.next_call())[1]["revision"] == 2
    assert (metrics.published, metrics.publish_failures) == (0, 1)
    assert [r.levelno for r in caplog.records if "too large" in r.getMessage()] == [logging.ERROR]


async def test_a_full_outbox_keeps_one_hint_per_user_that_the_head_moved(
    publisher: ActorRef[PubNubPublisher], bus: HandBus, metrics: BusMetrics, handled: Handled
) -> None:
    for revision in range(1, 1001):
        publisher.tell(publish("ann", revision))
    first = await bus.next_call()
    await handled(publisher)
    assert metrics.outbox <= MAX_IN_FLIGHT + 50
    first[2].set_result(None)
    last: dict[str, Any] = {}
    while metrics.outbox > 1:
        _, last, answer = await bus.next_call()
        answer.set_result(None)
        await handled(publisher)
    if metrics.outbox:
        _, last, answer = await bus.next_call()
        answer.set_result(None)
    assert last["revision"] == 1000


StartBounded = Callable[[int], ActorRef[PubNubPublisher]]


@pytest.fixture
def start_bounded(started: Started, bus: HandBus, metrics: BusMetrics) -> StartBounded:
    """``start_bounded(max_outbox)``: a publisher that keeps so many messages."""

    def start(max_outbox: int) -> ActorRef[PubNubPublisher]:
        return started(PubNubPublisher.start(bus, encode, metrics, "here", untraced(), max_outbox=max_outbox))

    return start


@pytest.mark.parametrize(("published", "kept"), [(3, 3), (4, 2)])
async def test_the_outbox_shrinks_with_the_first_message_beyond_its_bound(
    start_bounded: StartBounded, metrics: BusMetrics, handled: Handled, published: int, kept: int
) -> None:
    publisher = start_bounded(3)
    for revision in range(published):
        publisher.tell(publish("ann", revision))
    await handled(publisher)
    assert metrics.outbox == kept


async def test_beyond_the_bound_only_what_is_longer_than_a_hint_shrinks(
    start_bounded: StartBounded, bus: HandBus, metrics: BusMetrics, handled: Handled
) -> None:
    publisher = start_bounded(3)
    for revision in (1, 2, 3):
        publisher.tell(publish("ann", revision))  # at the bound, all are kept
    for revision in (1, 2):
        publisher.tell(publish("bob", revision))  # beyond it, a hint would save nothing
    for revision in (1, 2, 3):
        publisher.tell(publish("cat", revision))  # a hint saves one
    await handled(publisher)
    assert metrics.outbox == 3 + 2 + 2
    sent = []
    for _ in range(metrics.outbox):
        user_id, message, answer = await bus.next_call()
        sent.append((user_id, message["revision"], message["type"]))
        answer.set_result(None)
    assert sorted(sent) == [
        ("ann", 1, "watchlist_update"),
        ("ann", 2, "watchlist_update"),
        ("ann", 3, "watchlist_update"),
        ("bob", 1, "watchlist_update"),
        ("bob", 2, "watchlist_update"),
        ("cat", 1, "watchlist_update"),
        ("cat", 3, "head_moved"),
    ]


@pytest.mark.parametrize(
    ("more", "sent"),
    [
        (0, [("watchlist_update", number) for number in range(1, MAX_OUTBOX_OF_USER + 1)]),
        (1, [("watchlist_update", 1), ("head_moved", MAX_OUTBOX_OF_USER + 1)]),
    ],
)
async def test_what_a_user_does_behind_a_bulk_of_changes_does_not_wait_until_each_of_them_is_published(
    start_bounded: StartBounded,
    bus: HandBus,
    metrics: BusMetrics,
    handled: Handled,
    more: int,
    sent: list[tuple[str, int]],
) -> None:
    publisher = start_bounded(1_000)
    for revision in range(1, MAX_OUTBOX_OF_USER + more + 1):
        publisher.tell(publish("ann", revision))
    await handled(publisher)
    published = []
    for _ in range(metrics.outbox):
        _, message, answer = await bus.next_call()
        published.append((message["type"], message["revision"]))
        answer.set_result(None)
    assert published == sent


async def test_each_collection_of_a_user_keeps_a_hint_of_its_own(
    start_bounded: StartBounded, bus: HandBus, metrics: BusMetrics, handled: Handled
) -> None:
    publisher = start_bounded(3)
    for revision in range(1, 6):
        for collection in (WATCHLIST, "list:kids"):
            told = publish("ann", revision)
            update = msgspec.structs.replace(told.update, line=line_of("ann", collection))
            publisher.tell(msgspec.structs.replace(told, update=update))
    await handled(publisher)
    hints = []
    for _ in range(metrics.outbox):
        _, message, answer = await bus.next_call()
        if message["type"] == "head_moved":
            hints.append((message.get("collection", WATCHLIST), message["revision"]))
        answer.set_result(None)
    assert sorted(hints) == [("list:kids", 5), (WATCHLIST, 5)]


async def test_while_the_bus_is_away_it_is_not_asked_because_somebody_writes(
    started: Started, bus: HandBus, metrics: BusMetrics, handled: Handled
) -> None:
    publisher = started(PubNubPublisher.start(bus, encode, metrics, "here", untraced(), retry_s=3_600.0))
    publisher.tell(publish("ann", 1))
    (await bus.next_call())[2].set_exception(BusUnavailable("gone"))
    while not metrics.publish_failures:
        await handled(publisher)
    publisher.tell(publish("bob", 1))
    await handled(publisher)
    await asyncio.sleep(0)
    assert bus.calls == []
    publisher.tell(ResumePublishing())
    await bus.next_call()


async def test_a_flush_is_answered_when_the_outbox_is_empty(
    publisher: ActorRef[PubNubPublisher], bus: HandBus, handled: Handled
) -> None:
    publisher.tell(publish("ann", 1))
    flushed: list[None] = []
    publisher.tell(Flush(flushed.append))
    call = await bus.next_call()
    await handled(publisher)
    assert flushed == []
    call[2].set_result(None)
    while not flushed:
        await handled(publisher)
    assert flushed == [None]
    publisher.tell(publish("ann", 2))
    (await bus.next_call())[2].set_result(None)
    emptied: list[None] = []
    publisher.tell(Flush(emptied.append))
    while not emptied:
        await handled(publisher)
    assert flushed == [None]  # once


async def test_a_flush_of_an_empty_outbox_is_answered_at_once(
    publisher: ActorRef[PubNubPublisher], handled: Handled
) -> None:
    flushed: list[None] = []
    publisher.tell(Flush(flushed.append))
    await handled(publisher)
    assert flushed == [None]


@pytest.mark.actors_may_fail
async def test_a_publisher_whose_codec_raises_is_restarted_and_counted_and_publishes_what_comes_next(
    supervision: Supervision, bus: HandBus, metrics: BusMetrics
) -> None:
    def encode_or_raise(_user_id: str, message: BusMessage) -> bytes:
        if isinstance(message, PubNubWatchlistUpdate) and message.revision == 4:
            raise ValueError("cannot be encoded")
        return encode(_user_id, message)

    publisher = supervision.start(PubNubPublisher.start(bus, encode_or_raise, metrics, "here", untraced()))
    publisher.tell(publish("ann", 4))
    publisher.tell(publish("ann", 5))
    user_id, message, answer = await bus.next_call()
    assert (user_id, message["revision"]) == ("ann", 5)
    answer.set_result(None)
    assert supervision.restarts == supervision.messages_skipped == {"PubNubPublisher": 1}


async def test_a_traced_write_is_published_with_the_span_that_others_go_on_from(
    started: Started, bus: HandBus, metrics: BusMetrics
) -> None:
    spans: list[Span] = []
    tracer = Tracer(spans.append, 1.0)
    trace = tracer.accept(None, "ann", "phone", "http")
    assert trace is not None
    tracer.commit(trace, 1, "added", is_new=True)
    publisher = started(PubNubPublisher.start(bus, encode, metrics, "here", tracer, retry_s=0.001))
    spans.clear()
    publisher.tell(publish("ann", 1))
    publisher.tell(publish("ann", 2))
    _, traced, answer = await bus.next_call()
    answer.set_result(None)
    _, other, answer = await bus.next_call()
    answer.set_result(None)
    (published,) = spans
    assert (published.stage, published.parent_id, published.revision) == ("published", trace.span_id, 1)
    assert traced["traceparent"].split("-")[1:3] == [published.trace_id, published.span_id]
    assert "traceparent" not in other


async def test_a_failure_in_the_pause_neither_warns_again_nor_begins_another(
    started: Started,
    bus: HandBus,
    metrics: BusMetrics,
    handled: Handled,
    caplog: pytest.LogCaptureFixture,
) -> None:
    pauses: list[float] = []

    def draw() -> float:
        pauses.append(0.5)
        return 0.5

    publisher = started(PubNubPublisher.start(bus, encode, metrics, "here", untraced(), random=draw))
    for user_id in ("ann", "bob"):
        publisher.tell(publish(user_id, 1))
    for failures, call in enumerate([await bus.next_call(), await bus.next_call()], start=1):
        call[2].set_exception(BusUnavailable("gone"))
        while metrics.publish_failures < failures:
            await handled(publisher)
        await handled(publisher)
    assert [record.levelno for record in caplog.records if "gone" in record.getMessage()] == [logging.WARNING]
    assert (bus.calls, metrics.outbox, pauses) == ([], 2, [0.5])


async def test_stopping_gives_up_what_is_under_way(publisher: ActorRef[PubNubPublisher], bus: HandBus) -> None:
    publisher.tell(publish("ann", 1))
    _, _, answer = await bus.next_call()
    await publisher.stop(block=False)
    while not answer.done():
        await asyncio.sleep(0)
    assert answer.cancelled()
