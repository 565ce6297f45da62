"""Thousands of devices vanish at once: how long a newcomer waits meanwhile, and when the last of them is gone."""

import asyncio
import multiprocessing
import time
from collections.abc import Callable
from multiprocessing.connection import Connection

import uvloop
from picows import WSListener, ws_connect

from bench import servers
from bench.fanout_load import TIMEOUT_S, percentile_ms
from bench.metrics import metric
from bench.scenario import Figure, Sample, Scenario, Target, run
from bench.servers import Checkout, MeasurementFailed, Server
from syncd.process.open_files import raise_file_limit

DEVICES = 19_000
"""As many as a process may have open files where the limit is 20,000."""
USERS = 9_500
CONNECTING_AT_ONCE = 64
NEWCOMER_EVERY_S = 0.02
LOOK_EVERY_S = 0.1

WORST_MS = "longest wait of a newcomer, ms"
P50_MS = "median wait of a newcomer, ms"
GONE_S = "until the last is gone, s"


def measure_daemon(checkout: Checkout) -> Sample:
    """Connect them in a process of its own, kill that, and let newcomers in until all are gone."""
    tokens = [servers.token(f"u{number % USERS}", f"d{number}") for number in range(DEVICES)]
    newcomers = [servers.token(f"new-{number}", "tv") for number in range(2_000)]
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    with checkout.daemon("--max-connections", str(DEVICES + 500)) as server:
        process = context.Process(target=devices_process, args=(server.port, tokens, theirs), daemon=True)
        process.start()
        theirs.close()
        try:
            if not ours.poll(TIMEOUT_S * 4):
                raise MeasurementFailed("the devices did not connect")
            ours.recv()
            return run(_newcomers(server, newcomers, process.kill))
        finally:
            process.kill()
            process.join()


def devices_process(port: int, tokens: list[str], orders: Connection) -> None:
    """Be the devices' process: connect them, say so, and wait for the end."""
    raise_file_limit()
    uvloop.run(_connect_all(port, tokens, orders))


async def _connect_all(port: int, tokens: list[str], orders: Connection) -> None:
    waiting = iter(tokens)

    async def connect_some() -> list[object]:
        return [await _connect(port, token) for token in waiting]

    transports = await asyncio.gather(*(connect_some() for _ in range(CONNECTING_AT_ONCE)))
    orders.send(sum(map(len, transports)))
    await asyncio.Event().wait()


async def _connect(port: int, token: str) -> object:
    transport, _ = await ws_connect(
        WSListener,
        f"ws://127.0.0.1:{port}/ws",
        extra_headers={"Authorization": f"Bearer {token}"},
        websocket_handshake_timeout=TIMEOUT_S,
        read_buffer_init_size=512,
    )
    return transport


async def _newcomers(server: Server, tokens: list[str], kill: Callable[[], None]) -> Sample:
    """Open a connection every so often from the moment of the kill until all the devices are gone."""
    waits_s: list[float] = []
    kept: list[object] = []
    is_gone = asyncio.Event()

    async def come(token: str) -> None:
        began_s = time.perf_counter()
        kept.append(await _connect(server.port, token))
        waits_s.append(time.perf_counter() - began_s)

    async def watch(began_s: float) -> float:
        while await asyncio.to_thread(metric, server, "syncd_total_connections") > len(kept) + len(coming):  # noqa: ASYNC110
            await asyncio.sleep(LOOK_EVERY_S)
        is_gone.set()
        return time.perf_counter() - began_s

    coming: set[asyncio.Task[None]] = set()
    began_s = time.perf_counter()
    kill()
    watching = asyncio.create_task(watch(began_s))
    for token in tokens:
        task = asyncio.create_task(come(token))
        coming.add(task)
        task.add_done_callback(coming.discard)
        await asyncio.sleep(NEWCOMER_EVERY_S)
        if is_gone.is_set():
            break
    gone_s = await watching
    await asyncio.gather(*coming)
    return {WORST_MS: max(waits_s) * 1000, P50_MS: percentile_ms(waits_s, 0.5), GONE_S: gone_s}


SCENARIO = Scenario(
    title=f"{DEVICES:,} devices vanish at once",
    under_way=f"a new connection every {NEWCOMER_EVERY_S * 1000:g} ms",
    figures=(
        Figure(WORST_MS, (Target("≤", 100),), digits=1),
        Figure(P50_MS, digits=1),
        Figure(GONE_S, (Target("≤", 2),), digits=2),
    ),
    measure=measure_daemon,
)
