import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from pykka import ActorRef

from actors.messages.channel import HeadMoved
from actors.messages.connection import Join
from actors.messages.journal_reads import Head, HeadsLoaded, LoadHeads
from actors.metrics import BusMetrics, WriteMetrics
from actors.tracing import untraced
from actors.watchlist.active_users import ActiveUsers
from actors.watchlist.deps import WatchlistDeps
from actors.watchlist.watchlist_sync import WatchlistSync
from crdt.hlc import HLCTimestamp
from tests.fakes.devices import Devices


def answer_heads(message: LoadHeads) -> None:
    clock = HLCTimestamp(0, 0, "n")
    message.reply_to(HeadsLoaded(tuple(Head(line=u, revision=0, clock=clock) for u in message.lines)))


def ignore(_message: object) -> None:
    return


@pytest.fixture
def reads() -> list[str]:
    """Whose journals are read."""
    return []


@pytest.fixture
async def users(devices: Devices, reads: list[str]) -> AsyncIterator[ActiveUsers]:
    def journal(message: Any) -> None:
        if isinstance(message, LoadHeads):
            answer_heads(message)
        else:
            reads.append(message.user_id)

    deps = WatchlistDeps(
        node="here",
        now_ms=lambda: 0,
        max_clock_drift_ms=60_000,
        journal=journal,
        registry=ignore,
        broadcaster=ignore,
        publisher=ignore,
        frame=devices.frame,
        fragments=devices.fragments,
        cursor_of=devices.cursor_of,
        bus_metrics=BusMetrics(),
        write_metrics=WriteMetrics(),
        now_s=lambda: 0.0,
        tracer=untraced(),
        show_lists=ignore,
    )

    def start(user_id: str, retired: Callable[[str], None]) -> ActorRef[WatchlistSync]:
        return WatchlistSync.start(user_id, deps, retired)

    users = ActiveUsers(start)
    yield users
    for user_id in users:
        await users.watchlist(user_id).stop(block=False)


async def test_a_users_actor_is_started_once(users: ActiveUsers) -> None:
    assert list(users) == []
    ref = users.watchlist("ann")
    assert users.watchlist("ann") is ref
    assert list(users) == ["ann"]


async def test_a_request_starts_the_actor_of_the_user_whom_it_names(users: ActiveUsers, devices: Devices) -> None:
    users.tell_watchlist(Join(devices.connection("b", "bob")))
    assert list(users) == ["bob"]
    while not devices.told["b"]:
        await asyncio.sleep(0)


async def test_news_of_the_bus_starts_nobodys_actor(users: ActiveUsers) -> None:
    users.tell_if_active("ann", HeadMoved(4, "other"))
    assert list(users) == []


async def test_news_of_the_bus_reaches_who_is_active(users: ActiveUsers, reads: list[str]) -> None:
    ann = users.watchlist("ann")
    users.tell_if_active("ann", HeadMoved(4, "other"))
    while not reads:
        await asyncio.sleep(0)
    assert ann.is_alive()
    assert (reads, len(users)) == (["ann"], 1)


async def test_a_sweep_lets_idle_users_go_and_keeps_connected_ones(users: ActiveUsers, devices: Devices) -> None:
    idle = users.watchlist("ann")
    users.watchlist("bob").tell(Join(devices.connection("b", "bob")))
    while idle.is_alive():
        users.sweep()
        await asyncio.sleep(0)
    assert list(users) == ["bob"]
    assert users.watchlist("ann") is not idle
