import asyncio
from collections.abc import AsyncIterator, Callable

import pytest
from pykka import ActorRef

from actors.connection.deadlines import SECOND_LOOK_S
from actors.connection.deps import ConnectionDeps
from actors.connection.device_writes import DeviceWrites
from actors.connection.heartbeat import Heartbeat
from actors.connection.outbox import Outbox
from actors.messages.close_codes import HEARTBEAT_MISSED, SLOW_CONSUMER, TOKEN_ENDED, Close
from actors.messages.connection import ConnectionInfo, TimerDue
from actors.runtime import LoopActor
from tests.fakes.recording_socket import RecordingSocket
from tests.timeouts import TIMEOUT_S


class Connection(LoopActor):
    """Stands for the ``SyncWebSocket`` that the timer tells."""

    def __init__(self) -> None:
        super().__init__()
        self.due = asyncio.Event()

    def on_receive(self, message: object) -> None:
        assert isinstance(message, TimerDue)
        self.due.set()


class Watched:
    """A heartbeat with a clock that is set by hand."""

    def __init__(self, ref: ActorRef[Connection]) -> None:
        self.socket = RecordingSocket()
        self.now_s = 100.0
        self.deps = ConnectionDeps(tell_watchlist=lambda _: None, frame=lambda _: b"", now_s=lambda: self.now_s)
        writes = DeviceWrites(ConnectionInfo("c", "ann", "tv", lambda _: None), self.socket, self.deps)
        self.heartbeat = Heartbeat(ref, self.socket, self.deps, Outbox(self.socket, writes), 1_000.0)

    def look(self, now_s: float, *, is_waiting_for_us: bool = False) -> Close | None:
        self.now_s = now_s
        return self.heartbeat.check(is_waiting_for_us=is_waiting_for_us)


@pytest.fixture
async def ref() -> AsyncIterator[ActorRef[Connection]]:
    ref = Connection.start()
    yield ref
    await ref.stop(block=False)


@pytest.fixture
async def watched(ref: ActorRef[Connection]) -> AsyncIterator[Watched]:
    watched = Watched(ref)
    yield watched
    watched.heartbeat.stop()


async def test_a_device_is_pinged_and_closed_if_it_stays_silent(watched: Watched) -> None:
    assert [watched.look(now_s) for now_s in (130.0, 160.0, 160.5)] == [None] * 3
    assert watched.socket.pings == 2
    assert watched.look(160.0 + SECOND_LOOK_S) is HEARTBEAT_MISSED


async def test_a_device_that_waits_for_us_may_be_silent(watched: Watched) -> None:
    assert [watched.look(130.0 + 30 * n, is_waiting_for_us=True) for n in range(5)] == [None] * 5


async def test_a_device_that_is_heard_has_time_again(watched: Watched) -> None:
    assert [watched.look(now_s) for now_s in (130.0, 160.0)] == [None] * 2
    watched.heartbeat.heard()
    assert [watched.look(now_s) for now_s in (190.0, 219.0)] == [None] * 2


@pytest.mark.parametrize("taken_from", ["unsent", "in_kernel"])
async def test_a_congested_device_is_not_pinged_and_closed_if_it_takes_nothing(
    watched: Watched, taken_from: str
) -> None:
    watched.socket.congested, watched.socket.unsent, watched.socket.in_kernel = True, 500, 500
    watched.heartbeat.watch_reading()
    assert watched.look(129.0) is None
    setattr(watched.socket, taken_from, 499)
    assert [watched.look(now_s) for now_s in (130.0, 159.0)] == [None] * 2
    assert watched.socket.pings == 0
    assert watched.look(160.0) is SLOW_CONSUMER


async def test_a_device_that_has_caught_up_before_its_time_was_looked_at_is_not_closed(watched: Watched) -> None:
    watched.socket.congested = True
    watched.heartbeat.watch_reading()
    watched.socket.congested = False
    assert watched.look(130.0) is None


@pytest.mark.parametrize("end", [Heartbeat.caught_up, Heartbeat.stop])
async def test_what_is_held_for_a_device_that_does_not_read_is_told(
    watched: Watched, end: Callable[[Heartbeat], object]
) -> None:
    watched.socket.congested, watched.socket.unsent = True, 500
    watched.heartbeat.watch_reading()
    watched.heartbeat.start()
    assert [held_bytes() for held_bytes in watched.deps.unread] == [500]
    end(watched.heartbeat)
    assert watched.deps.unread == set()


async def test_a_token_ends_unless_it_is_renewed(watched: Watched) -> None:
    watched.heartbeat.renew_token(1_500.0)
    assert watched.look(1_000.0) is None
    assert watched.look(1_500.0) is TOKEN_ENDED


async def test_the_timer_tells_the_actor_when_the_first_of_all_comes(
    watched: Watched, ref: ActorRef[Connection]
) -> None:
    due = await ref.proxy().due
    watched.heartbeat.start()
    watched.heartbeat.renew_token(watched.now_s)
    async with asyncio.timeout(TIMEOUT_S):
        await due.wait()


async def test_a_timer_that_is_stopped_tells_nobody(watched: Watched, ref: ActorRef[Connection]) -> None:
    due = await ref.proxy().due
    watched.heartbeat.renew_token(watched.now_s)
    assert [watched.heartbeat.stop() for _ in range(2)] == [True, False]
    for _ in range(10):
        await asyncio.sleep(0)
    assert not due.is_set()
