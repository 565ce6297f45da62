"""How soon a write is on all its user's devices, at a rate that leaves the service air."""

from bench import servers
from bench.scenario import Figure, Sample, Scenario, Target
from bench.write_load import measure_writes

USERS = 100
DEVICES = 3
WRITES_PER_S = 500
SECONDS = 6

MEDIAN = "median to the last device, ms"
P99 = "p99 to the last device, ms"


def measure_daemon() -> Sample:
    """Measure from the sending of each POST to the arrival of its frame at the last device."""
    with servers.daemon() as server:
        report = measure_writes(server, users=USERS, devices=DEVICES, rate=WRITES_PER_S, seconds=SECONDS)
    return {MEDIAN: report["last_p50_ms"], P99: report["last_p99_ms"]}


SCENARIO = Scenario(
    title=f"{WRITES_PER_S} writes/s over HTTP, {DEVICES} devices each",
    figures=(Figure(MEDIAN, digits=2), Figure(P99, (Target("<", 25),), digits=2)),
    measure=measure_daemon,
)
