"""What it costs to bring one device up to date, beyond what it costs to let it in."""

import asyncio
from collections.abc import Sequence

from picows import WSListener, WSTransport, ws_connect

from bench import servers
from bench.cpu_figures import CpuFigures
from bench.fanout_load import TIMEOUT_S
from bench.processes import CpuClock
from bench.scenario import Figure, Sample, Scenario, Target, run
from bench.scenarios.reconnect import BEHIND, ReturningDevice, write_what_is_missed
from bench.servers import Checkout, Server

ROUNDS = 2
DEVICES = 375
"""In each round, of each kind; every one is its user's first, with a token never seen before."""
UNDER_WAY = 32
SETTLE_S = 0.3
"""In which the server does what the device does not wait for."""

CONNECT_US = "server CPU of a connect without a replay, µs"
CPU = CpuFigures(f"a replay of {BEHIND} revisions")


def measure_daemon(checkout: Checkout) -> Sample:
    """Measure connects without and with a replay in turns; their difference is the replay."""
    users = range(2 * ROUNDS * DEVICES)
    tokens = [servers.token(f"user-{user}", "phone") for user in users]
    with checkout.daemon() as server:
        return run(_measure(server, tokens))


async def _measure(server: Server, tokens: Sequence[str]) -> Sample:
    await write_what_is_missed(server, [servers.token(f"user-{user}", "tv") for user in range(len(tokens))])
    plain: dict[str, float] = {}
    replayed: dict[str, float] = {}
    for number in range(0, len(tokens), 2 * DEVICES):
        await _add_cpu_s(plain, server, tokens[number : number + DEVICES], is_behind=False)
        await _add_cpu_s(replayed, server, tokens[number + DEVICES : number + 2 * DEVICES], is_behind=True)
    connects = ROUNDS * DEVICES
    beyond_s = {name: seconds - plain[name] for name, seconds in replayed.items()}
    return {**CPU.sample(beyond_s, connects), CONNECT_US: sum(plain.values()) / connects * 1e6}


async def _add_cpu_s(used_s: dict[str, float], server: Server, tokens: Sequence[str], *, is_behind: bool) -> None:
    """Connect a device with each token, and add to ``used_s`` what that costs the server, by process."""
    clock, waiting = CpuClock(server.pid), iter(tokens)
    transports: list[WSTransport] = []

    async def work() -> None:
        transports.extend([await _connect(server.port, token, is_behind=is_behind) for token in waiting])

    async with asyncio.TaskGroup() as workers:
        for _ in range(UNDER_WAY):
            workers.create_task(work())
    await asyncio.sleep(SETTLE_S)
    for name, seconds in clock.used_s().items():
        used_s[name] = used_s.get(name, 0.0) + seconds
    for transport in transports:
        transport.disconnect(graceful=False)
    await asyncio.sleep(SETTLE_S)


async def _connect(port: int, token: str, *, is_behind: bool) -> WSTransport:
    """Return when the device is connected and, if it is behind, has got every revision in order."""
    current = asyncio.get_running_loop().create_future()
    transport, _ = await ws_connect(
        lambda: ReturningDevice(current) if is_behind else WSListener(),
        f"ws://127.0.0.1:{port}/ws{'?since=0' if is_behind else ''}",
        extra_headers={"Authorization": f"Bearer {token}"},
        websocket_handshake_timeout=TIMEOUT_S,
    )
    if is_behind:
        async with asyncio.timeout(TIMEOUT_S):
            await current
    return transport


SCENARIO = Scenario(
    title=f"A device comes back {BEHIND} revisions behind",
    under_way=f"{UNDER_WAY} connects",
    figures=(*CPU.figures(Target("≤", 600)), Figure(CONNECT_US)),
    measure=measure_daemon,
)
