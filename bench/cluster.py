"""What several nodes cost and gain: ``python -m bench.cluster``, some two minutes.

PostgreSQL (its data here: a real disk, where every commit pays its fsync), the bus and every node are processes of
their own on this machine, and so is the load: the figures are those of all of them on its cores together.
"""

import asyncio
import json
import os
import secrets
import signal
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg
from websockets.asyncio.client import connect

from actors.bus.subscriber import HEADS_PER_READ
from bench import journal
from bench.http_client import HttpConnection, post_request, send_all
from bench.programs import NATS_SERVER
from bench.servers import WATCHLIST, nats_server
from storage.journal.journal_store import open_store
from syncd.cluster import Child, local_postgresql
from transport.access.minting import mint

MAX_NODES = 3
WRITERS_PER_NODE = 48
USERS = 200
ROUNDS = 20
"""Writes of each user per figure."""
READS = 200
LATENCY_USERS = 50
LATENCY_WRITES_PER_S = 100
LATENCY_SECONDS = 8
TIMEOUT_S = 600
"""A guard against hanging."""

_SECRET = secrets.token_urlsafe(48)


class Cluster:
    """Where everything listens."""

    def __init__(self, directory: Path, database_url: str) -> None:
        self._directory = directory
        self._database_url = database_url

    def new_journal(self) -> str:
        """Return the URL of an empty schema."""
        name = f"bench_{secrets.token_hex(4)}"
        with psycopg.connect(self._database_url, autocommit=True) as connection:
            connection.execute(f"CREATE SCHEMA {name}".encode())
        return f"{self._database_url}&options=-csearch_path%3D{name}"

    @asynccontextmanager
    async def nodes(self, count: int, *bus: str) -> AsyncIterator[list[int]]:
        """Run so many nodes on an empty journal; their ports."""
        environment = {
            "SYNCD_JWT_SECRET": _SECRET,
            "SYNCD_DATABASE_URL": self.new_journal(),
            "SYNCD_LOG_LEVEL": "warning",
        }
        async with AsyncExitStack() as stack:
            ports = []
            for number in range(count):
                node = await Child.start(
                    *("serve", "--port", "0", *bus),
                    log=self._directory / f"node-{number}.log",
                    announces=" listens on http://",
                    environment=environment,
                )
                stack.push_async_callback(node.terminate)
                ports.append(int(node.announcement.rpartition(":")[2]))
            yield ports

    @asynccontextmanager
    async def broker(self) -> AsyncIterator[tuple[str, ...]]:
        """Run the local PubNub-protocol broker; the flags that connect a node to it."""
        child = await Child.start(
            *("broker", "--port", "0"), log=self._directory / "broker.log", announces="origin", environment={}
        )
        origin = child.announcement.split('origin "')[1].split('"')[0]
        keys = ("--pubnub-subscribe-key", "dev", "--pubnub-publish-key", "dev")
        try:
            yield ("--bus", "pubnub", *keys, "--pubnub-origin", origin, "--pubnub-tls", "off")
        finally:
            await child.terminate()


def add(round_number: int, user: int, device: str = "writer") -> bytes:
    """Return the request that adds a content of its own as ``user``."""
    content_id = f"0b0e6a4e-52a5-4a5b-9a1f-{round_number:06x}{user:06x}"
    body = json.dumps({"operation": "add", "content_id": content_id}).encode()
    return post_request(WATCHLIST, body, mint(_SECRET, f"user-{user}", device, 3600))


async def writes_per_second(ports: Sequence[int], *, are_shared: bool) -> float:
    """Return how many writes all nodes answer in a second.

    Args:
        ports: the nodes'.
        are_shared: every node writes every user, so that nodes wait for each other's locks; else each has its own.
    """
    rounds = [
        [
            [
                add(number * len(ports) + index, user)
                for user in range(USERS)
                if are_shared or user % len(ports) == index
            ]
            for number in range(1 + ROUNDS)
        ]
        for index in range(len(ports))
    ]
    for index, port in enumerate(ports):  # a service at work: its users are known
        await send_all(port, rounds[index][0], WRITERS_PER_NODE)
    requests = [[request for one in of_node[1:] for request in one] for of_node in rounds]
    began_s = time.perf_counter()
    await asyncio.gather(
        *(send_all(port, of_node, WRITERS_PER_NODE) for port, of_node in zip(ports, requests, strict=True))
    )
    return sum(map(len, requests)) / (time.perf_counter() - began_s)


async def latencies_ms(ports: Sequence[int]) -> tuple[list[float], list[float]]:
    """Return how long writes on the first node took to a device there, and to one on the last node; sorted."""
    sent_s: dict[tuple[int, int], float] = {}
    taken_ms: tuple[list[float], list[float]] = ([], [])
    expected = LATENCY_WRITES_PER_S * LATENCY_SECONDS
    are_ready = [asyncio.Event() for _ in range(2 * LATENCY_USERS)]
    is_complete = asyncio.Event()

    async def watch(user: int, side: int, is_ready: asyncio.Event) -> None:
        token = mint(_SECRET, f"user-{user}", f"device-{side}", 3600)
        url = f"ws://127.0.0.1:{(ports[0], ports[-1])[side]}/ws?since=0"
        async with connect(url, additional_headers={"Authorization": f"Bearer {token}"}, compression=None) as socket:
            async for frame in socket:
                message = json.loads(frame)
                if message["type"] == "resumed":
                    is_ready.set()
                else:
                    taken_ms[side].append((time.perf_counter() - sent_s[user, message["revision"]]) * 1000)
                if min(map(len, taken_ms)) >= expected:
                    is_complete.set()

    async with asyncio.TaskGroup() as tasks:
        watching = [
            tasks.create_task(watch(number // 2, number % 2, is_ready)) for number, is_ready in enumerate(are_ready)
        ]
        for is_ready in are_ready:
            await is_ready.wait()
        connections = [await HttpConnection.open(ports[0]) for _ in range(LATENCY_USERS)]
        began_s = time.perf_counter()
        answers: dict[int, Awaitable[object]] = {}
        for number in range(expected):
            await asyncio.sleep(began_s + number / LATENCY_WRITES_PER_S - time.perf_counter())
            round_number, user = divmod(number, LATENCY_USERS)
            sent_s[user, round_number + 1] = time.perf_counter()
            if user in answers:  # a slow answer delays the next write, and that counts
                await answers[user]
            answers[user] = connections[user].exchange(add(round_number, user))
        await is_complete.wait()
        for task in watching:
            task.cancel()
    for connection in connections:
        connection.close()
    return sorted(taken_ms[0]), sorted(taken_ms[1])


def summary(sorted_ms: list[float]) -> str:
    """Return median and 99th percentile."""
    p50, p99 = (sorted_ms[int(len(sorted_ms) * fraction)] for fraction in (0.5, 0.99))
    return f"p50 {p50:7.1f} ms   p99 {p99:7.1f} ms"


def measure_postgresql(url: str) -> None:
    """Print the throughput of one node's journal on PostgreSQL, and the size of its rows."""
    print("PostgreSQL alone, by one journal")
    store = open_store(url, now_ms=journal.now_ms)
    journal.operations_per_second(store, 16)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "ANALYZE"
        )  # as PostgreSQL does by itself within a minute; plans made on empty tables are bad
    for batch_size in (1, 16, 64):
        rate = journal.operations_per_second(store, batch_size)
        print(f"  batches of {batch_size:2}  {rate:8,.0f} operations/s")
    user_ids = [f"user-{number}" for number in range(HEADS_PER_READ)]
    began_s = time.perf_counter()
    for _ in range(READS):
        store.heads(user_ids)
    print(f"  heads of {HEADS_PER_READ} users  {(time.perf_counter() - began_s) / READS * 1000:.1f} ms")
    store.close()
    with psycopg.connect(url) as connection:
        for table in ("operations", "entries"):
            statement = f"SELECT pg_total_relation_size('{table}') / count(*) FROM {table}"
            row = connection.execute(statement.encode()).fetchone()
            assert row is not None
            print(f"  {table:10} {row[0]:6,} bytes a row, indexes included", flush=True)


async def measure(cluster: Cluster) -> None:
    """Print every figure of nodes."""
    print(f"{LATENCY_WRITES_PER_S} writes/s over HTTP on one of two nodes, from the request to the device")
    async with AsyncExitStack() as stack:
        nats_port = stack.enter_context(nats_server()).port
        pubnub = await stack.enter_async_context(cluster.broker())
        for name, bus in (("pubnub, local broker", pubnub), ("nats", ("--bus", f"nats://127.0.0.1:{nats_port}"))):
            async with cluster.nodes(2, *bus) as ports:
                same, other = await latencies_ms(ports)
            print(f"  {name:22} same node   {summary(same)}\n  {'':22} other node  {summary(other)}", flush=True)
        print(f"writes answered per second, {WRITERS_PER_NODE} connections to each node, {USERS} users, bus: nats")
        for count, are_shared in ((1, False), (2, False), (MAX_NODES, False), (2, True), (MAX_NODES, True)):
            async with cluster.nodes(count, "--bus", f"nats://127.0.0.1:{nats_port}") as ports:
                rate = await writes_per_second(ports, are_shared=are_shared)
            users = "every node writes every user" if are_shared else "each node writes its own users"
            print(
                f"  {count} node{'s' if count > 1 else ' '}  {rate:8,.0f} /s   {users if count > 1 else ''}", flush=True
            )


def main() -> None:
    """Measure, in a directory here that is gone afterwards."""
    if NATS_SERVER.find() is None:
        raise SystemExit(f"{NATS_SERVER} is not installed")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # and every process is ended on the way out
    print(f"{os.cpu_count()} cores, load average {os.getloadavg()[0]:.1f}")
    with TemporaryDirectory(prefix=".bench-cluster-", dir=".") as name:
        directory = Path(name).absolute()
        directory.chmod(0o755)  # PostgreSQL does not run as root, whoever runs this
        with local_postgresql(directory / "postgresql") as postgresql:
            cluster = Cluster(directory, postgresql.url)
            measure_postgresql(cluster.new_journal())
            asyncio.run(asyncio.wait_for(measure(cluster), TIMEOUT_S))


if __name__ == "__main__":
    main()
