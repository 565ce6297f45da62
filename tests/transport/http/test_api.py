"""Every route is where it is documented to be, and pages of other sites may use them if they are allowed to."""

import pytest
from starlette.responses import Response

from tests.daemon import WATCHLIST
from tests.transport.http.lone_api import api_deps, client
from transport.http.api import http_api
from transport.http.exchange.app import HttpRequest

PAGE = "https://tv.example"


def preflight(origin: str, headers: str = "authorization,content-type") -> dict[str, str]:
    return {
        "Origin": origin,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": headers,
    }


async def test_a_page_of_an_allowed_origin_may_use_the_api() -> None:
    async with client(http_api(api_deps(allowed_origins=(PAGE,))).app) as api:
        asked = await api.options(WATCHLIST, headers=preflight(PAGE))
        assert asked.status_code == 200
        assert asked.headers["Access-Control-Allow-Origin"] == PAGE
        assert "POST" in asked.headers["Access-Control-Allow-Methods"]
        assert "authorization" in asked.headers["Access-Control-Allow-Headers"].lower()
        refused = await api.get(WATCHLIST, headers={"Origin": PAGE})
        assert refused.status_code == 401  # and the page is let see why
        assert refused.headers["Access-Control-Allow-Origin"] == PAGE
        assert "ETag" in refused.headers["Access-Control-Expose-Headers"]
        assert "Origin" in refused.headers["Vary"]
        assert "Access-Control-Allow-Credentials" not in refused.headers


@pytest.mark.parametrize("allowed", [(), (PAGE,), ("*",)])
async def test_a_page_of_another_origin_may_not_use_the_api(allowed: tuple[str, ...]) -> None:
    async with client(http_api(api_deps(allowed_origins=allowed)).app) as api:
        for response in (
            await api.options(WATCHLIST, headers=preflight("https://evil.example")),
            await api.get("/health", headers={"Origin": "https://evil.example"}),
        ):
            assert "Access-Control-Allow-Origin" not in response.headers


async def test_other_routes_are_served_beside_it_and_it_has_no_others_of_its_own() -> None:
    async def more(_request: HttpRequest) -> Response:
        return Response("more")

    async with client(http_api(api_deps(), {"/more": {"GET": more}}).app) as api:
        assert (await api.get("/more")).text == "more"
        for path, allowed in (
            (WATCHLIST, "GET, HEAD, OPTIONS, POST"),
            ("/api/v1/sync/operations", "OPTIONS, POST"),
            ("/api/v1/sync/last_activities", "GET, HEAD, OPTIONS"),
            ("/api/v1/metrics", "GET, HEAD, OPTIONS"),
            ("/health", "GET, HEAD, OPTIONS"),
            ("/ready", "GET, HEAD, OPTIONS"),
            ("/metrics", "GET, HEAD, OPTIONS"),
            ("/ws", "GET, HEAD, OPTIONS"),
        ):
            assert (await api.options(path)).headers["Allow"] == allowed, path
        assert (await api.get("/openapi.json")).status_code == 404


async def test_everything_is_below_the_prefix_of_a_proxy_and_without_it() -> None:
    api = http_api(api_deps(path_prefix="/sync"))
    async with client(api.app) as asked:
        statuses = [(await asked.get(path)).status_code for path in ("/health", "/sync/health", "/sync/sync/health")]
    assert statuses == [200, 200, 404]
    assert b"/sync/api/v1/sync/watchlist" in api.direct_writes
    assert b"/api/v1/sync/watchlist" in api.direct_writes
