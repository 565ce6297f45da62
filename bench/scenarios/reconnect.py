"""A reconnect storm: thousands of devices come back within a second, each some revisions behind.

Meanwhile other users, who never went away, write and watch: a process of its own times their live delivery, so that the
storm's load generator does not stand in its way.
"""

import asyncio
import multiprocessing
import re
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection

import uvloop
from picows import WSFrame, WSListener, WSMsgType, WSTransport, ws_connect

from bench import servers
from bench.fanout_load import CONTENT_ID_START, TIMEOUT_S, WATCHLIST_ADD, percentile_ms
from bench.http_client import post_request, send_all
from bench.scenario import LOAD_SHARE, Figure, Sample, Scenario, Target, run
from bench.servers import Checkout, MeasurementFailed, Server

DEVICES = 5_000
USERS = 1_250
BEHIND = 20
"""Revisions that every device has missed."""
STORM_S = 1.0
"""In which they all open their connections, evenly spread."""

UNTOUCHED_USERS = 50
UNTOUCHED_WRITES_PER_S = 200

OPENED_S = "until the last device has begun to connect, s"
CURRENT_S = "until the last device is current, s"
LIVE_P99_MS = "p99 of untouched users' live delivery, ms"
LIVE_MEDIAN_MS = "median of untouched users' live delivery, ms"

_REVISION = re.compile(rb'"action":"add","revision":(\d+)')
_NUMBER = re.compile(CONTENT_ID_START.encode() + rb"([0-9a-f]{12})")


class ReturningDevice(WSListener):
    """Expects revisions 1, 2, 3 … up to the last it has missed."""

    def __init__(self, done: "asyncio.Future[None]") -> None:
        self._done = done
        self._revision = 0

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        """Called for every frame."""
        found = _REVISION.search(frame.get_payload_as_bytes()) if frame.msg_type == WSMsgType.TEXT else None
        if found is None or self._done.done():
            return
        self._revision += 1
        if int(found[1]) != self._revision:
            self._done.set_exception(MeasurementFailed(f"revision {self._revision} came as {int(found[1])}"))
        elif self._revision == BEHIND:
            self._done.set_result(None)

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        """Called at the end."""
        if not self._done.done():
            self._done.set_exception(MeasurementFailed("a device was disconnected before it was current"))


class UntouchedDevice(WSListener):
    """Watches for the writes noted in ``written_s`` (number -> when)."""

    def __init__(self, written_s: dict[int, float], latencies_s: list[float]) -> None:
        self._written_s = written_s
        self._latencies_s = latencies_s

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        """Called for every frame; acks name no content."""
        if found := _NUMBER.search(frame.get_payload_as_bytes()):
            self._latencies_s.append(time.perf_counter() - self._written_s.pop(int(found[1], 16)))


def measure_daemon(checkout: Checkout) -> Sample:
    """Write what the devices miss, begin to watch the untouched users, and let the storm loose."""
    tokens = [servers.token(f"away-{number % USERS}", f"d{number}") for number in range(DEVICES)]
    with checkout.daemon() as server:
        run(write_what_is_missed(server, [servers.token(f"away-{user}", "tv") for user in range(USERS)]))
        with _untouched(server) as live:
            live.recv()
            sample, latencies_s = run(_storm(server.port, tokens, live))
    return sample | {
        LIVE_P99_MS: percentile_ms(latencies_s, 0.99),
        LIVE_MEDIAN_MS: percentile_ms(latencies_s, 0.5),
    }


async def write_what_is_missed(server: Server, tokens: Iterable[str]) -> None:
    """Write ``BEHIND`` revisions for each user."""
    adds = (WATCHLIST_ADD.format(cid=f"{CONTENT_ID_START}{number:012x}") for number in range(BEHIND))
    bulk = f'{{"operations":[{",".join(adds)}]}}'.encode()
    await send_all(server.port, [post_request(servers.BULK, bulk, token) for token in tokens], 8)


async def _storm(port: int, tokens: list[str], live: Connection) -> tuple[Sample, list[float]]:
    """Return how fast the devices came and were current, from the first one's connecting on, and live latencies."""
    began_s, used_s = time.perf_counter(), time.process_time()
    opened_s: list[float] = []

    async def come_back(number: int, token: str) -> WSTransport:
        await asyncio.sleep(began_s + number / DEVICES * STORM_S - time.perf_counter())
        opened_s.append(time.perf_counter() - began_s)
        done = asyncio.get_running_loop().create_future()
        transport, _ = await ws_connect(
            lambda: ReturningDevice(done),
            f"ws://127.0.0.1:{port}/ws?since=0",
            extra_headers={"Authorization": f"Bearer {token}"},
            websocket_handshake_timeout=TIMEOUT_S,
            read_buffer_init_size=4096,
        )
        await done
        return transport

    async with asyncio.timeout(TIMEOUT_S):
        transports = await asyncio.gather(*(come_back(number, token) for number, token in enumerate(tokens)))
    elapsed_s, used_s = time.perf_counter() - began_s, time.process_time() - used_s
    live.send(None)
    latencies_s: list[float] = await asyncio.to_thread(live.recv)
    for transport in transports:
        transport.disconnect(graceful=False)
    return {OPENED_S: max(opened_s), CURRENT_S: elapsed_s, LOAD_SHARE: used_s / elapsed_s}, latencies_s


@contextmanager
def _untouched(server: Server) -> Iterator[Connection]:
    """Run the untouched users in a process; it says when they write, and is told when the storm is over."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    tokens = [servers.token(f"untouched-{user}", "tv") for user in range(UNTOUCHED_USERS)]
    process = context.Process(target=live_process, args=(server.port, tokens, theirs), daemon=True)
    process.start()
    theirs.close()
    try:
        yield ours
    finally:
        process.terminate()
        process.join()


def live_process(port: int, tokens: list[str], orders: Connection) -> None:
    """Be the untouched users' process: write until told to stop, then send the latencies in seconds."""
    orders.send(uvloop.run(_live(port, tokens, orders)))


async def _live(port: int, tokens: list[str], orders: Connection) -> list[float]:
    written_s: dict[int, float] = {}
    latencies_s: list[float] = []
    transports = []
    for token in tokens:
        transport, _ = await ws_connect(
            lambda: UntouchedDevice(written_s, latencies_s),
            f"ws://127.0.0.1:{port}/ws",
            extra_headers={"Authorization": f"Bearer {token}"},
        )
        transports.append(transport)
    orders.send(None)
    is_over = asyncio.Event()
    asyncio.get_running_loop().add_reader(orders.fileno(), is_over.set)
    began_s = time.perf_counter()
    number = 0
    while not is_over.is_set():
        written_s[number] = time.perf_counter()
        message = WATCHLIST_ADD.format(cid=f"{CONTENT_ID_START}{number:012x}")
        transports[number % len(transports)].send(WSMsgType.TEXT, message.encode())
        number += 1
        await asyncio.sleep(began_s + number / UNTOUCHED_WRITES_PER_S - time.perf_counter())
    async with asyncio.timeout(TIMEOUT_S):
        while written_s:  # noqa: ASYNC110 - once, when all is over
            await asyncio.sleep(0.01)
    return latencies_s


SCENARIO = Scenario(
    title=f"{DEVICES:,} devices come back within {STORM_S:g} s, each {BEHIND} revisions behind",
    under_way=f"reconnects, and {UNTOUCHED_WRITES_PER_S} writes/s of untouched users",
    figures=(
        Figure(OPENED_S, digits=2),
        Figure(CURRENT_S, (Target("≤", 10),), digits=2),
        Figure(LIVE_P99_MS, (Target("<", 50),)),
        Figure(LIVE_MEDIAN_MS, digits=1),
        Figure(LOAD_SHARE, digits=2),
    ),
    measure=measure_daemon,
)
