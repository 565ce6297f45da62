"""One user with 300 devices, one of which writes: as fast as the others are told, or one change after another."""

from bench import servers
from bench.cpu_figures import CpuFigures
from bench.fanout import Load, measure
from bench.processes import PROCESSES
from bench.scenario import Figure, Peer, Sample, Scenario, Target, run
from bench.servers import Checkout, MeasurementFailed, Server

DEVICES = 300
MESSAGES = 3_000
SINGLE_MESSAGES = 600
PEER_MESSAGES = 400
"""Fewer: enough for a second of its CPU time."""

UNDER_WAY = 128
PEER_NAME = "plain websockets"

PER_CPU_SECOND = "deliveries per CPU second"
PER_SECOND = "deliveries per second"
CPU = CpuFigures("a delivery", digits=1)


def measure_daemon(checkout: Checkout) -> Sample:
    """Measure the daemon: every write is journaled before it is delivered."""
    return _of_daemon(checkout, MESSAGES, UNDER_WAY)


def measure_peer() -> Sample:
    """Measure the plain server."""
    return _of_peer(UNDER_WAY)


def measure_daemon_singly(checkout: Checkout) -> Sample:
    """Measure the daemon: a change is written when every device has the one before."""
    return _of_daemon(checkout, SINGLE_MESSAGES, 1)


def measure_peer_singly() -> Sample:
    """Measure the plain server, likewise."""
    return _of_peer(1)


def _of_daemon(checkout: Checkout, messages: int, under_way: int) -> Sample:
    with checkout.daemon() as server:
        tokens = {f"u0/d{device}": servers.token("u0", f"d{device}") for device in range(DEVICES)}
        return _fan_out(server, messages, under_way, tokens)


def _of_peer(under_way: int) -> Sample:
    with servers.plain_websockets() as server:
        return _fan_out(server, PEER_MESSAGES, under_way, {})


def _fan_out(server: Server, messages: int, under_way: int, tokens: dict[str, str]) -> Sample:
    load = Load(
        ws=f"ws://127.0.0.1:{server.port}/ws?user={{user}}",
        publish="ws",
        pid=server.pid,
        users=1,
        devices=DEVICES,
        messages=messages,
        inflight=under_way,
        tokens=tokens,
    )
    report = run(measure(load))
    if report["delivered"] != report["expected"]:
        raise MeasurementFailed(f"{report['delivered']:,} of {report['expected']:,} deliveries came")
    used_s = {name: report[key] / 1e6 for name in PROCESSES if (key := f"{name}_cpu_us_per_delivery") in report}
    per_cpu_second = 1e6 / report["server_cpu_us_per_delivery"]
    return {PER_CPU_SECOND: per_cpu_second, PER_SECOND: report["deliveries_per_s"], **CPU.sample(used_s, 1)}


SCENARIO = Scenario(
    title=f"One user, {DEVICES} devices, one of which writes, saturated",
    under_way=f"{UNDER_WAY} WebSocket messages",
    figures=(Figure(PER_CPU_SECOND, (Target("≥", 2.5, PEER_NAME),)), Figure(PER_SECOND)),
    measure=measure_daemon,
    peers=(Peer(name=PEER_NAME, measure=measure_peer),),
)

SINGLE_SCENARIO = Scenario(
    title=f"One user, {DEVICES} devices, one of which writes, one change after another",
    under_way="1 WebSocket message",
    figures=CPU.figures(Target("≤", 1, PEER_NAME)),
    measure=measure_daemon_singly,
    peers=(Peer(name=PEER_NAME, measure=measure_peer_singly),),
)
