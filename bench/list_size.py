"""Whether a write costs the same in a long list as in a short one."""

from bench import servers
from bench.fanout import CONTENT_ID_START
from bench.http_client import post_request, send_all
from bench.processes import cpu_seconds
from bench.scenario import Figure, Sample, Scenario, Target, run
from bench.servers import BULK, WATCHLIST, Server

SIZES = (10, 1_000, 10_000)
MAX_BULK = 500
ROUNDS = 8
WRITES_PER_ROUND = 100

GROWTH = f"cost at {SIZES[-1]:,} items by cost at {SIZES[0]:,}"


def measure_daemon() -> Sample:
    """Measure the server's CPU time per add, one at a time, to lists of each size in turns."""
    with servers.daemon() as server:
        return run(_measure(server))


async def _measure(server: Server) -> Sample:
    tokens = {size: servers.token(f"user-with-{size}", "phone") for size in SIZES}
    for size, token in tokens.items():
        chunks = [range(start, min(start + MAX_BULK, size)) for start in range(0, size, MAX_BULK)]
        bulks = [f'{{"operations":[{",".join(map(_add, chunk))}]}}' for chunk in chunks]
        await send_all(server.port, [post_request(BULK, bulk.encode(), token) for bulk in bulks], 1)
    used_s = dict.fromkeys(SIZES, 0.0)
    for number in range(ROUNDS):
        for size, token in tokens.items():
            first = size + number * WRITES_PER_ROUND
            adds = map(_add, range(first, first + WRITES_PER_ROUND))
            before_s = cpu_seconds(server.pid)
            await send_all(server.port, [post_request(WATCHLIST, add.encode(), token) for add in adds], 1)
            used_s[size] += cpu_seconds(server.pid) - before_s
    sample = {_name(size): used_s[size] / (ROUNDS * WRITES_PER_ROUND) * 1e6 for size in SIZES}
    return sample | {GROWTH: used_s[SIZES[-1]] / used_s[SIZES[0]]}


def _add(item: int) -> str:
    return f'{{"operation":"add","content_id":"{CONTENT_ID_START}{item:012x}"}}'


def _name(size: int) -> str:
    return f"at {size:,} items, µs"


SCENARIO = Scenario(
    title="Server CPU of one write, alone, by the size of its list",
    figures=(*(Figure(_name(size)) for size in SIZES), Figure(GROWTH, (Target("≤", 1.5),), digits=2)),
    measure=measure_daemon,
)
