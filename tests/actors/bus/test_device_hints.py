"""Who has come online or gone offline is told here at once, and over the bus only where somebody may be to hear it."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import pytest
from msgspec import structs
from pykka import ActorRef

from actors.bus.device_hints import MAX_AT_ONCE, MAX_WAITING, DeviceHints, DeviceHintsDeps
from actors.errors import BusUnavailable, MessageRefused
from actors.messages.bus import RemoteLists, RemoteSeen, ShowLists, ShowSeen
from actors.messages.channel import PubNubDevicesSeen, PubNubListsChanged
from actors.messages.devices import DeviceSeen, UserDevicesSeen
from actors.messages.watchlist import DevicesSeen, ListsChanged
from actors.metrics import BusMetrics
from tests.actors.conftest import Started
from tests.fakes.hand_bus import HandBus
from tests.fakes.wall_clock import WallClock
from tests.timeouts import TIMEOUT_S

Handled = Callable[[ActorRef[Any]], Awaitable[object]]
TV = (DeviceSeen("tv", is_online=True, last_seen_ms=1),)


class Wired:
    """A ``DeviceHints``, with the bus in the test's hands."""

    def __init__(self, started: Started, handled: Handled, **changes: Any) -> None:
        self.told: list[tuple[str, DevicesSeen | ListsChanged]] = []
        self.bus, self.metrics, self.wall_clock = HandBus(), BusMetrics(), WallClock()
        self._handled = handled
        self.ref = started(
            DeviceHints.start(
                DeviceHintsDeps(
                    node="a",
                    bus=self.bus,
                    encode=lambda _, message: msgspec.json.encode(message),
                    tell_if_active=lambda user_id, seen: self.told.append((user_id, seen)),
                    metrics=self.metrics,
                    now_ms=self.wall_clock,
                    **changes,
                )
            )
        )

    async def tell(self, message: object) -> None:
        self.ref.tell(message)
        await self._handled(self.ref)

    def remote(self, **changes: Any) -> RemoteSeen:
        """Return what another node sends."""
        message = PubNubDevicesSeen(TV, "1", "b", self.wall_clock.now_ms)
        return RemoteSeen("ann", structs.replace(message, **changes))

    async def published(self) -> dict[str, Any]:
        """Return the next message on the bus, which takes it."""
        async with asyncio.timeout(TIMEOUT_S):
            user_id, message, answer = await self.bus.next_call()
        answer.set_result(None)
        return {"user_id": user_id, **message}


@pytest.fixture
async def wired(started: Started, handled: Handled) -> Wired:
    return Wired(started, handled)


async def test_the_bus_carries_what_concerns_a_user_who_is_elsewhere_too(wired: Wired) -> None:
    here, elsewhere = UserDevicesSeen("ann", TV, is_elsewhere=False), UserDevicesSeen("bob", TV, is_elsewhere=True)
    await wired.tell(ShowSeen((here, elsewhere)))
    assert wired.told == [("ann", DevicesSeen(TV)), ("bob", DevicesSeen(TV))]
    message = await wired.published()
    assert wired.bus.calls == []
    sent = msgspec.convert(message, PubNubDevicesSeen)
    assert (message["user_id"], sent.devices, sent.origin, sent.sent_ms) == ("bob", TV, "a", wired.wall_clock.now_ms)


@pytest.mark.parametrize("error", [BusUnavailable("away"), MessageRefused("too large")])
async def test_a_hint_that_the_bus_does_not_take_is_lost_and_the_next_is_not(wired: Wired, error: Exception) -> None:
    for user_id in ("ann", "bob"):
        await wired.tell(ShowSeen((UserDevicesSeen(user_id, TV, is_elsewhere=True),)))
    async with asyncio.timeout(TIMEOUT_S):
        _, _, answer = await wired.bus.next_call()
    answer.set_exception(error)
    assert (await wired.published())["user_id"] == "bob"


async def test_each_hint_is_on_the_bus_however_long_the_one_before_was_taken(wired: Wired) -> None:
    for user_id in ("ann", "bob"):
        await wired.tell(ShowSeen((UserDevicesSeen(user_id, TV, is_elsewhere=True),)))
        assert (await wired.published())["user_id"] == user_id
        for _ in range(10):  # until the task that has published it is done
            await asyncio.sleep(0)


async def test_a_bus_that_does_not_answer_is_given_a_bounded_number_and_the_oldest_that_wait_are_dropped(
    wired: Wired,
) -> None:
    def seen(count: int) -> ShowSeen:
        return ShowSeen(tuple(UserDevicesSeen(f"u{number}", TV, is_elsewhere=True) for number in range(count)))

    await wired.tell(seen(MAX_AT_ONCE))
    await _until(lambda: len(wired.bus.calls) == MAX_AT_ONCE)
    await wired.tell(seen(MAX_WAITING + 1))
    assert len(wired.bus.calls) == MAX_AT_ONCE
    for _, _, answer in wired.bus.calls:
        answer.set_result(None)
    wired.bus.calls.clear()
    await _until(lambda: len(wired.bus.calls) == MAX_AT_ONCE)
    assert wired.bus.calls[0][0] == "u1"


async def test_what_it_was_told_before_it_stops_is_on_the_bus(wired: Wired) -> None:
    wired.ref.tell(ShowSeen((UserDevicesSeen("ann", TV, is_elsewhere=True),)))
    stopping = wired.ref.stop(block=False)
    assert (await wired.published())["devices"][0]["device_id"] == "tv"
    async with asyncio.timeout(TIMEOUT_S):
        await stopping


async def test_a_bus_that_does_not_answer_is_not_waited_for_when_it_stops(started: Started, handled: Handled) -> None:
    wired = Wired(started, handled, last_word_s=0.0)
    await wired.tell(ShowSeen((UserDevicesSeen("ann", TV, is_elsewhere=True),)))
    _, _, answer = await wired.bus.next_call()
    async with asyncio.timeout(TIMEOUT_S):
        await wired.ref.stop(block=False)
        await asyncio.wait([answer])
    assert answer.cancelled()


async def test_another_nodes_hint_is_told_once_while_it_is_fresh(wired: Wired) -> None:
    await wired.tell(wired.remote())
    await wired.tell(wired.remote())
    await wired.tell(wired.remote(id="2", sent_ms=wired.wall_clock.now_ms - 60_000))
    assert wired.told == [("ann", DevicesSeen(TV))]
    assert wired.metrics.refused == {"replayed": 1, "stale": 1}


async def test_that_lists_have_changed_is_told_here_and_on_the_bus(wired: Wired) -> None:
    await wired.tell(ShowLists("ann"))
    assert wired.told == [("ann", ListsChanged())]
    message = await wired.published()
    sent = msgspec.convert(message, PubNubListsChanged)
    assert (message["user_id"], sent.origin, sent.sent_ms) == ("ann", "a", wired.wall_clock.now_ms)


async def test_however_often_one_users_lists_change_while_the_bus_takes_nothing_it_is_told_once(wired: Wired) -> None:
    await wired.tell(ShowLists("zoe"))
    await _until(lambda: bool(wired.bus.calls))
    await wired.tell(ShowSeen((UserDevicesSeen("bob", TV, is_elsewhere=True),)))
    for user_id in ("ann",) * MAX_WAITING + ("cem", "bob"):  # of whom something else waits
        await wired.tell(ShowLists(user_id))
    assert [(await wired.published())["user_id"] for _ in range(5)] == ["zoe", "bob", "ann", "cem", "bob"]


async def test_that_lists_have_changed_on_another_node_is_told_once_while_it_is_fresh(wired: Wired) -> None:
    changed = PubNubListsChanged("1", "b", wired.wall_clock.now_ms)
    for message in (changed, changed, structs.replace(changed, id="2", sent_ms=wired.wall_clock.now_ms - 60_000)):
        await wired.tell(RemoteLists("ann", message))
    assert wired.told == [("ann", ListsChanged())]
    assert wired.metrics.refused == {"replayed": 1, "stale": 1}
    assert wired.bus.calls == []


async def _until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(TIMEOUT_S):
        while not condition():
            await asyncio.sleep(0)
