"""Writes over HTTP to one node of a cluster: PostgreSQL, NATS, the node and the load on the same cores."""

import psycopg

from bench import post_load, servers
from bench.post_load import CONNECTIONS, USERS
from bench.programs import NATS_SERVER, POSTGRESQL, WRK
from bench.scenario import Sample, Scenario
from bench.servers import Checkout


def measure_daemon(checkout: Checkout) -> Sample:
    """Measure one node that publishes every write."""
    with servers.postgresql() as url, servers.nats_server() as nats:
        bus = f"nats://127.0.0.1:{nats.port}"
        with checkout.daemon("--database-url", url, "--bus", bus) as server:
            post_load.warm_up(server, post_load.posts())
            _plan_for_rows(url)
            return post_load.measure_daemon(server)


def _plan_for_rows(url: str) -> None:
    """Do what PostgreSQL does by itself within a minute: plans made for empty tables are bad."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("ANALYZE")


SCENARIO = Scenario(
    title=f"One node on PostgreSQL and NATS: POST of one write, durable, {USERS} users without devices",
    under_way=f"{', then '.join(map(str, CONNECTIONS))} POSTs",
    figures=tuple(figure for connections in CONNECTIONS for figure in post_load.figures(connections)),
    measure=measure_daemon,
    needs=(WRK, POSTGRESQL, NATS_SERVER),
)
