"""What wrk is told to send is what it sends, and what goes wrong is no figure."""

import asyncio

import pytest

from bench.http_client import post_request, send_all
from bench.lists import add
from bench.metrics import metric
from bench.programs import WRK
from bench.servers import BULK, THIS, WATCHLIST, MeasurementFailed, empty_post, token
from bench.wrk import Posts, load, pages_script, report_of
from tests.bench.conftest import need

REPORT = '{"requests":%d,"seconds":2.0,"p50_ms":0.5,"p99_ms":1.5,"errors":%d,"refused":%d,"deepest":0}'
ITEMS = 120


def test_the_report_is_the_last_line_that_wrk_prints() -> None:
    report = report_of(f"Running 2s test\n  1 threads and 32 connections\n{REPORT % (10, 0, 0)}\n")
    assert (report.per_second, report.p50_ms, report.p99_ms) == (5.0, 0.5, 1.5)


@pytest.mark.parametrize(
    ("output", "reason"),
    [
        (REPORT % (10, 1, 0), "1 not answered"),
        (REPORT % (10, 0, 2), "2 were refused"),
        (REPORT % (0, 0, 0), "of 0 requests"),
        ("unable to connect to 127.0.0.1:1 Connection refused", "unable to connect"),
    ],
)
def test_a_load_of_which_anything_failed_is_no_measurement(output: str, reason: str) -> None:
    with pytest.raises(MeasurementFailed, match=reason):
        report_of(output)


@pytest.mark.integration
def test_every_post_adds_a_content_of_its_own() -> None:
    need(WRK)
    posts = Posts([token(f"u{user}", "d0") for user in range(3)])
    with THIS.daemon() as server:
        reports = [load(server.port, posts.script(first), connections=4, seconds=1) for first in (0, 10**9)]
        assert all(0 < report.load_share < 1.5 for report in reports)
        counted = sum(report.requests for report in reports)
        assert metric(server, 'syncd_writes_total{status="added"}') >= counted
        for status in ("existing", "refused"):
            assert metric(server, f'syncd_writes_total{{status="{status}"}}') == 0


@pytest.mark.integration
def test_a_list_is_read_page_after_page_to_its_end() -> None:
    need(WRK)
    reader = token("ann", "tv")
    bulk = f'{{"operations":[{",".join(map(add, range(ITEMS)))}]}}'
    with THIS.daemon(*THIS.if_known("--reads-per-second", "1000000")) as server:
        asyncio.run(send_all(server.port, [post_request(BULK, bulk.encode(), reader)], 1))
        read = load(server.port, pages_script(f"{WATCHLIST}?limit=50", reader), connections=1, seconds=1)
    assert read.deepest == ITEMS // 50


@pytest.mark.integration
def test_requests_that_are_refused_are_no_measurement() -> None:
    need(WRK)
    with empty_post() as server, pytest.raises(MeasurementFailed, match="refused"):
        load(server.port, Posts(["any"], path="/nowhere").script(0), connections=1, seconds=1)
