"""Journaled writes over HTTP, as fast as they are answered, beside an endpoint that does nothing."""

import time

from bench import servers
from bench.fanout import CONTENT_ID_START
from bench.http_client import post_request, send_all
from bench.processes import cpu_seconds
from bench.scenario import Figure, Sample, Scenario, Target, run
from bench.servers import WATCHLIST, Server

USERS = 200
ROUNDS = 50
CONNECTIONS = 48

PER_SECOND = "writes per second"
CPU_US = "server CPU per write, µs"


def measure_daemon() -> Sample:
    """Measure the daemon: SQLite, synchronous=FULL, answered after the commit."""
    with servers.daemon() as server:
        return run(_measure(server))


def measure_peer() -> Sample:
    """Measure the empty endpoint, with the same requests."""
    with servers.empty_post() as server:
        return run(_measure(server))


async def _measure(server: Server) -> Sample:
    tokens = [servers.token(f"u{user}", "d0") for user in range(USERS)]
    warm_up, *rounds = [
        [_add(number, user, token) for user, token in enumerate(tokens)] for number in range(1 + ROUNDS)
    ]
    await send_all(server.port, warm_up, CONNECTIONS)  # a service at work: its users are known
    requests = [request for one_round in rounds for request in one_round]
    cpu_s, began_s = cpu_seconds(server.pid), time.perf_counter()
    await send_all(server.port, requests, CONNECTIONS)
    elapsed_s, cpu_s = time.perf_counter() - began_s, cpu_seconds(server.pid) - cpu_s
    return {PER_SECOND: len(requests) / elapsed_s, CPU_US: cpu_s / len(requests) * 1e6}


def _add(number: int, user: int, token: str) -> bytes:
    body = f'{{"operation":"add","content_id":"{CONTENT_ID_START}{number:06x}{user:06x}"}}'
    return post_request(WATCHLIST, body.encode(), token)


SCENARIO = Scenario(
    title=f"POST of one write, {CONNECTIONS} connections, {USERS} users",
    figures=(Figure(PER_SECOND, (Target("≥", 0.25, is_ratio=True), Target("≥", 3_000))), Figure(CPU_US)),
    measure=measure_daemon,
    peer="empty POST",
    measure_peer=measure_peer,
)
