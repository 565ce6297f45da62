"""How long a start takes, with a database yet to be created, and how much memory the store's processes take."""

import time
from typing import Literal

from bench import servers
from bench.http_client import post_request, send_all
from bench.lists import add
from bench.processes import memory_of, store_processes
from bench.programs import POSTGRESQL
from bench.scenario import Figure, Sample, Scenario, Target, run
from bench.servers import WATCHLIST, Checkout, Server

WRITES = 1_000
USERS = 100
UNDER_WAY = 32
SETTLE_S = 1.0
"""After which a process that has only started has what it needs."""
MOMENTS = ("after the start", f"after {WRITES:,} writes")
KINDS: tuple[Literal["Rss", "Pss"], ...] = ("Rss", "Pss")

SECONDS = "start to listening, s"


def measure_on_sqlite(checkout: Checkout) -> Sample:
    """Measure from the start of the process until it says that it listens; then its children."""
    with checkout.daemon() as server:
        return _measure(server)


def measure_on_postgresql(checkout: Checkout) -> Sample:
    """Measure the same on a PostgreSQL that runs already."""
    with servers.postgresql() as url, checkout.daemon("--database-url", url) as server:
        return _measure(server)


def _measure(server: Server) -> Sample:
    time.sleep(SETTLE_S)
    sample = {SECONDS: server.started_s} | _memory(MOMENTS[0], server)
    run(send_all(server.port, _writes(), UNDER_WAY))
    return sample | _memory(MOMENTS[1], server)


def _memory(moment: str, server: Server) -> Sample:
    """Return the memory of both children; none of a release that has none."""
    children = store_processes(server.pid).values()
    return {_children(moment, kind): memory_of(children, kind) / 1e6 for kind in KINDS if children}


def _writes() -> list[bytes]:
    tokens = [servers.token(f"u{user}", "d0") for user in range(USERS)]
    return [post_request(WATCHLIST, add(number).encode(), tokens[number % USERS]) for number in range(WRITES)]


def _children(moment: str, kind: str) -> str:
    return f"both children {moment}, {kind.upper()}, MB"


_UNDER_WAY = f"nothing, then {UNDER_WAY} POSTs"
_FIGURES = (
    Figure(SECONDS, (Target("<", 1.0),), digits=2),
    *(Figure(_children(moment, kind), (Target("<", 100),), digits=1) for moment in MOMENTS for kind in KINDS),
)

SCENARIO = Scenario(
    title="A start with an empty database, SQLite, and the memory of the store's two processes together",
    under_way=_UNDER_WAY,
    figures=_FIGURES,
    measure=measure_on_sqlite,
)
POSTGRESQL_SCENARIO = Scenario(
    title="A start with an empty database, PostgreSQL, and the memory of the store's two processes together",
    under_way=_UNDER_WAY,
    figures=_FIGURES,
    measure=measure_on_postgresql,
    needs=(POSTGRESQL,),
)
