"""How soon playback progress and writes to watchlists are answered, side by side, at a rate that is asked for."""

import asyncio
import time
from typing import Final
from uuid import UUID

from bench.fanout_load import percentile_ms
from bench.http_client import HttpConnection, post_request
from bench.scenario import Figure, Sample, Scenario, Target, run
from bench.servers import WATCHLIST, Checkout, MeasurementFailed, Server, token

USERS: Final = 100
PROGRESS_PER_S: Final = 1_000
WRITES_PER_S: Final = 500
SECONDS: Final = 8
CONTENTS: Final = 5
"""That a user plays in turn."""
UNDER_WAY: Final = 64
"""Connections, each with one request that is not answered yet."""

PROGRESS: Final = "/api/v1/sync/progress"
PROGRESS_P50, PROGRESS_P99 = "p50 of progress, ms", "p99 of progress, ms"
WRITE_P50, WRITE_P99 = "p50 of the watchlist, ms", "p99 of the watchlist, ms"


def measure_daemon(checkout: Checkout) -> Sample:
    """Measure from the moment at which a request is due to its answer: what waits for a connection counts."""
    with checkout.daemon() as server:
        progress, writes = run(_measure(server))
    return {
        PROGRESS_P50: percentile_ms(progress, 0.5),
        PROGRESS_P99: percentile_ms(progress, 0.99),
        WRITE_P50: percentile_ms(writes, 0.5),
        WRITE_P99: percentile_ms(writes, 0.99),
    }


async def _measure(server: Server) -> tuple[list[float], list[float]]:
    tokens = [token(f"u{user}", "d0") for user in range(USERS)]
    played = [
        post_request(
            PROGRESS,
            b'{"content_id":"%b","position_seconds":%d,"duration_seconds":7200,"state":"playing"}'
            % (str(UUID(int=number // USERS % CONTENTS)).encode(), number // USERS),
            tokens[number % USERS],
        )
        for number in range(PROGRESS_PER_S * SECONDS)
    ]
    written = [
        post_request(
            WATCHLIST, b'{"operation":"add","content_id":"%b"}' % str(UUID(int=number)).encode(), tokens[number % USERS]
        )
        for number in range(WRITES_PER_S * SECONDS)
    ]
    latencies = await asyncio.gather(_paced(server, played, PROGRESS_PER_S), _paced(server, written, WRITES_PER_S))
    return latencies[0], latencies[1]


async def _paced(server: Server, requests: list[bytes], rate: int) -> list[float]:
    """Send ``requests`` at ``rate`` a second; return how long each took. Raises: MeasurementFailed, one was refused."""
    connections = [await HttpConnection.open(server.port) for _ in range(UNDER_WAY)]
    began_s = time.perf_counter()
    latencies_s: list[float] = []

    async def work(connection: HttpConnection, first: int) -> None:
        for number in range(first, len(requests), UNDER_WAY):
            due_s = began_s + number / rate
            await asyncio.sleep(due_s - time.perf_counter())
            answer = await connection.exchange(requests[number])
            latencies_s.append(time.perf_counter() - due_s)
            if answer.status != 200:
                raise MeasurementFailed(f"a write was answered with {answer.status}: {answer.body!r}")

    await asyncio.gather(*(work(connection, first) for first, connection in enumerate(connections)))
    for connection in connections:
        connection.close()
    return latencies_s


SCENARIO = Scenario(
    title=f"{PROGRESS_PER_S:,} POSTs of progress and {WRITES_PER_S} to the watchlist a second, {USERS} users",
    under_way=f"what the rates make, {UNDER_WAY} POSTs of each at most",
    figures=(
        Figure(PROGRESS_P50, digits=2),
        Figure(PROGRESS_P99, (Target("<", 25.0),), digits=2),
        Figure(WRITE_P50, digits=2),
        Figure(WRITE_P99, (Target("<", 25.0),), digits=2),
    ),
    measure=measure_daemon,
)
