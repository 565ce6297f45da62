"""How long a start takes, with a database yet to be created, and how much memory the store's processes take."""

import time
from contextlib import ExitStack
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
DATABASES = ("SQLite", "PostgreSQL")
MOMENTS = ("after the start", f"after {WRITES:,} writes")
KINDS: tuple[Literal["Rss", "Pss"], ...] = ("Rss", "Pss")


def measure_daemon(checkout: Checkout) -> Sample:
    """Measure from the start of the process until it says that it listens; then its children."""
    sample: Sample = {}
    for database in DATABASES if POSTGRESQL.find() else DATABASES[:1]:
        with ExitStack() as stack:
            where = () if database == "SQLite" else ("--database-url", stack.enter_context(servers.postgresql()))
            server = stack.enter_context(checkout.daemon(*where))
            time.sleep(SETTLE_S)
            memory = _memory(database, MOMENTS[0], server)
            run(send_all(server.port, _writes(), UNDER_WAY))
            sample |= {_started(database): server.started_s} | memory | _memory(database, MOMENTS[1], server)
    return sample


def _memory(database: str, moment: str, server: Server) -> Sample:
    """Return the memory of both children; none of a release that has none."""
    children = store_processes(server.pid).values()
    return {_children(database, moment, kind): memory_of(children, kind) / 1e6 for kind in KINDS if children}


def _writes() -> list[bytes]:
    tokens = [servers.token(f"u{user}", "d0") for user in range(USERS)]
    return [post_request(WATCHLIST, add(number).encode(), tokens[number % USERS]) for number in range(WRITES)]


def _started(database: str) -> str:
    return f"{database}: start to listening, s"


def _children(database: str, moment: str, kind: str) -> str:
    return f"{database}: both children {moment}, {kind.upper()}, MB"


SCENARIO = Scenario(
    title="A start with an empty database, and the memory of the store's two processes together",
    under_way=f"nothing, then {UNDER_WAY} POSTs",
    figures=(
        *(Figure(_started(database), (Target("<", 1.0),), digits=2) for database in DATABASES),
        *(
            Figure(_children(database, moment, kind), (Target("<", 100),), digits=1)
            for database in DATABASES
            for moment in MOMENTS
            for kind in KINDS
        ),
    ),
    measure=measure_daemon,
)
