"""HTTP as RFC 9110 has it, whatever is served: paths, methods, errors, and never a token in a URL."""

import aiohttp
import pytest
from starlette.responses import Response
from starlette.types import Message

from tests.daemon import WATCHLIST, bearer, token
from tests.transport.http.lone_api import api_deps, client
from transport.http.api import http_api
from transport.http.exchange.app import HttpApp, HttpRequest

integration = pytest.mark.integration


@integration
@pytest.mark.parametrize("path", [WATCHLIST, "/health", "/ready", "/metrics", "/openapi.json"])
async def test_head_is_get_without_the_body(api: aiohttp.ClientSession, user: str, path: str) -> None:
    async with api.head(path, headers=bearer(user)) as head, api.get(path, headers=bearer(user)) as got:
        assert head.status == got.status == 200
        assert await head.read() == b""
        assert head.headers["Content-Type"] == got.headers["Content-Type"]
        assert head.headers.get("ETag") == got.headers.get("ETag")
        assert int(head.headers["Content-Length"]) > 0


@integration
@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        (WATCHLIST, "GET, HEAD, OPTIONS, POST"),
        ("/api/v1/sync/operations", "OPTIONS, POST"),
        ("/health", "GET, HEAD, OPTIONS"),
    ],
)
async def test_a_path_says_what_it_allows(api: aiohttp.ClientSession, path: str, allowed: str) -> None:
    async with api.options(path) as response:
        assert (response.status, response.headers["Allow"]) == (204, allowed)
    for method in ("DELETE", "PATCH", "PUT", "TRACE"):
        async with api.request(method, path) as response:
            assert (response.status, response.headers["Allow"]) == (405, allowed)
            assert response.content_type == "application/problem+json"


@integration
@pytest.mark.parametrize("path", ["/nothing", "/health/", WATCHLIST + "/", "/HEALTH"])
async def test_a_path_where_nothing_is_is_404(api: aiohttp.ClientSession, path: str) -> None:
    async with api.get(path) as response:
        assert response.status == 404
        assert (await response.json(content_type=None))["detail"] == f"There is nothing at {path}."


@integration
@pytest.mark.parametrize("name", ["token", "access_token", "JWT"])
@pytest.mark.parametrize("path", [WATCHLIST, "/health"])
async def test_a_token_in_the_url_is_refused(api: aiohttp.ClientSession, path: str, name: str) -> None:
    async with api.get(f"{path}?{name}={token()}", headers=bearer()) as response:
        assert response.status == 400
        assert "token in the URL" in (await response.json(content_type=None))["detail"]


@integration
@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nothing", 404),
        ("GET", "/api/v1/sync/operations", 405),
        ("DELETE", WATCHLIST, 405),
        ("GET", "/api/v1/devices/tv", 405),
    ],
)
async def test_wrong_paths_and_methods_are_told(
    api: aiohttp.ClientSession, method: str, path: str, status: int
) -> None:
    async with api.request(method, path, headers=bearer()) as response:
        assert response.status == status
        assert response.content_type == "application/problem+json"
        assert path in (await response.json(content_type=None))["detail"]


async def test_an_error_of_ours_is_500_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    async def fail(_request: HttpRequest) -> Response:
        raise ZeroDivisionError

    async with client(HttpApp({"/fails": {"GET": fail}})) as api:
        response = await api.get("/fails")
    assert response.status_code == 500
    assert response.json()["detail"] == "An error in syncd; it has been logged."
    assert "ZeroDivisionError" in caplog.text


async def test_a_client_that_hangs_up_in_the_middle_of_its_body_is_let_go(caplog: pytest.LogCaptureFixture) -> None:
    parts: list[Message] = [{"type": "http.request", "body": b"{", "more_body": True}, {"type": "http.disconnect"}]
    answered: list[Message] = []

    async def receive() -> Message:
        return parts.pop(0) if len(parts) > 1 else parts[0]  # a server says for ever that nobody is there

    async def send(message: Message) -> None:
        answered.append(message)

    headers = [(b"authorization", bearer()["Authorization"].encode())]
    scope = {"type": "http", "method": "POST", "path": WATCHLIST, "query_string": b"", "headers": headers}
    await http_api(api_deps()).app(scope, receive, send)
    assert (len(parts), answered, caplog.records) == (1, [], [])
