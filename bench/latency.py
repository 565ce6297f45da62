"""How soon a write is on all its user's devices, at a rate that leaves the service air."""

from bench import servers
from bench.fanout import Load, measure
from bench.scenario import Figure, Sample, Scenario, Target, run
from bench.servers import WATCHLIST, MeasurementFailed

USERS = 100
DEVICES = 3
WRITES_PER_S = 500
SECONDS = 6

MEDIAN = "median to the last device, ms"
P99 = "p99 to the last device, ms"


def measure_daemon() -> Sample:
    """Measure from the sending of each POST to the arrival of its frame at the last device."""
    tokens = {
        f"u{user}/d{device}": servers.token(f"u{user}", f"d{device}")
        for user in range(USERS)
        for device in range(DEVICES)
    }
    with servers.daemon() as server:
        load = Load(
            ws=f"ws://127.0.0.1:{server.port}/ws",
            publish=f"http://127.0.0.1:{server.port}{WATCHLIST}",
            pid=server.pid,
            users=USERS,
            devices=DEVICES,
            messages=WRITES_PER_S * SECONDS,
            rate=WRITES_PER_S,
            tokens=tokens,
        )
        report = run(measure(load))
    if report["failed_publishes"] or report["delivered"] != report["expected"]:
        raise MeasurementFailed(f"{report['delivered']:,} of {report['expected']:,} deliveries came")
    return {MEDIAN: report["last_p50_ms"], P99: report["last_p99_ms"]}


SCENARIO = Scenario(
    title=f"{WRITES_PER_S} writes/s over HTTP, {DEVICES} devices each",
    figures=(Figure(MEDIAN, digits=2), Figure(P99, (Target("<", 25),), digits=2)),
    measure=measure_daemon,
)
