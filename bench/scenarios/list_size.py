"""Whether a write and a page cost the same in a long list as in a short one."""

from collections.abc import Callable, Iterable

from bench.http_client import get_request, post_request, send_all
from bench.lists import SIZES, add, daemon_with_lists, token_of
from bench.processes import CpuClock
from bench.scenario import Figure, Sample, Scenario, Target, run
from bench.servers import WATCHLIST, Checkout, Server

ROUNDS = 5
REQUESTS_PER_ROUND = 100
PAGE = f"{WATCHLIST}?limit=50"
LONG_PAGES = SIZES[1:]
"""The sizes whose page is full: the others have less to send."""

GROWTH = f"a write at {SIZES[-1]:,} items by one at {SIZES[0]:,}"
PAGE_GROWTH = f"a page at {LONG_PAGES[-1]:,} items by one at {LONG_PAGES[0]:,}"


def measure_daemon(checkout: Checkout) -> Sample:
    """Measure the server's CPU time per request, one at a time, to lists of each size in turns."""
    with daemon_with_lists(checkout) as server:
        return run(_measure(server))


async def _measure(server: Server) -> Sample:
    def adds(size: int, number: int) -> Iterable[bytes]:
        first = size + number * REQUESTS_PER_ROUND
        for item in range(first, first + REQUESTS_PER_ROUND):
            yield post_request(WATCHLIST, add(item).encode(), token_of(size))

    def pages(size: int, _: int) -> Iterable[bytes]:
        return [get_request(PAGE, token_of(size))] * REQUESTS_PER_ROUND

    page_us = await _cpu_us(server, pages)
    write_us = await _cpu_us(server, adds)
    return {
        **{_write(size): cost for size, cost in write_us.items()},
        GROWTH: write_us[SIZES[-1]] / write_us[SIZES[0]],
        **{_page(size): cost for size, cost in page_us.items()},
        PAGE_GROWTH: page_us[LONG_PAGES[-1]] / page_us[LONG_PAGES[0]],
    }


async def _cpu_us(server: Server, requests: Callable[[int, int], Iterable[bytes]]) -> dict[int, float]:
    """Return the server's CPU time of one request by size; ``requests``: of a size in a round."""
    used_s = dict.fromkeys(SIZES, 0.0)
    for number in range(ROUNDS):
        for size in used_s:
            clock = CpuClock(server.pid)
            await send_all(server.port, list(requests(size, number)), 1)
            used_s[size] += clock.total_s()
    return {size: used / (ROUNDS * REQUESTS_PER_ROUND) * 1e6 for size, used in used_s.items()}


def _write(size: int) -> str:
    return f"a write at {size:,} items, µs"


def _page(size: int) -> str:
    return f"a page of {min(size, 50)} at {size:,} items, µs"


SCENARIO = Scenario(
    title="Server CPU of one write and of one page, alone, by the size of the list",
    under_way="1 request",
    figures=(
        *(Figure(_write(size)) for size in SIZES),
        Figure(GROWTH, (Target("≤", 1.5),), digits=2),
        *(Figure(_page(size)) for size in SIZES),
        Figure(PAGE_GROWTH, (Target("≤", 1.5),), digits=2),
    ),
    measure=measure_daemon,
)
