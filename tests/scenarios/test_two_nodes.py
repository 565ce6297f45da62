"""Two nodes of one cluster in one process: real actors, one real journal, an unreliable bus between them."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import pytest

from actors.connection.deps import ConnectionDeps, HandshakeResult
from actors.connection.sync_websocket import SyncWebSocket
from actors.messages.change import Change, WatchlistAction
from actors.messages.channel import HeadMoved
from actors.messages.collections import PROGRESS, WATCHLIST
from actors.messages.connection import Following
from actors.messages.journal import DeviceWrite, Outcome, Status
from actors.messages.journal_reads import Page, ReadPage
from actors.messages.lists import DeleteList, ListDeleted
from actors.messages.registers import RegisterChange
from actors.runtime import LoopFuture
from syncd.node import Node, running_node
from syncd.settings import Settings
from tests.fakes.memory_bus import Deliver, MemoryHub
from transport.websocket.device_codec import encode

pytestmark = pytest.mark.integration

SILENCE_S = 1.0
USERS = 5
WRITES_PER_USER = 40


class Device:
    """A connected device: records what it is shown, through a real ``SyncWebSocket`` and a socket of its own."""

    def __init__(
        self, node: Node, user_id: str, device_id: str, since: int | None = None, collection: str = WATCHLIST
    ) -> None:
        self.user_id = user_id
        self.device_id = device_id
        self.node = node
        self.revisions: list[int] = []
        self.contents: set[str] = set()
        self.progressed = asyncio.Event()
        self.ref = SyncWebSocket.start(
            self,
            HandshakeResult(
                user_id=user_id, device_id=device_id, ends_at_s=float("inf"), follows=(Following(collection, since),)
            ),
            ConnectionDeps(
                tell_watchlist=node.users.tell_watchlist, frame=encode, now_s=asyncio.get_running_loop().time
            ),
        )

    async def shown(self, revision: int) -> None:
        """Wait until the device is at ``revision``."""
        while not self.revisions or self.revisions[-1] < revision:
            self.progressed.clear()
            await self.progressed.wait()

    async def leave(self) -> None:
        await self.ref.stop(block=False)

    def write(self, frames: bytes) -> None:
        while frames:
            length, header = frames[1], 2
            if length == 126:
                length, header = int.from_bytes(frames[2:4], "big"), 4
            self._take(msgspec.json.decode(frames[header : header + length]))
            frames = frames[header + length :]

    def _take(self, message: dict[str, Any]) -> None:
        if message["type"] in ("watchlist_update", "list_update"):
            self.revisions.append(message["revision"])
            change = self.contents.add if message["action"] == "add" else self.contents.discard
            change(message["content_id"])
        elif message["type"] == "progress_update":
            self.revisions.append(message["revision"])
            self.contents.add(message["content_id"])
        elif message["type"] == "list_snapshot":
            self.revisions.append(message["revision"])
            self.contents = {item["content_id"] for item in message["items"]}
        self.progressed.set()

    def is_congested(self) -> bool:
        return False

    def ping(self) -> None: ...

    def close(self, code: int, reason: str) -> None: ...

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...


@pytest.fixture
def hub() -> MemoryHub:
    return MemoryHub()


@pytest.fixture
async def nodes(tmp_path: Path, hub: MemoryHub) -> AsyncIterator[list[Node]]:
    settings = Settings(data_dir=tmp_path, shutdown_timeout=1.0, bus_foreign=True)
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(running_node(settings, hub.bus(), pytest.fail)) for _ in range(2)]


@pytest.fixture
async def connect() -> AsyncIterator[Callable[..., Device]]:
    devices: list[Device] = []

    def connected(
        node: Node, user_id: str = "ann", device_id: str = "tv", since: int | None = None, **more: Any
    ) -> Device:
        devices.append(Device(node, user_id, device_id, since, **more))
        return devices[-1]

    yield connected
    for device in devices:
        await device.leave()


async def submit(
    node: Node,
    user_id: str,
    content_id: str,
    action: WatchlistAction = "add",
    collection: str = WATCHLIST,
    **more: Any,
) -> Outcome:
    answered: LoopFuture[Outcome] = LoopFuture()
    node.users.tell_watchlist(
        DeviceWrite(
            user_id=user_id,
            device_id="writer",
            change=Change(action, content_id, **more),
            answer=answered.set,
            collection=collection,
        )
    )
    return await answered


async def the_list(node: Node, user_id: str) -> Page:
    answered: LoopFuture[Any] = LoopFuture()
    node.journal.tell(ReadPage(user_id, 1_000, answered.set))
    page = await answered
    assert isinstance(page, Page)
    assert page.after is None
    return page


def content(number: int) -> str:
    return str(UUID(int=number))


async def test_a_write_on_one_node_reaches_the_devices_of_the_other(
    nodes: list[Node], connect: Callable[..., Device]
) -> None:
    here, there = connect(nodes[0], since=0), connect(nodes[1], since=0)
    await submit(nodes[0], "ann", content(1))
    await here.shown(1)
    await there.shown(1)
    assert here.contents == there.contents == {content(1)}


async def test_an_outage_of_the_bus_does_not_touch_the_own_node_and_is_made_up_for_afterwards(
    nodes: list[Node], hub: MemoryHub, connect: Callable[..., Device]
) -> None:
    here, there = connect(nodes[0], since=0), connect(nodes[1], since=0)
    await submit(nodes[0], "ann", content(1))
    await there.shown(1)
    hub.is_down = True
    for number in range(2, 6):
        await submit(nodes[0], "ann", content(number))
    await here.shown(5)
    assert there.revisions == [1]
    hub.recover()
    await there.shown(5)
    assert here.revisions == there.revisions == [1, 2, 3, 4, 5]


async def test_a_foreign_publishers_message_is_taken_in_once_though_both_nodes_see_it(
    nodes: list[Node], hub: MemoryHub, connect: Callable[..., Device]
) -> None:
    here, there = connect(nodes[0], since=0), connect(nodes[1], since=0)
    foreign = {
        "type": "watchlist_update",
        "operation": "add",
        "content_id": content(1),
        "unique_tag": "movie-123",
        "timestamp": None,
        "device_id": "device-a",
    }
    hub.publish("ann", msgspec.json.encode(foreign))
    await here.shown(1)
    await there.shown(1)
    await submit(nodes[0], "ann", content(2))
    await here.shown(2)
    await there.shown(2)
    assert here.revisions == there.revisions == [1, 2]


async def test_rubbish_on_the_channel_disturbs_nobody(
    nodes: list[Node], hub: MemoryHub, connect: Callable[..., Device], caplog: pytest.LogCaptureFixture
) -> None:
    device = connect(nodes[1], since=0)
    for payload in (
        b"\xff" * 100,
        b"x" * 33_000,
        b'{"type":"nonsense"}',
        b'{"type":"watchlist_update","operation":"add","content_id":"movie-1","unique_tag":"t","timestamp":1,"device_id":"d"}',
    ):
        hub.publish("ann", payload)
    await submit(nodes[0], "ann", content(1))
    await device.shown(1)
    assert device.revisions == [1]
    assert sum(record.levelname == "WARNING" for record in caplog.records) == 8  # each node warns of each
    figures = nodes[1].figures.prometheus().decode()
    for reason in ("invalid_content_id", "malformed", "too_large"):
        assert f'syncd_messages_refused_total{{reason="{reason}"}}' in figures


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_every_device_sees_every_revision_once_and_in_order_over_a_bus_that_loses_doubles_and_reorders(
    nodes: list[Node], hub: MemoryHub, connect: Callable[..., Device], seed: int
) -> None:
    dice = random.Random(seed)
    loop = asyncio.get_running_loop()

    def distort(deliver: Deliver) -> None:
        for _ in range(dice.choice((0, 1, 1, 1, 2))):
            loop.call_later(dice.random() * 0.02, deliver)

    hub.distort = distort
    users = [f"user-{number}" for number in range(USERS)]
    devices = [connect(node, user, f"{user}-{n}", since=0) for user in users for n, node in enumerate(nodes * 2)]

    async def storm(user: str) -> None:
        for _ in range(WRITES_PER_USER):
            action: WatchlistAction = "remove" if dice.random() < 1 / 3 else "add"
            await submit(dice.choice(nodes), user, content(dice.randrange(10)), action)
            if dice.random() < 0.1:
                await asyncio.sleep(dice.random() * 0.01)

    await asyncio.gather(*map(storm, users))
    hub.recover()  # the end of the trouble: what was lost last shows no gap
    for user in users:
        truth = await the_list(nodes[0], user)
        for device in devices:
            if device.user_id == user:
                await device.shown(truth.revision)
                assert device.revisions == list(range(1, truth.revision + 1))
                assert device.contents == {item.content_id for item in truth.items}


async def test_devices_that_come_and_go_at_random_miss_nothing_and_see_nothing_twice(
    nodes: list[Node], connect: Callable[..., Device]
) -> None:
    dice = random.Random(7)
    is_over = asyncio.Event()
    seen: list[int] = []

    async def traveller() -> None:
        while not (is_over.is_set() and seen and seen[-1] == (await the_list(nodes[0], "ann")).revision):
            device = connect(dice.choice(nodes), since=seen[-1] if seen else 0)
            for _ in range(dice.randrange(8)):
                await asyncio.sleep(0)
            if is_over.is_set():
                await device.shown((await the_list(nodes[0], "ann")).revision)
            await device.leave()
            seen.extend(device.revisions)

    travelling = asyncio.create_task(traveller())
    for number in range(200):
        outcome = await submit(dice.choice(nodes), "ann", content(number))
        assert outcome.status is Status.ADDED
    is_over.set()
    await travelling
    assert seen == list(range(1, 201))


@pytest.mark.actors_may_fail
async def test_a_message_that_raises_is_counted_by_its_own_node_and_the_users_next_write_is_handled(
    nodes: list[Node],
) -> None:
    await submit(nodes[0], "ann", content(1))
    nodes[0].users.watchlist("ann").tell("a message of no known type")
    outcome = await submit(nodes[0], "ann", content(2))
    assert outcome.status == Status.ADDED
    skipped = 'syncd_actor_messages_skipped_total{actor="WatchlistSync"} 1.0'
    assert skipped in nodes[0].figures.prometheus().decode()
    assert "syncd_actor_messages_skipped_total{" not in nodes[1].figures.prometheus().decode()


async def test_a_list_is_followed_across_nodes_apart_from_the_watchlist_and_to_its_end(
    nodes: list[Node], connect: Callable[..., Device], hub: MemoryHub
) -> None:
    kids: dict[str, Any] = {"collection": "list:kids"}
    here, there = connect(nodes[0], since=0, **kids), connect(nodes[1], since=0, **kids)
    watchlist = connect(nodes[1], since=0)
    await submit(nodes[0], "ann", content(1), **kids)
    await submit(nodes[1], "ann", content(2), **kids)
    for device in (here, there):
        await device.shown(2)
        assert device.contents == {content(1), content(2)}
    hub.is_down = True
    await submit(nodes[0], "ann", content(3), **kids)
    await here.shown(3)
    hub.recover()  # the heads are compared, also that of the list
    await there.shown(3)
    await submit(nodes[0], "ann", content(9))
    await watchlist.shown(1)
    assert watchlist.contents == {content(9)}
    deleted: LoopFuture[Any] = LoopFuture()
    nodes[0].journal.tell(DeleteList("ann", "kids", deleted.set))
    assert await deleted == ListDeleted(4)
    nodes[0].announce("ann", HeadMoved(4, "", collection="list:kids"))
    for device in (here, there):
        await device.shown(4)
        assert device.contents == set()
    outcome = await submit(nodes[1], "ann", content(4), **kids)
    assert outcome.revision == 5
    for device in (here, there):
        await device.shown(5)
        assert device.contents == {content(4)}


async def test_progress_is_followed_across_nodes_and_what_was_missed_is_told_once(
    nodes: list[Node], connect: Callable[..., Device], hub: MemoryHub
) -> None:
    async def played(node: Node, position: int) -> Outcome:
        change = RegisterChange(key=content(1), says={"position": position, "state": "playing", "watched": None})
        answer: LoopFuture[Outcome] = LoopFuture()
        write = DeviceWrite(user_id="ann", device_id="tv", change=change, answer=answer.set, collection=PROGRESS)
        node.users.tell_watchlist(write)
        return await answer

    here, there = connect(nodes[0], collection=PROGRESS), connect(nodes[1], since=0, collection=PROGRESS)
    for position, node in enumerate(nodes):
        await played(node, position)
        for device in (here, there):
            await device.shown(position + 1)
    hub.is_down = True
    for position in range(3):
        await played(nodes[0], position)
    await here.shown(5)
    hub.recover()
    await there.shown(5)
    assert (here.revisions, there.revisions) == ([1, 2, 3, 4, 5], [1, 2, 5])
