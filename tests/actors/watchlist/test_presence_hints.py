"""A device that begins to follow a user's devices is told which are online, as the database says then or later."""

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import pytest
from pykka import ActorRef

from actors.messages.channel import JOURNAL, HeadMoved
from actors.messages.close_codes import TRY_AGAIN_LATER
from actors.messages.collections import DEVICES, line_of
from actors.messages.connection import Deliver, Join, Leave
from actors.messages.devices import Devices, DeviceSeen, KnownDevice, KnownFields, ReadDevices
from actors.messages.failures import ReadFailed
from actors.messages.fanout import SendToUser
from actors.messages.journal import DeviceWrite
from actors.messages.journal_reads import Head, HeadsLoaded
from actors.messages.registers import RegisterChange
from actors.messages.watchlist import DevicesSeen, RetireIfIdle
from actors.watchlist.presence_hints import MAX_TOLD
from actors.watchlist.watchlist_sync import WatchlistSync
from crdt.hlc import HLCTimestamp
from tests.actors.conftest import Started
from tests.actors.watchlist.test_collection_sync import register_update
from tests.actors.watchlist.test_watchlist_sync import Others
from tests.fakes.devices import Devices as Connections

Handled = Callable[[ActorRef[Any]], Awaitable[object]]
LAST_SEEN_MS = 1_764_000_000_250
LAST_SEEN = "2025-11-24T16:00:00.250+00:00"


def found(**nodes: tuple[str, ...]) -> Devices:
    """Return the database's answer: on which nodes each device is."""
    return Devices(
        tuple(
            KnownDevice(device_id=device_id, fields=KnownFields(), last_seen_ms=LAST_SEEN_MS, nodes=on)
            for device_id, on in nodes.items()
        )
    )


class Followed:
    """Ann's devices, which connections follow; the journal is played by hand."""

    def __init__(self, started: Started, handled: Handled) -> None:
        self.devices = Connections()
        self.others = Others(self.devices, 0.0)
        self._handled = handled
        self.ref = started(WatchlistSync.start("ann", self.others.deps(), self.others.retired.append))

    async def tell(self, *messages: object) -> None:
        for message in messages:
            self.ref.tell(message)
        await self._handled(self.ref)

    async def join(self, name: str) -> Join:
        """Let a connection follow the devices from revision 1."""
        join = Join(self.devices.connection(name), 1, None, None, DEVICES)
        heads = [Head(line=line, revision=1, clock=HLCTimestamp(0, 0, "")) for line in ("ann", line_of("ann", DEVICES))]
        await self.tell(join, *(HeadsLoaded((head,)) for head in heads))
        return join

    async def answer(self, answer: Devices | ReadFailed) -> None:
        """Answer the only question for the user's devices that is open."""
        (asked,) = [one for one in self.others.journal if isinstance(one, ReadDevices)]
        self.others.journal.remove(asked)
        asked.reply_to(answer)
        await self._handled(self.ref)

    def hinted(self, name: str) -> list[dict[str, Any]]:
        """Return the hints that a connection was told."""
        deliveries = [one for one in self.devices.told[name] if isinstance(one, Deliver)]
        assert all(one.first_revision is None and one.collection == DEVICES for one in deliveries)
        return [msgspec.json.decode(frame) for one in deliveries for frame in one.frames]

    def told_all(self) -> list[Any]:
        """Return the hints that all who follow were told."""
        sent = [one for one in self.others.registry if isinstance(one, SendToUser)]
        return [msgspec.to_builtins(message) for one in sent for message in one.messages]


@pytest.fixture
async def followed(started: Started, handled: Handled) -> Followed:
    return Followed(started, handled)


def shown(device_id: str, *, is_online: bool) -> dict[str, Any]:
    return {"type": "device_update", "device_id": device_id, "is_online": is_online, "last_seen": LAST_SEEN}


async def test_who_begins_to_follow_is_told_of_each_device_and_who_goes_on_is_not(followed: Followed) -> None:
    join = await followed.join("a")
    await followed.answer(found(tv=("other",), phone=()))
    assert followed.hinted("a") == [shown("tv", is_online=True), shown("phone", is_online=False)]
    await followed.tell(join)  # it has found a gap
    assert not any(isinstance(one, ReadDevices) for one in followed.others.journal)


async def test_an_answer_that_may_be_older_than_a_hint_is_asked_for_again(followed: Followed) -> None:
    await followed.join("a")
    await followed.tell(DevicesSeen((DeviceSeen("tv", is_online=False, last_seen_ms=LAST_SEEN_MS),)))
    await followed.answer(found(tv=("other",)))
    assert followed.hinted("a") == []
    await followed.answer(found(tv=()))
    assert followed.hinted("a") == [shown("tv", is_online=False)]


async def test_who_comes_while_it_is_asked_shares_the_next_answer(followed: Followed) -> None:
    await followed.join("a")
    await followed.join("b")
    await followed.answer(found())
    await followed.answer(found(tv=()))
    assert followed.hinted("a") == followed.hinted("b") == [shown("tv", is_online=False)]


async def test_a_device_that_comes_or_goes_is_told_to_all_who_follow(followed: Followed) -> None:
    await followed.join("a")
    await followed.tell(DevicesSeen((DeviceSeen("tv", is_online=True, last_seen_ms=LAST_SEEN_MS),)))
    assert followed.told_all() == [shown("tv", is_online=True)]


async def test_what_was_told_is_not_told_again(followed: Followed) -> None:
    await followed.join("a")
    await followed.answer(found(tv=("other",)))
    for is_online in (True, False, False):
        await followed.tell(DevicesSeen((DeviceSeen("tv", is_online=is_online, last_seen_ms=LAST_SEEN_MS),)))
    assert followed.told_all() == [shown("tv", is_online=False)]


async def test_of_devices_that_come_and_go_for_ever_few_are_remembered(followed: Followed) -> None:
    def seen(*names: str, is_online: bool) -> DevicesSeen:
        return DevicesSeen(tuple(DeviceSeen(name, is_online=is_online, last_seen_ms=LAST_SEEN_MS) for name in names))

    await followed.join("a")
    await followed.answer(found(tv=("other",)))
    names = [f"guest{number}" for number in range(3 * MAX_TOLD)]
    for name in names:
        await followed.tell(seen(name, is_online=True), seen(name, is_online=False))
    assert len(followed.told_all()) == 2 * len(names)
    followed.others.registry.clear()
    await followed.tell(seen(*names, is_online=False), seen("tv", is_online=True))
    told_again = {one["device_id"] for one in followed.told_all()}  # what is forgotten is news
    assert len(told_again) >= len(names) - MAX_TOLD
    assert "tv" not in told_again


async def test_a_hint_that_was_lost_is_made_up_for_when_heads_are_compared(followed: Followed) -> None:
    compared = HeadMoved(1, JOURNAL)
    await followed.tell(compared)
    await followed.join("a")
    await followed.answer(found(tv=("other",), phone=("other",)))
    await followed.tell(compared)
    await followed.answer(found(tv=(), phone=("other",), pc=("other",)))
    assert followed.told_all() == [shown("tv", is_online=False), shown("pc", is_online=True)]
    await followed.tell(compared)
    await followed.answer(ReadFailed("away"))  # nobody waits for it
    await followed.tell(compared)
    await followed.answer(found(tv=(), phone=("other",), pc=("other",)))
    assert (len(followed.told_all()), len(followed.hinted("a"))) == (2, 2)


async def test_where_nobody_follows_a_device_that_only_connects_is_no_relay(followed: Followed) -> None:
    seen = DevicesSeen((DeviceSeen("tv", is_online=True, last_seen_ms=LAST_SEEN_MS),))
    change = RegisterChange(key="tv", says={"known": True})
    heads = [Head(line=line, revision=0, clock=HLCTimestamp(0, 0, "")) for line in ("ann", line_of("ann", DEVICES))]
    await followed.tell(
        seen,
        DeviceWrite(user_id="ann", device_id="tv", change=change, answer=None, collection=DEVICES),
        *(HeadsLoaded((head,)) for head in heads),
    )
    (commit,) = followed.others.commits()
    await followed.tell(register_update(commit, 1), seen)
    assert (followed.others.relayed, followed.others.registry) == ([], [])


async def test_who_cannot_be_told_comes_back_later(followed: Followed) -> None:
    await followed.join("a")
    await followed.answer(ReadFailed("away"))
    assert [one.close for one in followed.devices.told["a"]] == [TRY_AGAIN_LATER]


async def test_who_has_left_is_told_nothing_and_keeps_nobody_in_use(followed: Followed) -> None:
    join = await followed.join("a")
    await followed.tell(Leave(join.connection))
    await followed.ref.ask(RetireIfIdle(), block=False)  # with nothing behind it, which would keep the actor
    assert followed.others.retired == []
    await followed.answer(found(tv=()))
    assert followed.hinted("a") == []
