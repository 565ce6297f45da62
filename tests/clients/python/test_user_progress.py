"""Progress on a daemon: what plays on one device, another one goes on with, whichever was offline meanwhile."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from syncd_client import (
    Client,
    Command,
    Confirmed,
    Event,
    MemoryStore,
    NotSignedInError,
    RequestFailedError,
    SqliteStore,
    State,
    sync,
)
from syncd_client.data.user_state import Changes

from tests.daemon import DaemonProcess, token
from tests.timeouts import TIMEOUT_S

pytestmark = pytest.mark.integration

A, B = (f"0b0e6a4e-52a5-4a5b-9a1f-00000000000{digit}" for digit in "ab")

Opening = Callable[..., Client]


@pytest.fixture
async def opened(daemon: DaemonProcess, user: str) -> AsyncIterator[Opening]:
    """``opened(device, store)``: a client that follows progress, closed at the end of the test."""
    async with AsyncExitStack() as stack:

        def open_client(device: str, store: MemoryStore | SqliteStore | None = None) -> Client:
            client = Client(daemon.url, store)
            stack.push_async_callback(client.close)
            assert client.progress.items == ()
            client.sign_in(user, lambda: token(user, device))
            return client

        yield open_client


async def until(client: Client, condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(TIMEOUT_S):
        await client.wait_until(condition)


async def settled(client: Client) -> None:
    await until(client, lambda: client.state is State.LIVE and client.queued == 0)


def position(client: Client, content_id: str = A) -> float | None:
    item = client.progress.get(content_id)
    return None if item is None else item.position_seconds


def pass_a_millisecond() -> None:
    """Let what is stamped next be later on every clock."""
    now_ms = time.time_ns() // 1_000_000
    while time.time_ns() // 1_000_000 == now_ms:
        pass


async def test_another_device_sees_it_move_at_once_where_that_matters_and_else_now_and_then(opened: Opening) -> None:
    phone, tv = opened("phone"), opened("tv")
    await settled(phone)
    assert phone.progress is phone.progress
    phone.progress.update(A.upper(), 10, 100)
    await until(tv, lambda: position(tv) == 10)
    assert not tv.progress.items[0].pending
    assert tv.progress.items[0].device_id == "phone"
    await settled(phone)
    for second in (11, 12, 13):
        phone.progress.update(A, second)
    assert position(phone) == 13
    assert phone.queued == 0
    phone.progress.update(B, 1, state="paused")
    await until(tv, lambda: position(tv, B) == 1)
    assert position(tv) == 10
    phone.progress.flush()
    await until(tv, lambda: position(tv) == 13)
    phone.progress.update(A, 95, state="stopped")
    await until(tv, lambda: position(tv) == 95)
    assert [item.content_id for item in tv.progress.items] == [A, B]
    assert [item.content_id for item in tv.progress.continue_watching] == [B]
    assert tv.progress.items[0].watched
    assert await tv.progress.remove(B) == "memory"
    await until(phone, lambda: position(phone, B) is None)


async def test_what_was_said_offline_holds_if_it_was_said_last_and_not_otherwise(opened: Opening) -> None:
    phone, tv = opened("phone"), opened("tv")
    await settled(phone)
    await settled(tv)
    told: list[Event] = []
    phone.subscribe(told.append)
    phone.disconnect()
    phone.progress.update(A, 10, state="paused")
    phone.progress.update(B, 10, state="paused")
    pass_a_millisecond()
    tv.progress.update(A, 20, state="paused")
    tv.progress.update(B, 20, state="paused")
    await settled(tv)
    pass_a_millisecond()
    phone.progress.update(B, 30, state="stopped")
    phone.connect()
    await settled(phone)
    await until(tv, lambda: position(tv, B) == 30)
    assert (position(phone), position(phone, B), position(tv)) == (20, 30, 20)
    statuses = {event.content_id: event.status for event in told if isinstance(event, Confirmed)}
    assert statuses == {A: "superseded", B: "updated"}


async def test_what_is_held_is_stored_when_the_client_is_closed(opened: Opening, tmp_path: Path) -> None:
    phone = opened("phone", SqliteStore(tmp_path / "client.db"))
    phone.disconnect()
    for second in (1, 2, 3):
        phone.progress.update(A, second, 100)
    await phone.close()
    again = opened("phone", SqliteStore(tmp_path / "client.db"))
    assert (position(again), again.queued) == (3, 1)
    tv = opened("tv")
    await until(tv, lambda: position(tv) == 3)


class FullStore(MemoryStore):
    is_full = False

    def save(self, user_id: str, changes: Changes) -> None:
        if self.is_full:
            raise OSError("no space left on device")
        super().save(user_id, changes)


async def test_progress_is_followed_and_nothing_that_is_held_is_lost_when_the_store_fails(opened: Opening) -> None:
    store = FullStore()
    phone, tv = opened("phone", store), opened("tv")
    await settled(phone)
    phone.progress.update(A, 1)
    phone.progress.update(A, 2)
    store.is_full = True
    assert await phone.add(B) == "memory"
    await until(tv, lambda: position(tv) == 2)
    tv.progress.update(B, 7, state="paused")
    await until(phone, lambda: position(phone, B) == 7)


async def test_a_device_goes_on_with_what_another_one_plays(opened: Opening) -> None:
    phone, tv = opened("phone"), opened("tv")
    told: list[Event] = []
    tv.subscribe(told.append)
    phone.progress.update(A, 90.5, state="paused")
    await settled(phone)
    await settled(tv)
    with pytest.raises(RequestFailedError) as raised:
        await phone.handoff("nobody", A)
    assert (raised.value.status, raised.value.code) == (404, None)
    assert await phone.handoff("tv", A.upper()) == 90.5
    await until(tv, lambda: any(isinstance(event, Command) for event in told))
    (command,) = (event for event in told if isinstance(event, Command))
    assert (command.command, command.target_device, command.position_seconds) == (f"handoff:{A}", "tv", 90.5)


async def test_mistakes_are_told_before_anything_changes(opened: Opening) -> None:
    phone = opened("phone")
    for position_seconds, said in (
        (-1, "position_seconds"),
        (float("nan"), "position_seconds"),
        ("1", "position_seconds"),
    ):
        with pytest.raises(ValueError, match=said):
            phone.progress.update(A, position_seconds)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="content_id"):
        phone.progress.get("tt0111161")
    phone.sign_out(erase=True)
    with pytest.raises(NotSignedInError):
        phone.progress.update(A, 1)
    with pytest.raises(NotSignedInError):
        await phone.handoff("tv", A)
    await phone.close()
    with pytest.raises(RuntimeError, match="closed"):
        phone.progress.update(A, 1)
    with pytest.raises(RuntimeError, match="closed"):
        _ = phone.progress


def test_without_asyncio_progress_is_the_same(daemon: DaemonProcess, user: str) -> None:
    with sync.Client(daemon.url) as client:
        client.sign_in(user, lambda: token(user))
        progress = client.progress
        assert client.progress is progress
        progress.update(A, 10, 100, state="paused")
        progress.update(A, 20, state="playing", watched=False)
        progress.update(A, 21)
        progress.flush()
        client.wait_until(lambda: client.queued == 0 and client.state is State.LIVE, TIMEOUT_S)
        item = progress.get(A)
        assert item is not None
        assert (item.position_seconds, item.duration_seconds, item.pending) == (21, 100, False)
        assert [*progress.continue_watching] == [*progress.items] == [item]
        with pytest.raises(RequestFailedError):
            client.handoff("nobody", A, TIMEOUT_S)
        assert progress.remove(A).wait(TIMEOUT_S) == "memory"
        assert progress.get(A) is None
