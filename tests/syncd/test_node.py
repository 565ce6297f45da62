"""One node as its process runs it: up in order, down in reverse, and nothing left behind whatever happens."""

import asyncio
import sqlite3
import sys
from contextlib import closing
from pathlib import Path
from types import FrameType
from typing import Any
from uuid import UUID

import msgspec
import pytest
from pykka import ActorDeadError, ActorRegistry

from actors.errors import StoreUnavailable
from actors.messages.change import Change
from actors.messages.connection import ConnectionInfo, Deliver, Disconnect, Join, Joined
from actors.messages.control import ConnectionsNotified, ShowNotice
from actors.messages.deployment import Answers, AskNodes, TakePart
from actors.messages.journal import DeviceWrite, Outcome, Status
from actors.ports import NOBODY
from actors.runtime import LoopFuture
from storage.errors import ContentIdsDiffer, SchemaTooNew
from storage.schema.version import migrate
from syncd.errors import SettingsError
from syncd.local_commands import LocalCommands
from syncd.node import Node, running_node
from syncd.outside import MACHINE
from syncd.settings import Settings
from tests.daemon import ROOT
from tests.fakes.memory_bus import MemoryHub
from tests.timeouts import TIMEOUT_S
from transport.bus.none import NoBus

pytestmark = pytest.mark.integration


class ClosingBus(NoBus):
    """No bus; knows whether it was closed."""

    is_closed = False

    async def close(self) -> None:
        self.is_closed = True


def write(node: Node, user_id: str = "ann") -> LoopFuture[Outcome]:
    """Add a content to the user's list; the future of the answer."""
    answer: LoopFuture[Outcome] = LoopFuture()
    change = Change("add", str(UUID(int=1)))
    node.users.tell_watchlist(DeviceWrite(user_id=user_id, device_id="tv", change=change, answer=answer.set))
    return answer


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path)


async def test_a_node_takes_writes_and_counts_them(settings: Settings) -> None:
    async with running_node(settings, NoBus(), pytest.fail) as node:
        outcome = await write(node)
        assert (outcome.status, outcome.revision) == (Status.ADDED, 1)
        stats = msgspec.to_builtins(node.stats())
        assert (stats["node"], stats["active_watchlists"], stats["writes"]["added"]) == (node.name, 1, 1)
        assert stats["journal"]["problem"] is stats["bus"]["problem"] is None
        assert stats["bus"]["engine"] == "none"
        assert b"syncd_actors" in node.figures.prometheus()


async def test_without_a_bus_a_write_reaches_its_devices_and_nothing_of_the_channel_is_made(settings: Settings) -> None:
    called: set[tuple[str, str]] = set()

    def note(frame: FrameType, event: str, _arg: object) -> None:
        if event == "call":
            called.add((frame.f_code.co_filename.removeprefix(f"{ROOT}/"), frame.f_code.co_name))

    is_shown = asyncio.Event()

    def tell(message: object) -> None:
        if isinstance(message, Deliver):
            is_shown.set()

    async with running_node(settings, NoBus(), pytest.fail) as node:
        node.users.tell_watchlist(Join(ConnectionInfo("c1", "ann", "tv", tell)))
        await write(node, "bob")
        sys.setprofile(note)
        try:
            await write(node)
            async with asyncio.timeout(TIMEOUT_S):
                await is_shown.wait()
        finally:
            sys.setprofile(None)
    assert ("actors/messages/conversion.py", "device_update") in called
    of_the_channel = {("actors/messages/conversion.py", "channel_update")}
    assert not [call for call in called if call in of_the_channel or "/bus/" in call[0]]


async def test_after_an_outage_devices_are_told_of_another_epoch_though_nobody_writes(
    settings: Settings, tmp_path: Path
) -> None:
    told: asyncio.Queue[object] = asyncio.Queue()
    often = msgspec.structs.replace(MACHINE, probe_s=0.01)
    async with running_node(settings, NoBus(), pytest.fail, outside=often) as node:
        node.users.tell_watchlist(Join(ConnectionInfo("c1", "ann", "tv", told.put_nowait)))
        async with asyncio.timeout(TIMEOUT_S):
            assert isinstance(await told.get(), Joined)
            with closing(sqlite3.connect(tmp_path / "journal.db", isolation_level=None)) as database:
                database.execute("UPDATE meta SET value = 'promoted' WHERE key = 'epoch'")
            node.metrics.journal.failures += 1
            assert isinstance(await told.get(), Disconnect)


async def test_two_nodes_have_names_of_their_own_and_share_nothing_but_the_database(settings: Settings) -> None:
    async with (
        running_node(settings, NoBus(), pytest.fail) as here,
        running_node(settings, NoBus(), pytest.fail) as there,
    ):
        assert here.name != there.name
        assert ((await write(here)).revision, (await write(there)).revision) == (1, 2)
        assert (len(here.users), here.metrics.writes.by_status()["added"]) == (1, 1)


async def test_on_leaving_everything_is_stopped_and_the_bus_is_closed(settings: Settings) -> None:
    bus = ClosingBus()
    async with running_node(settings, bus, pytest.fail) as node:
        await write(node)
        assert not bus.is_closed
    assert bus.is_closed
    assert ActorRegistry.get_all() == []
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_what_is_committed_is_published_before_the_end(settings: Settings) -> None:
    hub, heard = MemoryHub(), list[dict[str, Any]]()
    other = hub.bus()
    other.subscribe("ann")
    await other.start(
        msgspec.structs.replace(NOBODY, on_message=lambda _, payload: heard.append(msgspec.json.decode(payload)))
    )
    async with running_node(settings, hub.bus(), pytest.fail) as node:
        assert (await write(node)).status is Status.ADDED
    async with asyncio.timeout(TIMEOUT_S):
        while not heard:
            await asyncio.sleep(0)
    assert [(message["type"], message["revision"], message["origin"]) for message in heard] == [
        ("watchlist_update", 1, node.name)
    ]


async def test_nodes_on_one_bus_with_one_key_do_what_one_of_them_is_asked_for(settings: Settings) -> None:
    chosen = msgspec.structs.replace(settings, bus="nats://of.memory", bus_key="k" * 32)
    hub = MemoryHub()

    async def revoked_nothing() -> int:
        return 0

    async with (
        running_node(chosen, hub.bus(), pytest.fail) as here,
        running_node(chosen, hub.bus(), pytest.fail) as there,
    ):
        for node in (here, there):
            node.deployment.tell(TakePart(LocalCommands(node.registry, revoked_nothing, node.stats).act))
        async with asyncio.timeout(TIMEOUT_S):
            while (here.metrics.bus.nodes, there.metrics.bus.nodes) != (2, 2):
                await asyncio.sleep(0)
            answers: LoopFuture[Answers] = LoopFuture()
            here.deployment.tell(AskNodes(ShowNotice("Hello", "info"), answers.set))
            told = await answers
    assert told.results == {here.name: ConnectionsNotified(0), there.name: ConnectionsNotified(0)}
    assert here.metrics.bus.refused == there.metrics.bus.refused == {}


@pytest.mark.parametrize(
    ("database_url", "said"),
    [("nonsense", "^--database-url: this is not the URL"), ("mysql://x", "^--database-url: the journal needs sqlite")],
)
async def test_a_database_that_cannot_be_is_refused_by_its_setting(
    settings: Settings, database_url: str, said: str
) -> None:
    chosen = msgspec.structs.replace(settings, database_url=database_url)
    with pytest.raises(SettingsError, match=said):
        async with running_node(chosen, NoBus(), pytest.fail):
            pytest.fail("it must not run")


async def test_a_database_that_cannot_be_used_ends_the_start(settings: Settings, tmp_path: Path) -> None:
    migrate(settings.journal_url)
    with closing(sqlite3.connect(tmp_path / "journal.db", isolation_level=None)) as database:
        database.executescript("UPDATE alembic_version SET version_num = '9999'; DELETE FROM meta WHERE key <> 'epoch'")
    with pytest.raises(SchemaTooNew):
        async with running_node(settings, NoBus(), pytest.fail):
            pytest.fail("it must not run")
    gone = msgspec.structs.replace(settings, database_url="postgresql://x@127.0.0.1:9/x")
    with pytest.raises(StoreUnavailable):
        async with running_node(gone, NoBus(), pytest.fail):
            pytest.fail("it must not run")


async def test_a_journal_of_text_ids_ends_the_start_of_a_node_that_takes_uuids(settings: Settings) -> None:
    migrate(settings.journal_url)
    with closing(sqlite3.connect(settings.data_dir / "journal.db", isolation_level=None)) as database:
        database.execute("INSERT INTO meta VALUES ('content_ids', 'text')")
    with pytest.raises(ContentIdsDiffer, match="set --content-ids text"):
        async with running_node(settings, NoBus(), pytest.fail):
            pytest.fail("it must not run")


@pytest.mark.actors_may_fail
async def test_a_start_that_fails_half_way_stops_what_had_started(settings: Settings) -> None:
    class BrokenBus(ClosingBus):
        async def start(self, listener: object) -> None:
            raise ZeroDivisionError

    bus = BrokenBus()
    with pytest.raises(ActorDeadError):
        async with running_node(settings, bus, pytest.fail):
            pytest.fail("it must not run")
    assert bus.is_closed
    assert ActorRegistry.get_all() == []
