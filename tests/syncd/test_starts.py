"""Each group of actors with its start barrier: who dies in its start is an error, and what had started is stopped."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import pytest
from pykka import ActorDeadError, ActorRef, ActorRegistry

from actors.journal.journal import Journal
from actors.messages.bus import Publish
from actors.messages.change import Change
from actors.messages.content_ids import UUIDS
from actors.messages.journal import Update
from actors.metrics import NodeMetrics
from actors.ports import Bus
from actors.runtime.ask import started
from actors.runtime.supervisor import Supervisor
from actors.tracing import untraced
from crdt.hlc import HLCTimestamp
from syncd.process.grace import Grace
from syncd.starts import Channels, Wiring, start_bus, start_fanout, start_journal, start_supervisor
from tests.actors.conftest import content
from tests.fakes.fake_store import FakeStore
from tests.fakes.hand_bus import HandBus
from tests.fakes.store_in_process import StoreInProcess
from transport.bus.codec import BusCodec
from transport.bus.none import NoBus

UPDATE = Update(
    line="ann",
    revision=1,
    change=Change("add", content(1)),
    tags=("syncd:1",),
    timestamp=HLCTimestamp(1, 0, "here"),
    device_id="tv",
)


@pytest.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as stack:
        yield stack
    assert ActorRegistry.get_all() == []


@pytest.fixture
def fake() -> FakeStore:
    return FakeStore()


@pytest.fixture
def store(fake: FakeStore) -> StoreInProcess:
    return StoreInProcess(fake)


@pytest.fixture
def wiring(stack: AsyncExitStack) -> Wiring:
    return Wiring(
        node="here",
        stack=stack,
        metrics=NodeMetrics(),
        tracer=untraced(),
        max_clock_drift_ms=60_000,
        max_followed=10_000,
        bus_retry_s=0.001,
        grace=Grace(0.05),
        content_ids=UUIDS,
    )


def running() -> list[str]:
    """The actors that run, in the order of their starts."""
    return [ref.actor_class.__name__ for ref in ActorRegistry.get_all()]


async def start_all(
    wiring: Wiring, store: StoreInProcess, bus: Bus
) -> tuple[ActorRef[Journal], ActorRef[Supervisor], Channels]:
    journal = await start_journal(wiring, store)
    supervisor = await start_supervisor(wiring, pytest.fail)
    fanout = await start_fanout(wiring, supervisor, lambda: channels.presence)
    channels = await start_bus(wiring, supervisor, journal, fanout, bus, BusCodec())
    return journal, supervisor, channels


async def test_a_group_has_started_when_its_start_returns(wiring: Wiring, store: StoreInProcess) -> None:
    journal = await start_journal(wiring, store)
    assert running() == ["Journal"]
    supervisor = await start_supervisor(wiring, pytest.fail)
    fanout = await start_fanout(wiring, supervisor, lambda: pytest.fail("nobody is there"))
    assert running() == ["Journal", "Supervisor", "ConnectionRegistry", "WebSocketBroadcaster"]
    await start_bus(wiring, supervisor, journal, fanout, NoBus(), BusCodec())
    assert running()[4:] == ["PubNubPublisher", "DeviceCommands", "DeviceHints", "Presence", "PubNubSubscriber"]


async def test_what_was_started_is_stopped_last_first(
    wiring: Wiring, store: StoreInProcess, fake: FakeStore, stack: AsyncExitStack
) -> None:
    _, _, channels = await start_all(wiring, store, NoBus())
    channels.users.watchlist("ann")
    assert running()[-1] == "WatchlistSync"
    await stack.aclose()
    assert running() == []
    assert fake.closed == 1


@pytest.mark.actors_may_fail
async def test_an_actor_that_dies_in_its_start_is_an_error_there(
    wiring: Wiring, store: StoreInProcess, stack: AsyncExitStack
) -> None:
    class BrokenBus(HandBus):
        async def start(self, listener: Any) -> None:
            raise ZeroDivisionError

    with pytest.raises(ActorDeadError):
        await start_all(wiring, store, BrokenBus())
    await stack.aclose()
    assert running() == []


@pytest.mark.actors_may_fail
async def test_an_actor_that_fails_later_is_restarted_and_a_users_goes_on_at_once(
    wiring: Wiring, store: StoreInProcess
) -> None:
    _, _, channels = await start_all(wiring, store, NoBus())
    user = channels.users.watchlist("ann")
    for ref in (channels.publisher, user):
        await started(ref)
        ref.tell("no message of ours")
        await started(ref)  # behind the restart
    assert wiring.metrics.restarts == {"PubNubPublisher": 1}
    assert wiring.metrics.messages_skipped["PubNubPublisher"] == 1


async def test_a_bus_that_takes_nothing_holds_up_the_end_only_so_long(
    wiring: Wiring, store: StoreInProcess, stack: AsyncExitStack, caplog: pytest.LogCaptureFixture
) -> None:
    bus = HandBus()
    _, _, channels = await start_all(wiring, store, bus)
    channels.publisher.tell(Publish("ann", UPDATE))
    _, _, answer = await bus.next_call()
    await stack.aclose()
    assert answer.cancelled()
    assert "the bus did not accept everything in time" in caplog.text
