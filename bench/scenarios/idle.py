"""What it costs to let devices in and to keep them: thousands of connections on which nothing happens."""

from bench import servers
from bench.fanout_load import Load, measure
from bench.programs import NCHAN
from bench.scenario import LOAD_SHARE, Figure, Peer, Sample, Scenario, Target, run
from bench.servers import Checkout, Server

USERS = 3_000
DEVICES = 3

KB = "server memory per connection, KB"
PER_SECOND = "handshakes per second"
CPU_US = "server CPU per handshake, µs"


def measure_daemon(checkout: Checkout) -> Sample:
    """Measure the daemon: every device has a token of its own, never seen before."""
    tokens = {
        f"u{user}/d{device}": servers.token(f"u{user}", f"d{device}")
        for user in range(USERS)
        for device in range(DEVICES)
    }
    with checkout.daemon() as server:
        return _connect(server, tokens)


def measure_plain() -> Sample:
    """Measure the plain server."""
    with servers.plain_websockets() as server:
        return _connect(server, {})


def measure_nchan() -> Sample:
    """Measure nginx with nchan."""
    with servers.nchan() as server:
        return _connect(server, {})


def _connect(server: Server, tokens: dict[str, str]) -> Sample:
    load = Load(
        ws=f"ws://127.0.0.1:{server.port}/ws?user={{user}}",
        publish="ws",
        pid=server.pid,
        users=USERS,
        devices=DEVICES,
        tokens=tokens,
        idle=True,
    )
    report = run(measure(load))
    return {
        KB: report["kb_per_connection"],
        PER_SECOND: report["handshakes_per_s"],
        CPU_US: report["server_cpu_us_per_handshake"],
        LOAD_SHARE: report["client_cpu_share_of_handshakes"],
    }


SCENARIO = Scenario(
    title=f"{USERS * DEVICES:,} idle connections of {USERS:,} users, tokens checked",
    under_way="nothing; 32 handshakes at once",
    figures=(
        Figure(KB, (Target("≤", 12),), digits=1),
        Figure(PER_SECOND, (Target("≥", 500),), load=LOAD_SHARE),
        Figure(CPU_US),
        Figure(LOAD_SHARE, digits=2),
    ),
    measure=measure_daemon,
    peers=(
        Peer(name="plain websockets", measure=measure_plain),
        Peer(name="nginx + nchan", measure=measure_nchan, needs=(NCHAN,)),
    ),
)
