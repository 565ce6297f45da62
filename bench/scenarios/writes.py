"""Writes over HTTP, one in each request, beside an endpoint that does nothing and a server in C that keeps nothing."""

from bench import post_load, servers
from bench.post_load import CONNECTIONS, USERS
from bench.programs import NCHAN, WRK
from bench.scenario import Peer, Sample, Scenario, Target
from bench.servers import Checkout
from bench.wrk import Posts

FEW, MANY = CONNECTIONS
EMPTY_POST = "empty POST"


def measure_daemon(checkout: Checkout) -> Sample:
    """Measure the daemon: SQLite, synchronous=FULL, answered after the commit."""
    with checkout.daemon() as server:
        return post_load.measure_daemon(server)


def measure_empty_post() -> Sample:
    """Measure Starlette on uvicorn, which answers the same requests with ``{}``."""
    with servers.empty_post() as server:
        return post_load.measure(server, post_load.posts())


def measure_nchan() -> Sample:
    """Measure nginx with nchan, which publishes the same bodies to nobody."""
    with servers.nchan() as server:
        return post_load.measure(server, Posts(post_load.posts().tokens, "/pub?user={user}"))


SCENARIO = Scenario(
    title=f"POST of one write, durable, one in each request, {USERS} users without devices",
    under_way=f"{FEW}, then {MANY} POSTs",
    figures=(
        *post_load.figures(FEW, Target("≥", 0.5, EMPTY_POST)),
        *post_load.figures(MANY, Target("≥", 0.65, EMPTY_POST)),
    ),
    measure=measure_daemon,
    peers=(
        Peer(name=EMPTY_POST, measure=measure_empty_post),
        Peer(name="nginx + nchan", measure=measure_nchan, needs=(NCHAN,)),
    ),
    needs=(WRK,),
)
