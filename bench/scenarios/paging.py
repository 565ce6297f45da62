"""What one client that reads a long list page after page costs others, who write."""

from bench.lists import daemon_with_lists, token_of
from bench.post_load import CONNECTIONS, posts, warm_up
from bench.programs import WRK
from bench.scenario import LOAD_SHARE, Figure, Sample, Scenario, Target
from bench.servers import WATCHLIST, Checkout, MeasurementFailed, Server
from bench.wrk import WrkReport, load, loading, pages_script

WRITERS = CONNECTIONS[0]
SECONDS = 2
"""Of each load."""
READINGS = ((10_000, 50), (100_000, 50), (100_000, 1_000))
"""Items of the list, items of a page; 1,000 is as many as a page may have, and what it has if nothing is asked for."""

ALONE = "others' POSTs per second alone"


def measure_daemon(checkout: Checkout) -> Sample:
    """Measure the others' rate alone, beside each reading, and alone again: the mean of both is what they could do."""
    with daemon_with_lists(checkout) as server:
        warm_up(server, posts())
        alone = [_posts(server, 1)]
        beside: dict[tuple[int, int], tuple[WrkReport, WrkReport]] = {}
        for number, (size, page) in enumerate(READINGS, 2):
            script = pages_script(f"{WATCHLIST}?limit={page}", token_of(size))
            with loading(server.port, script, connections=1, seconds=SECONDS) as pages:
                beside[size, page] = _posts(server, number), pages()
            _check_that_it_went_on(beside[size, page][1], size, page)
        alone.append(_posts(server, len(READINGS) + 2))
    could = sum(report.per_second for report in alone) / len(alone)
    sample: Sample = {ALONE: could, LOAD_SHARE: max(report.load_share for report in alone)}
    for reading, (written, read) in beside.items():
        sample |= {_share(*reading): written.per_second / could, _pages(*reading): read.per_second}
    return sample


def _posts(server: Server, number: int) -> WrkReport:
    return load(server.port, posts().script(number * 10**9), connections=WRITERS, seconds=SECONDS)


def _check_that_it_went_on(read: WrkReport, size: int, page: int) -> None:
    if read.deepest < min(read.requests, size // page) - 1:
        raise MeasurementFailed(f"of a list of {size:,} only {read.deepest:,} pages were read in a row")


def _share(size: int, page: int) -> str:
    return f"by it, beside pages of {page:,} of {size:,} items"


def _pages(size: int, page: int) -> str:
    return f"pages of {page:,} of {size:,} items per second"


SCENARIO = Scenario(
    title="Others' POSTs while one client reads a list page after page, as fast as it is answered",
    under_way=f"{WRITERS} POSTs and 1 page",
    figures=(
        Figure(ALONE, load=LOAD_SHARE),
        *(Figure(_share(*reading), (Target("≥", 0.9),), digits=2, load=LOAD_SHARE) for reading in READINGS),
        *(Figure(_pages(*reading)) for reading in READINGS),
        Figure(LOAD_SHARE, digits=2),
    ),
    measure=measure_daemon,
    needs=(WRK,),
)
