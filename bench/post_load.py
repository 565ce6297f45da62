"""POSTs as fast as they are answered, over few and over many connections: rate, latency, CPU."""

from collections.abc import Callable
from typing import Final

from bench import servers
from bench.cpu_figures import CpuFigures
from bench.metrics import metric
from bench.processes import CpuClock
from bench.scenario import LOAD_SHARE, Figure, Sample, Target
from bench.servers import MeasurementFailed, Server
from bench.wrk import Posts, load

USERS: Final = 200
CONNECTIONS: Final = (32, 256)
WARM_UP_S: Final = 1
SECONDS: Final = 2
"""For each number of connections."""

_NEXT_LOAD: Final = 10**9
"""Contents that one load cannot use up."""


def posts() -> Posts:
    """Return adds to the watchlists of all users."""
    return Posts([servers.token(f"u{user}", "d0") for user in range(USERS)])


def figures(connections: int, *targets: Target) -> tuple[Figure, ...]:
    """Return the figures at so many connections; the rate is held to ``targets``."""
    return (
        Figure(_rate(connections), targets, load=_load(connections)),
        Figure(_p50(connections), digits=2, load=_load(connections)),
        Figure(_p99(connections), digits=2, load=_load(connections)),
        *_cpu(connections).figures(),
        Figure(_load(connections), digits=2),
    )


def warm_up(server: Server, load_of: Posts) -> None:
    """Make it a service at work, whose users are known. Raises: MeasurementFailed."""
    load(server.port, load_of.script(0), connections=CONNECTIONS[0], seconds=WARM_UP_S)


def measure_daemon(server: Server) -> Sample:
    """Measure the daemon; every POST that was answered must be counted as an add that is committed."""
    return measure(server, posts(), lambda: metric(server, 'syncd_writes_total{status="added"}'))


def measure(server: Server, load_of: Posts, count_added: Callable[[], float] | None = None) -> Sample:
    """Measure any server.

    Raises:
        MeasurementFailed: a POST was refused or not answered, or was answered and not added.
    """
    warm_up(server, load_of)
    sample: Sample = {}
    for number, connections in enumerate(CONNECTIONS, 1):
        added, clock = count_added() if count_added else 0, CpuClock(server.pid)
        found = load(server.port, load_of.script(number * _NEXT_LOAD), connections=connections, seconds=SECONDS)
        used_s = clock.used_s()
        if count_added and (added := count_added() - added) < found.requests:
            raise MeasurementFailed(f"{found.requests:,} POSTs were answered, and {added:,.0f} added")
        sample |= {_rate(connections): found.per_second}
        sample |= {_p50(connections): found.p50_ms, _p99(connections): found.p99_ms}
        sample |= {_load(connections): found.load_share}
        sample |= _cpu(connections).sample(used_s, found.requests)
    return sample


def _rate(connections: int) -> str:
    return f"POSTs per second, {connections} connections"


def _p50(connections: int) -> str:
    return f"p50, {connections} connections, ms"


def _p99(connections: int) -> str:
    return f"p99, {connections} connections, ms"


def _load(connections: int) -> str:
    return f"{LOAD_SHARE}, {connections} connections"


def _cpu(connections: int) -> CpuFigures:
    return CpuFigures(f"a POST, {connections} connections")
