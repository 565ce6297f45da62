"""Thousands of devices connect within a second, for the first time and again: what others' writes feel of it.

Each is noted in the database, and a new one gets a register. The writers have a process of their own, so that the load
of the storm does not stand in their way.
"""

import asyncio
import multiprocessing
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import Final
from uuid import UUID

import uvloop
from picows import WSListener, WSTransport, ws_connect

from bench.fanout_load import TIMEOUT_S, percentile_ms
from bench.http_client import HttpConnection, post_request
from bench.metrics import metric
from bench.scenario import LOAD_SHARE, Figure, Sample, Scenario, Target, run
from bench.servers import WATCHLIST, Checkout, MeasurementFailed, Server, token

DEVICES: Final = 5_000
USERS: Final = 1_250
"""Of these devices."""
STORM_S: Final = 1.0
"""In which they all open their connections, evenly spread."""

WRITERS: Final = 100
"""Other users."""
WRITES_PER_S: Final = 500
UNDER_WAY: Final = 64
"""Connections for POSTs, each with one that is not answered yet."""
QUIET_S: Final = 4.0
"""Before the first storm."""
LOOK_EVERY_S: Final = 0.1

STORMS: Final = ("new devices", "known devices")
BEFORE_P99: Final = "p99 of a write before, ms"
Period = tuple[float, float]
"""From when to when, by ``time.perf_counter``: of one machine's processes it is the same clock."""


def during_p99(storm: str) -> str:
    """Return the figure of a write's p99 during a storm."""
    return f"p99 of a write while {storm} connect, ms"


def noted_s(storm: str) -> str:
    """Return the figure of how long a storm lasts."""
    return f"until the last of {storm} is in the database, s"


def measure_daemon(checkout: Checkout) -> Sample:
    """Write for a while, let both storms loose, and divide the writes by when they were due."""
    tokens = [token(f"u{number % USERS}", f"d{number}") for number in range(DEVICES)]
    with checkout.daemon() as server, _writing(server) as writing:
        writing.recv()
        began_s = time.perf_counter()
        time.sleep(QUIET_S)
        sample, storms = run(_storms(server, tokens))
        writing.send(None)
        latencies: list[tuple[float, float]] = writing.recv()

    def p99(between: Period) -> float:
        return percentile_ms([took_s for due_s, took_s in latencies if between[0] <= due_s < between[1]], 0.99)

    sample[BEFORE_P99] = p99((began_s, storms[0][0]))
    for storm, between in zip(STORMS, storms, strict=True):
        sample |= {during_p99(storm): p99(between), noted_s(storm): between[1] - between[0]}
    return sample


async def _storms(server: Server, tokens: list[str]) -> tuple[Sample, list[Period]]:
    """Let the devices come, go, and come again; return when each storm began and was over."""
    used_s, storms = time.process_time(), list[Period]()
    for number in (1, 2):
        began_s = time.perf_counter()
        transports = await asyncio.gather(
            *(_connect(server, began_s + at / DEVICES * STORM_S, one) for at, one in enumerate(tokens))
        )
        known = 'syncd_collection_writes_total{collection="devices",status="updated"}'
        await _until(server, "syncd_presence_written_total", (2 * number - 1) * DEVICES)
        await _until(server, known, DEVICES)
        storms.append((began_s, time.perf_counter()))
        for transport in transports:
            transport.disconnect(graceful=False)
        await _until(server, "syncd_presence_written_total", 2 * number * DEVICES)
    elapsed_s = storms[-1][1] - storms[0][0]
    return {LOAD_SHARE: (time.process_time() - used_s) / elapsed_s}, storms


async def _connect(server: Server, due_s: float, of_device: str) -> WSTransport:
    await asyncio.sleep(due_s - time.perf_counter())
    transport, _ = await ws_connect(
        WSListener,
        f"ws://127.0.0.1:{server.port}/ws",
        extra_headers={"Authorization": f"Bearer {of_device}"},
        websocket_handshake_timeout=TIMEOUT_S,
        read_buffer_init_size=4096,
    )
    return transport


async def _until(server: Server, series: str, value: float) -> None:
    async with asyncio.timeout(TIMEOUT_S):
        while await asyncio.to_thread(metric, server, series) < value:  # noqa: ASYNC110 - a daemon's figures tell nobody
            await asyncio.sleep(LOOK_EVERY_S)


@contextmanager
def _writing(server: Server) -> Iterator[Connection]:
    """Run the writers in a process; it says when they begin, and is told when the storms are over."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    tokens = [token(f"writer-{user}", "tv") for user in range(WRITERS)]
    process = context.Process(target=writing_process, args=(server.port, tokens, theirs), daemon=True)
    process.start()
    theirs.close()
    try:
        yield ours
    finally:
        process.terminate()
        process.join()


def writing_process(port: int, tokens: list[str], orders: Connection) -> None:
    """Be the writers' process: write until told to stop, then send when each write was due, and how long it took."""
    orders.send(uvloop.run(_write(port, tokens, orders)))


async def _write(port: int, tokens: list[str], orders: Connection) -> list[tuple[float, float]]:
    connections = [await HttpConnection.open(port) for _ in range(UNDER_WAY)]
    latencies: list[tuple[float, float]] = []
    is_over = asyncio.Event()
    asyncio.get_running_loop().add_reader(orders.fileno(), is_over.set)
    orders.send(None)
    began_s = time.perf_counter()

    async def work(connection: HttpConnection, number: int) -> None:
        while not is_over.is_set():
            due_s = began_s + number / WRITES_PER_S
            await asyncio.sleep(due_s - time.perf_counter())
            body = b'{"operation":"add","content_id":"%b"}' % str(UUID(int=number)).encode()
            answer = await connection.exchange(post_request(WATCHLIST, body, tokens[number % WRITERS]))
            latencies.append((due_s, time.perf_counter() - due_s))
            if answer.status != 200:
                raise MeasurementFailed(f"a write was answered with {answer.status}: {answer.body!r}")
            number += UNDER_WAY

    await asyncio.gather(*(work(connection, first) for first, connection in enumerate(connections)))
    return latencies


SCENARIO = Scenario(
    title=f"{DEVICES:,} devices connect within {STORM_S:g} s, for the first time and again",
    under_way=f"connects, and {WRITES_PER_S} POSTs/s of other users, {UNDER_WAY} at most",
    figures=(
        Figure(BEFORE_P99, digits=1),
        *(Figure(during_p99(storm), (Target("<", 50),), digits=1) for storm in STORMS),
        *(Figure(noted_s(storm), digits=2) for storm in STORMS),
        Figure(LOAD_SHARE, digits=2),
    ),
    measure=measure_daemon,
)
