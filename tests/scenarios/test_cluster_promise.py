"""The central promise: gap-free, in order, exactly once, per device. Two real nodes, a write storm, everything breaks.

The journal in PostgreSQL says what is true; every device remembers each message it got, over all its connections.
"""

import asyncio
import json
import random
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from statistics import median
from typing import Any
from uuid import UUID

import aiohttp
import psycopg
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

from tests.scenarios.conftest import WATCHLIST, Bearer, BusServer, ClusterNode, StartNode
from tests.timeouts import TIMEOUT_S

USERS = 50
DEVICES_PER_USER = 4
WRITERS_PER_USER = 2
"""Write side by side, each wherever the dice say: both nodes write the same user at once."""
WRITES_PER_PHASE = 4
"""Of each writer; there are four phases."""
SEED = 20_261_124
FAULTS: dict[str, Any] = {"drop": 0.2, "duplicate": 0.2, "reorder": 0.2, "queue_limit": 20, "seed": SEED}
"""The broker's: a fifth lost, a fifth doubled, a fifth out of order, and queues that overflow."""

Change = tuple[int, str, str]
"""Revision, action, content id."""


class Device:
    """A client app: keeps its revision, and comes back with it, at another node if its own has gone."""

    def __init__(self, nodes: list[ClusterNode], home: int, user_id: str, headers: dict[str, str]) -> None:
        self._nodes = nodes
        self._home = home
        self._headers = headers
        self.user_id = user_id
        self.changes: list[Change] = []
        """Every change it was shown, in order of arrival, over all its connections."""
        self.shown: dict[int, tuple[ClusterNode, float]] = {}
        """Revision -> which node showed it, and when."""
        self.contents: set[str] = set()
        self.connections = 0
        self.is_connected = False

    @property
    def revision(self) -> int:
        return self.changes[-1][0] if self.changes else 0

    @property
    def node(self) -> ClusterNode:
        return self._nodes[self._home]

    async def live(self) -> None:
        while True:
            try:
                url = f"{self.node.ws_url}?since={self.revision}"
                async with connect(url, additional_headers=self._headers, compression=None) as connection:
                    self.connections += 1
                    async for frame in connection:
                        self._take(json.loads(frame))
            except (OSError, WebSocketException):
                pass
            self.is_connected = False
            self._home = (self._home + 1) % len(self._nodes)
            await asyncio.sleep(0.1)

    def _take(self, message: dict[str, Any]) -> None:
        match message["type"]:
            case "resumed":
                assert message["recovered"], message
                self.is_connected = True
            case "watchlist_update":
                self.changes.append((message["revision"], message["action"], message["content_id"]))
                self.shown[message["revision"]] = (self.node, time.perf_counter())
                change = self.contents.add if message["action"] == "add" else self.contents.discard
                change(message["content_id"])
            case _:
                pytest.fail(f"unexpected: {message}")


class Acknowledged:
    """A write that was answered with a revision."""

    def __init__(self, user_id: str, revision: int, node: ClusterNode, sent_s: float) -> None:
        self.user_id, self.revision, self.node, self.sent_s = user_id, revision, node, sent_s

    def same_node_latency_s(self, devices: list[Device]) -> list[float]:
        """Return how long each device of the user on the node that was written took to show it."""
        shown = [device.shown[self.revision] for device in devices if self.revision in device.shown]
        return [at_s - self.sent_s for node, at_s in shown if node is self.node]


class Storm:
    """Writers of every user, each of which tries a write again, somewhere, until it is answered."""

    def __init__(self, http: aiohttp.ClientSession, nodes: list[ClusterNode], bearer: Bearer) -> None:
        self._http = http
        self._nodes = nodes
        self._bearer = bearer
        self.dice = random.Random(SEED)
        self.acknowledged: dict[str, Acknowledged] = {}
        """By operation id."""

    async def blow(self, user_ids: list[str], writes: int, lasts_s: float = 0.0) -> list[Acknowledged]:
        """Let each writer write ``writes`` times, spread over ``lasts_s``; return what got a revision."""
        before = set(self.acknowledged)
        writers = [user_id for user_id in user_ids for _ in range(WRITERS_PER_USER)]
        await asyncio.gather(*(self._write_all(user_id, writes, lasts_s / writes) for user_id in writers))
        return [write for operation_id, write in self.acknowledged.items() if operation_id not in before]

    async def _write_all(self, user_id: str, writes: int, pause_s: float) -> None:
        for _ in range(writes):
            await asyncio.sleep(pause_s * self.dice.uniform(0.5, 1.5))
            body = {
                "operation": self.dice.choice(("add", "add", "remove")),
                "content_id": str(UUID(int=self.dice.randrange(12))),
                "operation_id": f"op-{self.dice.randrange(1 << 60)}",
            }
            await self._write(user_id, f"d{self.dice.randrange(DEVICES_PER_USER)}", body)

    async def _write(self, user_id: str, device_id: str, body: dict[str, str]) -> None:
        while True:
            node, sent_s = self.dice.choice(self._nodes), time.perf_counter()
            try:
                url, headers = node.url + WATCHLIST, self._bearer(user_id, device_id)
                async with self._http.post(url, json=body, headers=headers) as response:
                    answer = await response.json(content_type=None)
            except (aiohttp.ClientError, OSError):  # the node has gone; nobody knows whether it wrote
                await asyncio.sleep(0.05)
                continue
            assert response.status in (200, 404), answer
            if "revision" in answer:
                self.acknowledged[body["operation_id"]] = Acknowledged(user_id, answer["revision"], node, sent_s)
            return


async def everyone(devices: list[Device], condition: Callable[[Device], bool]) -> None:
    """Wait until ``condition`` holds for every device."""
    try:
        async with asyncio.timeout(TIMEOUT_S):
            while not all(map(condition, devices)):
                await asyncio.sleep(0.05)
    except TimeoutError:
        late = [(device.user_id, device.revision) for device in devices if not condition(device)]
        pytest.fail(f"{len(late)} devices are behind: {late[:8]}")


def journal_of(database_url: str) -> tuple[dict[str, list[Change]], dict[str, tuple[str, int]]]:
    """Return each user's changes in order, and by operation id whose revision it became."""
    with psycopg.connect(database_url) as database:
        rows = database.execute(
            "SELECT user_id, revision, kind, content_id, operation_id FROM operations ORDER BY user_id, revision"
        ).fetchall()
    changes: dict[str, list[Change]] = {}
    for user_id, revision, kind, content_id, _ in rows:
        changes.setdefault(user_id, []).append((revision, kind.removeprefix("watchlist."), str(content_id)))
    return changes, {operation_id: (user_id, revision) for user_id, revision, _, _, operation_id in rows}


def p50_ms(writes: list[Acknowledged], devices: dict[str, list[Device]]) -> float:
    """Return the median of same-node delivery, from the request's start to the device."""
    return median(taken for write in writes for taken in write.same_node_latency_s(devices[write.user_id])) * 1000


@pytest.mark.timeout(15 * TIMEOUT_S)
async def test_every_device_sees_each_revision_once_and_in_order_whatever_breaks(
    bus: BusServer,
    start_node: StartNode,
    http: aiohttp.ClientSession,
    bearer: Bearer,
    database_url: str,
    outage_s: float,
) -> None:
    print(f"seed {SEED}, outage {outage_s} s")
    await bus.disturb(**FAULTS)
    nodes = [await start_node(*bus.flags) for _ in range(2)]
    user_ids = [f"user-{number}" for number in range(USERS)]
    devices = {
        user_id: [
            Device(nodes, number % 2, user_id, bearer(user_id, f"d{number}")) for number in range(DEVICES_PER_USER)
        ]
        for user_id in user_ids
    }
    all_devices = [device for of_user in devices.values() for device in of_user]
    storm = Storm(http, nodes, bearer)
    async with AsyncExitStack() as stack:
        for device in all_devices:
            stack.callback(asyncio.create_task(device.live()).cancel)
        await everyone(all_devices, lambda device: device.is_connected)

        before = await storm.blow(user_ids, WRITES_PER_PHASE, outage_s / 2)

        await bus.kill()
        during = await storm.blow(user_ids, WRITES_PER_PHASE, outage_s)
        heads: dict[tuple[str, ClusterNode], int] = {}
        for write in during:
            heads[write.user_id, write.node] = max(write.revision, heads.get((write.user_id, write.node), 0))
        # Same-node delivery goes on while the bus is gone: it is still gone here.
        await everyone(all_devices, lambda device: device.revision >= heads.get((device.user_id, device.node), 0))
        for node in nodes:
            status, problems = await node.ready(http)
            assert (status, set(problems)) == (200, {"bus"})

        await bus.start()
        await bus.disturb(**FAULTS)
        await storm.blow(user_ids, WRITES_PER_PHASE)

        storming = asyncio.create_task(storm.blow(user_ids, WRITES_PER_PHASE, 4.0))
        enough = len(storm.acknowledged) + USERS
        while len(storm.acknowledged) < enough:
            await asyncio.sleep(0)
        await nodes[1].child.kill()
        await nodes[1].start()
        await storming

        journal, revisions = journal_of(database_url)
        await everyone(all_devices, lambda device: device.revision >= len(journal[device.user_id]))
        lists = {}
        for user_id in user_ids:
            async with http.get(nodes[1].url + WATCHLIST, headers=bearer(user_id, "d0")) as response:
                lists[user_id] = {item["content_id"] for item in (await response.json())["items"]}
        gaps, doubles = [
            [await node.metric(http, series) for node in nodes]
            for series in ("syncd_gaps_healed_total", "syncd_bus_duplicates_total")
        ]

    for user_id, changes in journal.items():
        assert [revision for revision, _, _ in changes] == list(range(1, len(changes) + 1))
        for device in devices[user_id]:
            assert device.changes == changes
            assert device.contents == lists[user_id]
    assert {
        operation_id: (write.user_id, write.revision) for operation_id, write in storm.acknowledged.items()
    }.items() <= revisions.items()
    came_back = sum(device.connections > 1 for device in all_devices)
    assert came_back >= len(all_devices) / 2
    assert any(gaps)  # there was something to heal
    print(
        f"{len(revisions)} revisions, {sum(map(len, journal.values())) * DEVICES_PER_USER} deliveries,"
        f" {came_back} devices came back, gaps healed {gaps}, dropped as old {doubles}\n"
        f"same-node p50: {p50_ms(before, devices):.1f} ms before, {p50_ms(during, devices):.1f} ms during the outage"
    )
