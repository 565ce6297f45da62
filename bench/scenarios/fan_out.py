"""Many users with a few devices each, saturated by POSTs: what reaching one device costs a server."""

from bench import servers
from bench.cpu_figures import CpuFigures
from bench.fanout_load import Report
from bench.processes import cpu_per_delivery_s
from bench.programs import NCHAN
from bench.scenario import LOAD_SHARE, Figure, Peer, Sample, Scenario, Target
from bench.servers import Checkout
from bench.write_load import UNDER_WAY, measure_publishes, measure_writes

USERS = 100
DEVICES = 3
MESSAGES = 12_000
"""Enough for half a second of nchan's CPU time."""
NCHAN_PEER = "nginx + nchan"

PER_SECOND = "deliveries per second"
BYTES = "bytes of a delivery"
CPU = CpuFigures("a delivery", digits=1)


def measure_daemon(checkout: Checkout) -> Sample:
    """Measure the daemon: every POST is journaled before it is delivered."""
    with checkout.daemon() as server:
        return _sample(measure_writes(server, users=USERS, devices=DEVICES, messages=MESSAGES))


def measure_nchan() -> Sample:
    """Measure nginx with nchan."""
    with servers.nchan() as server:
        return _sample(measure_publishes(server, users=USERS, devices=DEVICES, messages=MESSAGES))


def _sample(report: Report) -> Sample:
    return {
        **CPU.sample(cpu_per_delivery_s(report), 1),
        PER_SECOND: report["deliveries_per_s"],
        LOAD_SHARE: report["client_cpu_share"],
        BYTES: report["bytes_per_delivery"],
    }


SCENARIO = Scenario(
    title=f"{USERS} users with {DEVICES} devices each, saturated by POST",
    under_way=f"{UNDER_WAY} POSTs",
    figures=(
        *CPU.figures(Target("≤", 3, NCHAN_PEER)),
        Figure(PER_SECOND, load=LOAD_SHARE),
        Figure(LOAD_SHARE, digits=2),
        Figure(BYTES),
    ),
    measure=measure_daemon,
    peers=(Peer(name=NCHAN_PEER, measure=measure_nchan, needs=(NCHAN,)),),
)
