"""One user with 300 devices, one of which writes: what reaching one device costs, by how many changes are under way."""

from typing import Final

from bench import servers
from bench.cpu_figures import CpuFigures
from bench.fanout_load import Load, measure
from bench.processes import cpu_per_delivery_s
from bench.programs import NCHAN
from bench.scenario import LOAD_SHARE, Figure, Peer, Sample, Scenario, Target, run
from bench.servers import Checkout, MeasurementFailed, Server

DEVICES: Final = 300
MESSAGES: Final = {1: 400, 8: 800, 128: 3_000}
"""By how many are under way: 1 is what a person makes, 128 what a program may. Fewer than a list may have items."""

PLAIN_PEER: Final = "plain websockets"
BYTES: Final = "bytes of a delivery"


def measure_daemon(checkout: Checkout) -> Sample:
    """Measure the daemon: every write is journaled before it is delivered."""
    tokens = {f"u0/d{device}": servers.token("u0", f"d{device}") for device in range(DEVICES)}
    with checkout.daemon() as server:
        return _measure(server, tokens)


def measure_plain() -> Sample:
    """Measure the plain server."""
    with servers.plain_websockets() as server:
        return _measure(server, {})


def measure_nchan() -> Sample:
    """Measure nginx with nchan."""
    with servers.nchan() as server:
        return _measure(server, {})


def _measure(server: Server, tokens: dict[str, str]) -> Sample:
    sample: Sample = {}
    first = 0
    for under_way, messages in MESSAGES.items():
        load = Load(
            ws=f"ws://127.0.0.1:{server.port}/ws?user={{user}}",
            publish="ws",
            pid=server.pid,
            users=1,
            devices=DEVICES,
            messages=messages,
            first=first,
            inflight=under_way,
            tokens=tokens,
        )
        report = run(measure(load))
        if report["delivered"] != report["expected"]:
            raise MeasurementFailed(f"{report['delivered']:,} of {report['expected']:,} deliveries came")
        sample |= _cpu(under_way).sample(cpu_per_delivery_s(report), 1)
        sample |= {_rate(under_way): report["deliveries_per_s"], _load(under_way): report["client_cpu_share"]}
        sample |= {BYTES: report["bytes_per_delivery"]}
        first += messages
    return sample


def _cpu(under_way: int) -> CpuFigures:
    return CpuFigures(f"a delivery, {under_way} under way", digits=2)


def _rate(under_way: int) -> str:
    return f"deliveries per second, {under_way} under way"


def _load(under_way: int) -> str:
    return f"{LOAD_SHARE}, {under_way} under way"


def _figures(under_way: int) -> tuple[Figure, ...]:
    targets = {1: (Target("≤", 1, PLAIN_PEER),), 128: (Target("≤", 0.4, PLAIN_PEER),)}
    return (
        *_cpu(under_way).figures(*targets.get(under_way, ())),
        Figure(_rate(under_way), load=_load(under_way)),
        Figure(_load(under_way), digits=2),
    )


SCENARIO: Final = Scenario(
    title=f"One user, {DEVICES} devices, one of which writes",
    under_way=f"{', then '.join(map(str, MESSAGES))} WebSocket messages",
    figures=(*(figure for under_way in MESSAGES for figure in _figures(under_way)), Figure(BYTES)),
    measure=measure_daemon,
    peers=(
        Peer(name=PLAIN_PEER, measure=measure_plain),
        Peer(name="nginx + nchan", measure=measure_nchan, needs=(NCHAN,)),
    ),
)
