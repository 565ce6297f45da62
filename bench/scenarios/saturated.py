"""One user with 300 devices, one of which writes as fast as the others are told."""

from bench import servers
from bench.fanout import Load, measure
from bench.scenario import Figure, Peer, Sample, Scenario, Target, run
from bench.servers import Checkout, MeasurementFailed, Server

DEVICES = 300
MESSAGES = 3_000
PEER_MESSAGES = 400
"""Fewer: enough for a second of its CPU time."""

UNDER_WAY = 128
PEER_NAME = "plain websockets"

PER_CPU_SECOND = "deliveries per CPU second"
PER_SECOND = "deliveries per second"


def measure_daemon(checkout: Checkout) -> Sample:
    """Measure the daemon: every write is journaled before it is delivered."""
    with checkout.daemon() as server:
        tokens = {f"u0/d{device}": servers.token("u0", f"d{device}") for device in range(DEVICES)}
        return _fan_out(server, MESSAGES, tokens)


def measure_peer() -> Sample:
    """Measure the plain server."""
    with servers.plain_websockets() as server:
        return _fan_out(server, PEER_MESSAGES, {})


def _fan_out(server: Server, messages: int, tokens: dict[str, str]) -> Sample:
    load = Load(
        ws=f"ws://127.0.0.1:{server.port}/ws?user={{user}}",
        publish="ws",
        pid=server.pid,
        users=1,
        devices=DEVICES,
        messages=messages,
        inflight=UNDER_WAY // 4,
        tokens=tokens,
    )
    report = run(measure(load))
    if report["delivered"] != report["expected"]:
        raise MeasurementFailed(f"{report['delivered']:,} of {report['expected']:,} deliveries came")
    return {
        PER_CPU_SECOND: 1e6 / report["server_cpu_us_per_delivery"],
        PER_SECOND: report["deliveries_per_s"],
    }


SCENARIO = Scenario(
    title=f"One user, {DEVICES} devices, one of which writes, saturated",
    under_way=f"{UNDER_WAY} WebSocket messages",
    figures=(Figure(PER_CPU_SECOND, (Target("≥", 2.5, PEER_NAME),)), Figure(PER_SECOND)),
    measure=measure_daemon,
    peers=(Peer(name=PEER_NAME, measure=measure_peer),),
)
