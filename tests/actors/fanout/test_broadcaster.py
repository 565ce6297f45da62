import logging
from itertools import count
from uuid import UUID

import pytest
from msgspec import structs
from pykka import ActorRef

from actors.fanout.broadcaster import Relay, WebSocketBroadcaster
from actors.fanout.connection_registry import SendToUser
from actors.messages.sync import (
    DeviceCommand,
    ProgressUpdate,
    PubNubDeviceHandoff,
    PubNubProgressUpdate,
    PubNubSyncMessage,
    PubNubWatchlistUpdate,
    WatchlistUpdate,
)
from actors.metrics import BroadcastMetrics
from actors.runtime import LoopFuture
from crdt.hlc import HLCTimestamp
from tests.actors.conftest import Started

CONTENT_ID = "0b0e6a4e-52a5-4a5b-9a1f-000000000001"
CONTENT = UUID(CONTENT_ID)
STAMP = HLCTimestamp(1_764_000_000_000, 0, "node")
WATCHLIST = PubNubWatchlistUpdate("add", CONTENT_ID, "syncd:1", STAMP, "device-a", revision=1, origin="node")
PROGRESS = PubNubProgressUpdate(CONTENT_ID, 30, 3600)
HANDOFF = PubNubDeviceHandoff("tv", CONTENT_ID)


class Registry:
    """Answers at once, or when the test says."""

    def __init__(self) -> None:
        self.sent: list[SendToUser] = []
        self.answers: list[LoopFuture[int]] = []
        self.answers_at_once = True

    def send_to_user(self, message: SendToUser) -> LoopFuture[int]:
        self.sent.append(message)
        future: LoopFuture[int] = LoopFuture()
        self.answers.append(future)
        if self.answers_at_once:
            future.set(3)
        return future


@pytest.fixture
def registry() -> Registry:
    return Registry()


@pytest.fixture
def metrics() -> BroadcastMetrics:
    return BroadcastMetrics()


@pytest.fixture
async def broadcaster(
    started: Started, registry: Registry, metrics: BroadcastMetrics
) -> ActorRef[WebSocketBroadcaster]:
    clock = count(step=1)
    return started(WebSocketBroadcaster.start(registry.send_to_user, metrics, lambda: float(next(clock))))


async def test_figures_start_at_zero(metrics: BroadcastMetrics) -> None:
    assert metrics.messages_relayed == 0
    assert metrics.broadcast_latency.percentiles(0.5, 0.99) == (0.0, 0.0)
    assert metrics.broadcast_latency.average() == 0.0


@pytest.mark.parametrize(
    ("message", "sent"),
    [
        (WATCHLIST, WatchlistUpdate(CONTENT, "add", 1, "syncd:1", STAMP, "device-a")),
        (PROGRESS, ProgressUpdate(CONTENT, 30, 3600)),
        (HANDOFF, DeviceCommand(f"handoff:{CONTENT_ID}", "tv")),
    ],
)
async def test_each_kind_of_message_is_converted_sent_and_counted_once(
    broadcaster: ActorRef[WebSocketBroadcaster],
    registry: Registry,
    metrics: BroadcastMetrics,
    message: PubNubSyncMessage,
    sent: object,
) -> None:
    await broadcaster.ask(Relay("ann", (message,)), block=False)
    assert registry.sent == [SendToUser("ann", (sent,))]  # type: ignore[arg-type]
    assert metrics.messages_relayed == 1


@pytest.mark.parametrize("kind", [WATCHLIST, PROGRESS, HANDOFF])
async def test_an_invalid_uuid_is_warned_of_and_not_counted_as_relayed(
    broadcaster: ActorRef[WebSocketBroadcaster],
    registry: Registry,
    metrics: BroadcastMetrics,
    caplog: pytest.LogCaptureFixture,
    kind: PubNubSyncMessage,
) -> None:
    broken = structs.replace(kind, content_id="movie-123")
    await broadcaster.ask(Relay("ann", (broken,)), block=False)
    assert registry.sent == []
    assert (metrics.messages_relayed, metrics.messages_refused) == (0, 1)
    assert [(r.levelno, "not a UUID" in r.getMessage()) for r in caplog.records] == [(logging.WARNING, True)]


async def test_an_invalid_message_does_not_hold_back_the_valid_ones_beside_it(
    broadcaster: ActorRef[WebSocketBroadcaster], registry: Registry, metrics: BroadcastMetrics
) -> None:
    broken = PubNubProgressUpdate("nonsense", 1, 2)
    await broadcaster.ask(Relay("ann", (WATCHLIST, broken, HANDOFF)), block=False)
    assert [type(m) for m in registry.sent[0].messages] == [WatchlistUpdate, DeviceCommand]
    assert metrics.messages_relayed == 2


async def test_the_latency_runs_from_the_relays_start_to_the_registrys_answer(
    broadcaster: ActorRef[WebSocketBroadcaster], registry: Registry, metrics: BroadcastMetrics
) -> None:
    registry.answers_at_once = False
    await broadcaster.ask(Relay("ann", (WATCHLIST,)), block=False)
    assert metrics.messages_relayed == 0
    registry.answers[0].set(3)
    assert metrics.messages_relayed == 1
    assert list(metrics.broadcast_latency.latest) == [1.0]


async def test_relays_do_not_wait_for_each_other(
    broadcaster: ActorRef[WebSocketBroadcaster], registry: Registry, metrics: BroadcastMetrics
) -> None:
    registry.answers_at_once = False
    for _ in range(20):
        broadcaster.tell(Relay("ann", (WATCHLIST,)))
    await broadcaster.ask(Relay("ann", ()), block=False)
    assert len(registry.sent) == 20
    for answer in registry.answers:
        answer.set(3)
    assert metrics.messages_relayed == 20
    p50, p95, p99 = metrics.broadcast_latency.percentiles(0.50, 0.95, 0.99)
    assert 0 < p50 <= p95 <= p99


async def test_the_documented_methods_can_be_called_through_a_proxy(
    broadcaster: ActorRef[WebSocketBroadcaster], registry: Registry
) -> None:
    proxy = broadcaster.proxy()
    assert await proxy.convert_pubnub_message(PROGRESS) == ProgressUpdate(CONTENT, 30, 3600)
    await proxy.relay_pubnub_message("ann", PROGRESS)
    assert registry.sent == [SendToUser("ann", (ProgressUpdate(CONTENT, 30, 3600),))]
