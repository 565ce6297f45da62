"""Whether a write and a page cost the same in a long list as in a short one."""

from collections.abc import Callable, Iterable

from bench import servers
from bench.fanout import CONTENT_ID_START
from bench.http_client import get_request, post_request, send_all
from bench.processes import cpu_seconds
from bench.scenario import Figure, Sample, Scenario, Target, run
from bench.servers import BULK, WATCHLIST, Server

SIZES = (10, 1_000, 10_000, 100_000)
MAX_BULK = 500
ROUNDS = 8
REQUESTS_PER_ROUND = 100
PAGE = f"{WATCHLIST}?limit=50"
LONG_PAGES = SIZES[1:]
"""The sizes whose page is full: the others have less to send."""

GROWTH = f"a write at {SIZES[-1]:,} items by one at {SIZES[0]:,}"
PAGE_GROWTH = f"a page at {LONG_PAGES[-1]:,} items by one at {LONG_PAGES[0]:,}"


def measure_daemon() -> Sample:
    """Measure the server's CPU time per request, one at a time, to lists of each size in turns."""
    with servers.daemon("--message-burst", str(2 * sum(SIZES))) as server:
        return run(_measure(server))


async def _measure(server: Server) -> Sample:
    tokens = {size: servers.token(f"user-with-{size}", "phone") for size in SIZES}
    for size, token in tokens.items():
        chunks = [range(start, min(start + MAX_BULK, size)) for start in range(0, size, MAX_BULK)]
        bulks = [f'{{"operations":[{",".join(map(_add, chunk))}]}}' for chunk in chunks]
        await send_all(server.port, [post_request(BULK, bulk.encode(), token) for bulk in bulks], 1)

    def adds(size: int, number: int) -> Iterable[bytes]:
        first = size + number * REQUESTS_PER_ROUND
        for item in range(first, first + REQUESTS_PER_ROUND):
            yield post_request(WATCHLIST, _add(item).encode(), tokens[size])

    def pages(size: int, _: int) -> Iterable[bytes]:
        return [get_request(PAGE, tokens[size])] * REQUESTS_PER_ROUND

    page_us = await _cpu_us(server, LONG_PAGES, pages)
    write_us = await _cpu_us(server, SIZES, adds)
    return {
        **{_write(size): cost for size, cost in write_us.items()},
        GROWTH: write_us[SIZES[-1]] / write_us[SIZES[0]],
        **{_page(size): cost for size, cost in page_us.items()},
        PAGE_GROWTH: page_us[LONG_PAGES[-1]] / page_us[LONG_PAGES[0]],
    }


async def _cpu_us(
    server: Server, sizes: Iterable[int], requests: Callable[[int, int], Iterable[bytes]]
) -> dict[int, float]:
    """Return the server's CPU time of one request by size; ``requests``: of a size in a round."""
    used_s = dict.fromkeys(sizes, 0.0)
    for number in range(ROUNDS):
        for size in used_s:
            before_s = cpu_seconds(server.pid)
            await send_all(server.port, list(requests(size, number)), 1)
            used_s[size] += cpu_seconds(server.pid) - before_s
    return {size: used / (ROUNDS * REQUESTS_PER_ROUND) * 1e6 for size, used in used_s.items()}


def _add(item: int) -> str:
    return f'{{"operation":"add","content_id":"{CONTENT_ID_START}{item:012x}"}}'


def _write(size: int) -> str:
    return f"a write at {size:,} items, µs"


def _page(size: int) -> str:
    return f"a page of 50 at {size:,} items, µs"


SCENARIO = Scenario(
    title="Server CPU of one write and of one page, alone, by the size of the list",
    figures=(
        *(Figure(_write(size)) for size in SIZES),
        Figure(GROWTH, (Target("≤", 1.5),), digits=2),
        *(Figure(_page(size)) for size in LONG_PAGES),
        Figure(PAGE_GROWTH, (Target("≤", 1.5),), digits=2),
    ),
    measure=measure_daemon,
)
