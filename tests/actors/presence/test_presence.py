"""Who comes and goes is written in batches, one at a time; nothing of it is lost, whatever the journal answers."""

import asyncio
import gc
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from pykka import ActorRef

from actors.messages.bus import ShowSeen
from actors.messages.devices import (
    DeviceCame,
    DeviceCameAgain,
    DeviceLeft,
    DevicesConnected,
    DeviceSeen,
    EndPresence,
    LingerOver,
    NotePresence,
    Pair,
    PresenceDue,
    PresenceEnded,
    PresenceNoted,
    UserDevicesSeen,
    WritePresence,
)
from actors.messages.failures import WriteFailed
from actors.messages.fanout import ListDevices
from actors.messages.journal import DeviceWrite, Outcome, Status
from actors.messages.registers import RegisterChange
from actors.metrics import PresenceMetrics
from actors.presence.presence import LINGER_S, POLL_LINGER_S, Presence, PresenceDeps
from tests.actors.conftest import Started
from tests.fakes.hand_clock import HandClock
from tests.timeouts import TIMEOUT_S

Handled = Callable[[ActorRef[Any]], Awaitable[object]]
LONG_S = 1_000.0
"""A timer that does not ring: tests tell ``PresenceDue`` by hand."""
TV = ("ann", "tv")


class Wired:
    """A ``Presence``, the journal before it, the registry, and who is told of what was written."""

    def __init__(self, started: Started, handled: Handled, **changes: Any) -> None:
        self.writes: list[WritePresence] = []
        self.asked: list[ListDevices] = []
        self.recorded: list[DeviceWrite] = []
        self.seen: list[ShowSeen] = []
        self.comparisons = 0
        self.metrics = PresenceMetrics()
        self.clock = HandClock()
        self._handled = handled
        deps = {
            "lease_s": LONG_S,
            "gather_s": LONG_S,
            "retry_s": LONG_S,
            "is_alone": False,
            "last_word_s": 0.0,
        } | changes
        self.ref = started(
            Presence.start(
                PresenceDeps(
                    node="a",
                    journal=self.writes.append,
                    registry=self.asked.append,
                    tell_watchlist=self.recorded.append,
                    hints=self.seen.append,
                    compare=self.compare,
                    metrics=self.metrics,
                    now_s=self.clock,
                    **deps,
                )
            )
        )

    def compare(self) -> None:
        self.comparisons += 1

    async def tell(self, *messages: object) -> None:
        for message in messages:
            self.ref.tell(message)
        await self._handled(self.ref)

    async def linger(self, seconds: float = LINGER_S) -> None:
        """Let time pass; who has left and not come back by then is gone."""
        self.clock.now_s += seconds
        await self.tell(LingerOver())

    async def written(self) -> NotePresence:
        """Return the only write that is under way."""
        await self._handled(self.ref)
        (write,) = self.writes
        assert isinstance(write.request, NotePresence)
        return write.request

    async def answer(
        self,
        *,
        is_lease_kept: bool = True,
        unknown: tuple[Pair, ...] = (),
        seen: tuple[UserDevicesSeen, ...] = (),
        has_more: bool = False,
    ) -> None:
        """Have the write done, and whatever was gathered since begun."""
        noted = PresenceNoted(is_lease_kept=is_lease_kept, unknown=unknown, seen=seen, has_more=has_more)
        await self.end(noted)

    async def end(self, answer: PresenceNoted | WriteFailed) -> None:
        self.writes.pop().reply_to(answer)
        await self.tell(PresenceDue())


Wire = Callable[..., Awaitable[Wired]]


@pytest.fixture
def wire(started: Started, handled: Handled) -> Wire:
    """``await wire()``: one that has begun."""

    async def wire(**changes: Any) -> Wired:
        wired = Wired(started, handled, **changes)
        await wired.written()
        await wired.answer(is_lease_kept=False)  # the node's first
        return wired

    return wire


async def test_it_begins_with_what_earlier_runs_have_left(started: Started, handled: Handled) -> None:
    wired = Wired(started, handled, lease_s=7.5, is_alone=True)
    assert await wired.written() == NotePresence(node="a", lease_ms=7_500, is_alone=True)
    await wired.answer(is_lease_kept=False)
    assert (wired.asked, wired.metrics.leases_lost) == ([], 0)


async def test_a_device_is_written_at_once_and_those_that_follow_together(wire: Wire) -> None:
    wired = await wire()
    await wired.tell(DeviceCame("ann", "tv"))
    assert (await wired.written()).came == (("ann", "tv"),)
    await wired.tell(DeviceCame("ann", "phone"), DeviceLeft("ann", "tv"), DeviceCame("bob", "tv"))
    assert (wired.metrics.devices, wired.metrics.waiting) == (2, 2)
    await wired.linger()
    assert wired.metrics.waiting == 3
    await wired.answer()
    written = await wired.written()
    assert (written.came, written.left) == ((("ann", "phone"), ("bob", "tv")), (("ann", "tv"),))
    assert written.visited == ()


async def test_a_device_is_known_though_it_left_before_it_was_written(wire: Wire) -> None:
    wired = await wire()
    await wired.tell(DeviceCame("ann", "tv"))
    await wired.tell(DeviceCame("ann", "tablet"), DeviceLeft("ann", "tablet"))
    await wired.linger()
    await wired.answer()
    written = await wired.written()
    assert (written.came, written.left) == ((), (("ann", "tablet"),))
    assert written.visited == (("ann", "tablet"),)
    await wired.answer()
    assert wired.writes == []


async def test_who_comes_while_others_are_gathered_waits_for_them(wire: Wire) -> None:
    wired = await wire()
    await wired.tell(DeviceCame("ann", "tv"))
    wired.writes.pop().reply_to(PresenceNoted(is_lease_kept=True, has_more=False))
    await wired.tell(DeviceCame("ann", "phone"), DeviceCame("ann", "pc"))
    assert wired.writes == []
    await wired.tell(PresenceDue())
    assert len((await wired.written()).came) == 2


async def test_who_comes_and_goes_at_once_is_online_for_a_moment(wire: Wire) -> None:
    wired = await wire()
    await wired.tell(DeviceCame("ann", "tv"), DeviceLeft("ann", "tv"))
    written = await wired.written()
    assert (written.came, written.left) == ((("ann", "tv"),), ())
    await wired.answer()
    assert wired.writes == []
    await wired.linger()
    written = await wired.written()
    assert (written.came, written.left, written.visited) == ((), (("ann", "tv"),), ())


@pytest.mark.parametrize(("polls", "linger_s"), [(False, LINGER_S), (True, POLL_LINGER_S)])
async def test_who_has_gone_may_come_back_before_it_is_said(wire: Wire, polls: bool, linger_s: float) -> None:
    wired = await wire()
    await wired.tell(DeviceCame(*TV))
    await wired.answer()
    for _ in range(2):
        await wired.tell(DeviceLeft(*TV, polls))
        await wired.linger(linger_s - 0.001)
        await wired.tell(DeviceCame("bob", "tv"))  # others are written meanwhile
        assert (await wired.written()).left == ()
        await wired.answer()
        await wired.tell(DeviceCame(*TV))
        written = await wired.written()
        assert (written.came, written.left, written.visited) == ((), (), (TV,))  # it may have been forgotten
        await wired.answer()
    await wired.tell(DeviceLeft(*TV, polls))
    await wired.linger(linger_s)
    assert (await wired.written()).left == (TV,)


async def test_who_comes_once_more_is_known_again_though_it_was_forgotten_meanwhile(wire: Wire) -> None:
    wired = await wire()
    await wired.tell(DeviceCame(*TV))
    await wired.answer()
    await wired.tell(DeviceCameAgain(*TV))
    written = await wired.written()
    assert (written.came, written.left, written.visited) == ((), (), (TV,))
    await wired.answer(unknown=(TV,))
    assert [write.device_id for write in wired.recorded] == ["tv"]


async def test_who_leaves_is_waited_for_no_longer_because_another_polls(wire: Wire) -> None:
    wired = await wire(linger_s=0.01, poll_linger_s=LONG_S)
    await wired.tell(DeviceCame(*TV), DeviceCame("ann", "pc"))
    await wired.answer()
    await wired.tell(DeviceLeft("ann", "pc", polls=True))
    await wired.tell(DeviceLeft(*TV))
    wired.clock.now_s += 0.01
    async with asyncio.timeout(TIMEOUT_S):
        while not wired.writes:
            await asyncio.sleep(0)
    assert (await wired.written()).left == (TV,)


async def test_whoever_leaves_is_looked_for_when_the_time_is_over_each_time(wire: Wire) -> None:
    wired = await wire(linger_s=0.001)
    for _ in range(2):
        await wired.tell(DeviceCame(*TV))
        await wired.answer()
        await wired.tell(DeviceLeft(*TV))
        wired.clock.now_s += 0.001
        async with asyncio.timeout(TIMEOUT_S):
            while not wired.writes:
                await asyncio.sleep(0)
        assert (await wired.written()).left == (TV,)
        await wired.answer()


async def test_a_storm_is_written_in_parts(wire: Wire) -> None:
    wired = await wire(max_batch=10)
    for number in range(25):
        wired.ref.tell(DeviceCame(f"u{number}", "tv"))
    sizes = []
    for _ in range(3):
        sizes.append(len((await wired.written()).came))
        await wired.answer()
    assert (sizes, wired.writes, wired.metrics.written) == ([10, 10, 5], [], 25)


async def test_what_could_not_be_written_is_written_later_unless_it_is_not_so_any_more(wire: Wire) -> None:
    wired = await wire()
    await wired.tell(DeviceCame("ann", "tv"))
    await wired.tell(DeviceLeft("ann", "tv"), DeviceCame("ann", "phone"))
    await wired.linger()
    await wired.end(WriteFailed("away"))
    written = await wired.written()
    assert (written.came, written.left) == ((("ann", "phone"),), (("ann", "tv"),))
    assert wired.metrics.written == 0


async def test_who_came_and_stayed_is_written_again_where_that_failed(wire: Wire) -> None:
    wired = await wire()
    await wired.tell(DeviceCame("ann", "tv"))
    assert (await wired.written()).came == (TV,)
    await wired.end(WriteFailed("away"))
    assert (await wired.written()).came == (TV,)


async def test_the_lease_is_renewed_while_somebody_is_there(wire: Wire) -> None:
    wired = await wire(lease_s=0.0)
    await wired.tell(DeviceCame("ann", "tv"))
    await wired.written()
    await wired.answer()  # and a timer is set
    async with asyncio.timeout(TIMEOUT_S):
        while not wired.writes:
            await asyncio.sleep(0)
    assert (await wired.written()).came == ()
    wired.ref.tell(DeviceLeft("ann", "tv"))
    await wired.answer()
    assert (await wired.written()).left == ()  # it may come back until then
    await wired.linger()
    await wired.answer()
    assert (await wired.written()).left == (("ann", "tv"),)
    await wired.answer()
    for _ in range(5):  # of the loop's turns: longer than the lease
        await asyncio.sleep(0)
    assert wired.writes == []


async def test_the_lease_is_renewed_before_it_ends(wire: Wire) -> None:
    lease_s = 0.03
    wired = await wire(lease_s=lease_s, gather_s=0.0)
    await wired.tell(DeviceCame(*TV))
    await wired.written()
    wired.writes.pop().reply_to(PresenceNoted(is_lease_kept=True, has_more=False))
    await a_few_turns()  # a timer is set
    assert wired.writes == []
    await asyncio.sleep(lease_s)
    await a_few_turns()
    assert (await wired.written()).came == ()


async def test_what_is_to_be_written_meanwhile_is_written_after_a_pause(wire: Wire) -> None:
    wired = await wire(gather_s=0.0, retry_s=0.0)

    async def written_by_the_timer() -> NotePresence:
        async with asyncio.timeout(TIMEOUT_S):
            while not wired.writes:
                await asyncio.sleep(0)
        return await wired.written()

    await wired.tell(DeviceCame(*TV))
    await wired.written()
    await wired.tell(DeviceCame("ann", "phone"))
    wired.writes.pop().reply_to(PresenceNoted(is_lease_kept=True, has_more=False))
    assert (await written_by_the_timer()).came == (("ann", "phone"),)
    wired.writes.pop().reply_to(WriteFailed("away"))
    assert (await written_by_the_timer()).came == (("ann", "phone"),)


async def test_however_often_devices_come_one_timer_is_set(wire: Wire) -> None:
    wired = await wire(gather_s=0.0)
    before = timers()
    for number in range(10):
        await wired.tell(DeviceCame("ann", f"tv-{number}"))
        await wired.written()
        wired.writes.pop().reply_to(PresenceNoted(is_lease_kept=True, has_more=False))
        await a_few_turns()  # nothing is left to write, so the lease is to be renewed later
    assert wired.writes == []
    assert timers() - before <= 1


async def test_one_write_is_under_way_at_once(wire: Wire) -> None:
    wired = await wire()
    await wired.tell(PresenceDue(), PresenceDue())  # of a timer that rang as somebody came
    await wired.written()


async def a_few_turns() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


def timers() -> int:
    """Return how many are set."""
    return sum(isinstance(one, asyncio.TimerHandle) and not one.cancelled() for one in gc.get_objects())


async def test_after_a_lease_that_had_ended_all_who_are_there_are_written_again(wire: Wire) -> None:
    wired = await wire()
    await wired.tell(DeviceCame("ann", "tv"))
    await wired.tell(DeviceLeft("ann", "tv"))
    await wired.answer(is_lease_kept=False)
    assert wired.metrics.leases_lost == 1
    (asked,) = wired.asked
    asked.reply_to(DevicesConnected((("ann", "phone"),)))  # the other one may come back
    written = await wired.written()
    assert set(written.came) == {("ann", "phone"), ("ann", "tv")}
    assert wired.comparisons == 0  # they would be said to be offline
    for _ in range(2):
        await wired.answer()
        await wired.tell(DeviceCame("bob", "tv"))
    assert wired.comparisons == 1


async def test_after_a_lease_that_had_ended_nothing_is_compared_until_the_last_is_written_again(wire: Wire) -> None:
    wired = await wire(max_batch=2)
    await wired.tell(DeviceCame(*TV))
    await wired.answer(is_lease_kept=False)
    await wired.tell(PresenceDue())  # before it is known who is there
    await wired.answer()
    assert wired.comparisons == 0
    (asked,) = wired.asked
    asked.reply_to(DevicesConnected((TV, ("ann", "phone"), ("ann", "pc"))))
    assert len((await wired.written()).came) == 2
    await wired.answer()
    assert len((await wired.written()).came) == 1
    assert wired.comparisons == 0
    await wired.answer()
    assert wired.comparisons == 1


async def test_what_others_have_left_is_removed_until_there_is_no_more(wire: Wire) -> None:
    wired = await wire()
    await wired.tell(DeviceCame("ann", "tv"))
    await wired.answer(has_more=True)
    assert (await wired.written()).came == ()
    await wired.answer()
    assert wired.writes == []


async def test_a_device_that_is_not_known_gets_a_register_by_its_own_word(wire: Wire) -> None:
    wired = await wire()
    await wired.tell(DeviceCame(*TV))
    await wired.answer(unknown=(TV,))
    (write,) = wired.recorded
    assert (write.user_id, write.device_id, write.collection) == (*TV, "devices")
    assert write.change == RegisterChange(key="tv", says={"known": True})
    assert wired.writes == []
    assert write.answer is not None
    write.answer(Outcome(status=Status.UPDATED, is_new=True))
    assert (await wired.written()).recorded == (TV,)  # who began to follow before that is told
    await wired.answer()
    assert wired.writes == []


async def test_a_register_that_cannot_be_written_now_is_written_later(wire: Wire) -> None:
    wired = await wire()
    await wired.tell(DeviceCame(*TV))
    await wired.answer(unknown=(TV,))
    (write,) = wired.recorded
    assert write.answer is not None
    write.answer(Outcome(status=Status.REFUSED, reason="away", retry_after_s=2.0))
    assert (await wired.written()).visited == (TV,)
    await wired.end(WriteFailed("away"))
    assert (await wired.written()).visited == (TV,)
    await wired.answer(unknown=(TV,))
    assert len(wired.recorded) == 2
    write.answer(Outcome(status=Status.UPDATED))
    await wired.tell()
    assert wired.writes == []


async def test_who_follows_is_told_of_what_makes_a_difference(wire: Wire) -> None:
    wired = await wire()
    await wired.tell(DeviceCame(*TV))
    seen = UserDevicesSeen("ann", (DeviceSeen("tv", is_online=True, last_seen_ms=1),), is_elsewhere=False)
    await wired.answer(seen=(seen,))
    await wired.tell(DeviceLeft(*TV))
    await wired.linger()
    await wired.answer()
    assert wired.seen == [ShowSeen((seen,))]


SEEN = UserDevicesSeen("ann", (DeviceSeen("tv", is_online=False, last_seen_ms=1),), is_elsewhere=True)


@pytest.mark.parametrize(
    ("ended", "told"),
    [(PresenceEnded((SEEN,)), [ShowSeen((SEEN,))]), (PresenceEnded(), []), (WriteFailed("away"), []), (None, [])],
)
async def test_when_it_stops_nobody_is_online_there_and_who_follows_elsewhere_is_told(
    wire: Wire, ended: PresenceEnded | WriteFailed | None, told: list[ShowSeen]
) -> None:
    wired = await wire(last_word_s=0.0 if ended is None else LONG_S)
    stopping = wired.ref.stop(block=False)
    async with asyncio.timeout(TIMEOUT_S):
        while not wired.writes:
            await asyncio.sleep(0)
        (write,) = wired.writes
        assert write.request == EndPresence("a")
        if ended is not None:  # a journal that does not answer is not waited for
            write.reply_to(ended)
        await stopping
    assert wired.seen == told
