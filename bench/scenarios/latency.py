"""How soon a write is on its user's devices, and at what cost, at a rate that leaves the service air."""

from bench import servers
from bench.fanout_load import Report
from bench.programs import NCHAN
from bench.scenario import LOAD_SHARE, Figure, Peer, Sample, Scenario, Target
from bench.servers import Checkout
from bench.write_load import UNDER_WAY, measure_publishes, measure_writes

USERS = 100
DEVICES = 3
WRITES_PER_S = 500
SECONDS = 4

SHARE = "server's share of a core, children included"
P50 = "p50 to each device, ms"
P99 = "p99 to each device, ms"
LAST_P50 = "p50 to the last device, ms"
LAST_P99 = "p99 to the last device, ms"


def measure_daemon(checkout: Checkout) -> Sample:
    """Measure from the sending of each POST to the arrival of its frame at each device and at the last."""
    with checkout.daemon() as server:
        return _sample(
            measure_writes(server, users=USERS, devices=DEVICES, messages=WRITES_PER_S * SECONDS, rate=WRITES_PER_S)
        )


def measure_nchan() -> Sample:
    """Measure nginx with nchan."""
    with servers.nchan() as server:
        return _sample(
            measure_publishes(server, users=USERS, devices=DEVICES, messages=WRITES_PER_S * SECONDS, rate=WRITES_PER_S)
        )


def _sample(report: Report) -> Sample:
    return {
        SHARE: report["server_cpu_share"],
        P50: report["p50_ms"],
        P99: report["p99_ms"],
        LAST_P50: report["last_p50_ms"],
        LAST_P99: report["last_p99_ms"],
        LOAD_SHARE: report["client_cpu_share"],
    }


SCENARIO = Scenario(
    title=f"{WRITES_PER_S} POSTs a second, {USERS} users with {DEVICES} devices each",
    under_way=f"what the rate makes, {UNDER_WAY} POSTs at most",
    figures=(
        Figure(SHARE, (Target("≤", 0.25),), digits=2),
        Figure(P50, (Target("<", 1.0),), digits=2, load=LOAD_SHARE),
        Figure(P99, (Target("<", 5.0),), digits=2, load=LOAD_SHARE),
        Figure(LAST_P50, digits=2, load=LOAD_SHARE),
        Figure(LAST_P99, digits=2, load=LOAD_SHARE),
        Figure(LOAD_SHARE, digits=2),
    ),
    measure=measure_daemon,
    peers=(Peer(name="nginx + nchan", measure=measure_nchan, needs=(NCHAN,)),),
)
