"""Revoked tokens on one node and the next, on a database that both share."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Collection
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path

import pytest

from actors.errors import StoreUnavailable
from storage.databases.database import Database
from storage.revocations import SqlRevocationStore
from syncd.revocations import LOG_EVERY_S, Revocations, RevokedTokenIds, watching_revocations
from tests.fakes.fake_revocations import FakeRevocations
from tests.fakes.fake_store import FakeStore
from tests.fakes.store_in_process import StoreInProcess
from tests.migrated import migrate
from tests.timeouts import TIMEOUT_S

SOON = 3600
"""Seconds until a token of these tests ends."""


class NodeOfOne:
    """What one node refuses, and whom it has disconnected for it."""

    def __init__(self) -> None:
        self.token_ids: RevokedTokenIds = {}
        self.disconnected: list[str] = []
        self.revocations: Revocations

    def disconnect(self, token_ids: Collection[str]) -> int:
        self.disconnected += token_ids
        return len(token_ids)


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    url = f"sqlite:///{tmp_path}/journal.db"
    migrate(url)
    return url


@asynccontextmanager
async def running(database_url: str, poll_s: float = 3600.0) -> AsyncIterator[NodeOfOne]:
    node = NodeOfOne()
    store = StoreInProcess(FakeStore(), SqlRevocationStore(Database(database_url), time.time))
    try:
        async with watching_revocations(store, node.token_ids, node.disconnect, poll_s) as node.revocations:
            yield node
    finally:
        await store.close()


async def test_a_token_is_refused_here_at_once_and_its_connections_are_closed(database_url: str) -> None:
    ends = int(time.time()) + SOON
    async with running(database_url) as node:
        assert await node.revocations.revoke("stolen", ends) == 1
        assert (node.token_ids, node.disconnected) == ({"stolen": ends}, ["stolen"])


async def test_another_node_learns_of_it_when_it_looks(database_url: str) -> None:
    async with AsyncExitStack() as stack:
        here, there = [await stack.enter_async_context(running(database_url)) for _ in range(2)]
        await here.revocations.revoke("stolen", None)
        assert there.token_ids == {}
        assert [await there.revocations.refresh() for _ in range(2)] == [1, 0]
        assert (there.token_ids, there.disconnected) == ({"stolen": None}, ["stolen"])


async def test_a_node_looks_for_revocations_by_itself(database_url: str) -> None:
    async with running(database_url) as here, running(database_url, poll_s=0.0) as there:
        await here.revocations.revoke("stolen", None)
        async with asyncio.timeout(TIMEOUT_S):
            while "stolen" not in there.token_ids:
                await asyncio.sleep(0)


async def test_a_node_that_starts_knows_what_was_revoked_before(database_url: str) -> None:
    async with running(database_url) as node:
        await node.revocations.revoke("stolen", None)
    async with running(database_url) as node:
        assert node.token_ids == {"stolen": None}


@pytest.mark.parametrize(
    ("first", "second", "holds"), [(60, 30, 60), (30, 60, 60), (60, None, None), (None, 60, None), (None, -60, None)]
)
async def test_of_two_revocations_the_later_end_holds_on_every_node(
    database_url: str, first: int | None, second: int | None, holds: int | None
) -> None:
    now_s = int(time.time())
    first_end, second_end, later_end = (end and now_s + end for end in (first, second, holds))
    async with AsyncExitStack() as stack:
        here, there, third = [await stack.enter_async_context(running(database_url)) for _ in range(3)]
        await here.revocations.revoke("stolen", first_end)
        await third.revocations.refresh()
        await there.revocations.revoke("stolen", second_end)  # it has not heard of the first
        await here.revocations.revoke("stolen", second_end)
        for node in (here, there, third):
            await node.revocations.refresh()
            assert node.token_ids == {"stolen": later_end}
        late = await stack.enter_async_context(running(database_url))
        assert late.token_ids == {"stolen": later_end}


async def test_a_token_that_has_ended_is_refused_for_its_age_and_forgotten(database_url: str) -> None:
    async with running(database_url) as node:
        await node.revocations.revoke("old", int(time.time()) - 1)
        await node.revocations.revoke("new", None)
        assert node.token_ids == {"new": None}
        assert node.disconnected == ["old", "new"]


async def test_a_database_without_the_table_ends_the_start(tmp_path: Path) -> None:
    (tmp_path / "journal.db").write_text("no database, " * 100)
    with pytest.raises(StoreUnavailable):
        async with running(f"sqlite:///{tmp_path}/journal.db"):
            pytest.fail("it must not begin")


async def test_an_outage_is_told_once_and_what_is_known_stays_refused(
    database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    def warnings() -> int:
        return sum("revocations of other nodes cannot be read" in record.getMessage() for record in caplog.records)

    def rename(table: str, name: str) -> None:
        with database.transaction(writing=True) as transaction:
            transaction.connection.execute(f"ALTER TABLE {table} RENAME TO {name}")

    database = Database(database_url)
    async with running(database_url) as here, running(database_url, poll_s=0.0) as there:
        await here.revocations.revoke("stolen", None)
        for outage in (1, 2):
            async with asyncio.timeout(TIMEOUT_S):
                while len(there.token_ids) < outage:  # it looks, and it is answered
                    await asyncio.sleep(0)
                rename("revocations", "hidden")
                while warnings() < outage:
                    await asyncio.sleep(0)
            rename("hidden", "revocations")
            await here.revocations.revoke(f"another {outage}", None)
            assert "stolen" in there.token_ids
        assert warnings() == 2
    database.close()


class CountedRevocations(FakeRevocations):
    def __init__(self) -> None:
        super().__init__()
        self.looks = 0

    def revoked(self, after: int) -> tuple[int, list[tuple[str, int | None]]]:
        self.looks += 1
        return super().revoked(after)


async def test_an_outage_that_lasts_is_one_line_a_minute_and_no_stack(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    store, node = CountedRevocations(), NodeOfOne()
    client = StoreInProcess(FakeStore(), store)
    node.revocations = Revocations(client, node.token_ids, node.disconnect)
    now_s = 0.0

    async def looks(number: int) -> None:
        enough = store.looks + number
        async with asyncio.timeout(TIMEOUT_S):
            while store.looks < enough:
                await asyncio.sleep(0)

    store.is_away = True
    watch = asyncio.create_task(node.revocations.watch(0.0, lambda: now_s))
    for minute in range(3):
        now_s = minute * LOG_EVERY_S
        await looks(10)
    with pytest.raises(StoreUnavailable, match="the store is away"):
        await node.revocations.revoke("stolen", None)
    assert not node.token_ids
    store.is_away = False
    await looks(3)
    watch.cancel()
    with suppress(asyncio.CancelledError):
        await watch
    await client.close()
    away = "revocations of other nodes cannot be read: the store is away"
    assert [record.getMessage() for record in caplog.records] == [
        *[away] * 3,
        "revocations of other nodes can be read again",
    ]
    assert not any(record.exc_info for record in caplog.records)
