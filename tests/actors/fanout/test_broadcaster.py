import logging
from itertools import count

import msgspec
import pytest
from msgspec import structs
from pykka import ActorRef

from actors.fanout.broadcaster import WebSocketBroadcaster
from actors.messages.change import Change
from actors.messages.channel import (
    PubNubDeviceHandoff,
    PubNubProgressUpdate,
    PubNubSyncMessage,
    PubNubWatchlistUpdate,
)
from actors.messages.content_ids import TEXTS, UUIDS
from actors.messages.conversion import device_update
from actors.messages.fanout import Relay, RelayMissed, RelayPubNubMessage, SendToUser
from actors.messages.journal import Update
from actors.messages.sync import DeviceCommand, ProgressUpdate, SyncMessage, WatchlistUpdate
from actors.metrics import BroadcastMetrics
from actors.tracing import Span, Tracer, untraced
from crdt.hlc import HLCTimestamp
from tests.actors.conftest import Started, Supervision

CONTENT_ID = "0b0e6a4e-52a5-4a5b-9a1f-000000000001"
STAMP = HLCTimestamp(1_764_000_000_000, 0, "node")
WATCHLIST = PubNubWatchlistUpdate("add", CONTENT_ID, "syncd:1", STAMP, "device-a", revision=1, origin="node")
PROGRESS = PubNubProgressUpdate(CONTENT_ID, 30, 3600)
HANDOFF = PubNubDeviceHandoff("tv", CONTENT_ID)
SHOWN = WatchlistUpdate(CONTENT_ID, "add", 1, "syncd:1", STAMP, "device-a")


def update(revision: int) -> Update:
    return Update(
        line="ann",
        revision=revision,
        change=Change("add", CONTENT_ID),
        tags=(f"syncd:{revision}",),
        timestamp=STAMP,
        device_id="device-a",
    )


@pytest.fixture
def sent() -> list[SendToUser]:
    return []


@pytest.fixture
def metrics() -> BroadcastMetrics:
    return BroadcastMetrics()


@pytest.fixture
async def broadcaster(
    started: Started, sent: list[SendToUser], metrics: BroadcastMetrics
) -> ActorRef[WebSocketBroadcaster]:
    clock = count(100)
    return started(WebSocketBroadcaster.start(sent.append, metrics, lambda: float(next(clock)), untraced(), UUIDS))


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        (WATCHLIST, SHOWN),
        (PROGRESS, ProgressUpdate(CONTENT_ID, 30, 3600)),
        (HANDOFF, DeviceCommand(f"handoff:{CONTENT_ID}", "tv")),
    ],
)
async def test_each_kind_of_message_of_the_channel_is_converted_and_sent(
    broadcaster: ActorRef[WebSocketBroadcaster],
    sent: list[SendToUser],
    message: PubNubSyncMessage,
    shown: SyncMessage,
) -> None:
    await broadcaster.ask(RelayPubNubMessage("ann", message), block=False)
    assert sent == [SendToUser("ann", (shown,), began_s=100.0)]


async def test_an_update_of_the_journal_is_shown_as_the_channels_form_of_it_is(
    broadcaster: ActorRef[WebSocketBroadcaster], sent: list[SendToUser]
) -> None:
    await broadcaster.ask(Relay("ann", (update(1),)), block=False)
    assert sent[0].messages == (SHOWN,)


async def test_updates_of_one_relay_are_sent_together_and_in_order(
    broadcaster: ActorRef[WebSocketBroadcaster], sent: list[SendToUser]
) -> None:
    await broadcaster.ask(Relay("ann", (update(4), update(5))), block=False)
    (together,) = sent
    assert [message.revision for message in together.messages if isinstance(message, WatchlistUpdate)] == [4, 5]


async def test_updates_that_were_read_back_are_shown_as_those_that_were_committed(
    broadcaster: ActorRef[WebSocketBroadcaster], sent: list[SendToUser]
) -> None:
    read = tuple(msgspec.json.encode(device_update(update(revision))) for revision in (1, 2))
    await broadcaster.ask(RelayMissed("ann", read), block=False)
    await broadcaster.ask(Relay("ann", (update(1), update(2))), block=False)
    missed, committed = sent
    assert missed.messages == committed.messages
    assert missed.messages[0] == SHOWN


@pytest.mark.parametrize("kind", [WATCHLIST, PROGRESS, HANDOFF])
async def test_an_invalid_uuid_is_warned_of_and_not_relayed(
    broadcaster: ActorRef[WebSocketBroadcaster],
    sent: list[SendToUser],
    metrics: BroadcastMetrics,
    caplog: pytest.LogCaptureFixture,
    kind: PubNubSyncMessage,
) -> None:
    broken = structs.replace(kind, content_id="movie-123")
    await broadcaster.ask(RelayPubNubMessage("ann", broken), block=False)
    assert sent == []
    assert (metrics.messages_relayed, metrics.messages_refused) == (0, 1)
    assert [(r.levelno, "must be a UUID" in r.getMessage()) for r in caplog.records] == [(logging.WARNING, True)]


async def test_where_any_text_is_an_id_messages_with_one_are_relayed(
    started: Started, sent: list[SendToUser], metrics: BroadcastMetrics
) -> None:
    broadcaster = started(WebSocketBroadcaster.start(sent.append, metrics, lambda: 0.0, untraced(), TEXTS))
    for kind in (WATCHLIST, PROGRESS, HANDOFF):
        for content_id in ("plex://movie/5d77", "a\nb"):
            message = RelayPubNubMessage("ann", structs.replace(kind, content_id=content_id))
            await broadcaster.ask(message, block=False)
    assert [relay.messages for relay in sent] == [
        (structs.replace(SHOWN, content_id="plex://movie/5d77"),),
        (ProgressUpdate("plex://movie/5d77", 30, 3600),),
        (DeviceCommand("handoff:plex://movie/5d77", "tv"),),
    ]
    assert metrics.messages_refused == 3


async def test_relays_do_not_wait_for_the_registry(
    broadcaster: ActorRef[WebSocketBroadcaster], sent: list[SendToUser], metrics: BroadcastMetrics
) -> None:
    for _ in range(20):
        broadcaster.tell(RelayPubNubMessage("ann", WATCHLIST))
    await broadcaster.ask(RelayPubNubMessage("ann", PROGRESS), block=False)
    assert len(sent) == 21
    assert metrics.messages_relayed == 0  # for the registry to count


async def test_devices_go_on_from_the_relay_of_a_traced_write(started: Started, sent: list[SendToUser]) -> None:
    spans: list[Span] = []
    tracer = Tracer(spans.append, 1.0)
    trace = tracer.accept(None, "ann", "phone", "http")
    assert trace is not None
    tracer.commit(trace, 4, "added", is_new=True)
    broadcaster = started(WebSocketBroadcaster.start(sent.append, BroadcastMetrics(), lambda: 0.0, tracer, UUIDS))
    await broadcaster.ask(Relay("ann", (update(4), update(5))), block=False)
    traced, other = sent[0].messages
    assert isinstance(traced, WatchlistUpdate)
    assert isinstance(other, WatchlistUpdate)
    await broadcaster.ask(RelayPubNubMessage("ann", PROGRESS), block=False)
    assert sent[1].messages == (ProgressUpdate(CONTENT_ID, 30, 3600),)
    relay = tracer.relay("ann", 4)
    assert relay is not None
    assert (traced.traceparent, other.traceparent) == (relay.traceparent, None)
    assert relay.parent_id == trace.span_id


async def test_the_documented_methods_can_be_called_through_a_proxy(
    broadcaster: ActorRef[WebSocketBroadcaster], sent: list[SendToUser]
) -> None:
    proxy = broadcaster.proxy()
    assert await proxy.convert_pubnub_message(PROGRESS) == ProgressUpdate(CONTENT_ID, 30, 3600)
    await proxy.relay_pubnub_message("ann", PROGRESS)
    assert sent[0].messages == (ProgressUpdate(CONTENT_ID, 30, 3600),)


@pytest.mark.actors_may_fail
async def test_a_broadcaster_that_raises_is_restarted_and_counted_and_relays_what_comes_next(
    supervision: Supervision, sent: list[SendToUser], metrics: BroadcastMetrics
) -> None:
    clock = iter((ZeroDivisionError(), 1.0))

    def now_s() -> float:
        now = next(clock)
        if isinstance(now, Exception):
            raise now
        return now

    broadcaster = supervision.start(WebSocketBroadcaster.start(sent.append, metrics, now_s, untraced(), UUIDS))
    broadcaster.tell(RelayPubNubMessage("ann", PROGRESS))
    await broadcaster.ask(RelayPubNubMessage("ann", HANDOFF), block=False)
    assert [message for relay in sent for message in relay.messages] == [DeviceCommand(f"handoff:{CONTENT_ID}", "tv")]
    assert supervision.restarts == supervision.messages_skipped == {"WebSocketBroadcaster": 1}
