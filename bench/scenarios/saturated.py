"""One user with 300 devices, one of which writes as fast as the others are told."""

from bench import servers
from bench.fanout import Load, measure
from bench.scenario import Figure, Sample, Scenario, Target, run
from bench.servers import MeasurementFailed, Server

DEVICES = 300
MESSAGES = 3_000
PEER_MESSAGES = 400
"""Fewer: enough for a second of its CPU time."""

PER_CPU_SECOND = "deliveries per CPU second"
PER_SECOND = "deliveries per second"


def measure_daemon() -> Sample:
    """Measure the daemon: every write is journaled before it is delivered."""
    with servers.daemon() as server:
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
    title=f"One user, {DEVICES} devices, saturated",
    figures=(Figure(PER_CPU_SECOND, (Target("≥", 2.5, is_ratio=True),)), Figure(PER_SECOND)),
    measure=measure_daemon,
    peer="plain websockets",
    measure_peer=measure_peer,
)
