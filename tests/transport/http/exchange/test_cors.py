import pytest
from starlette.responses import Response

from tests.transport.http.lone_api import client
from transport.access.origins import AllowedOrigins
from transport.http.exchange.app import HttpApp, HttpRequest
from transport.http.exchange.cors import Cors

PAGE = "https://tv.example"
CORS = Cors(AllowedOrigins((PAGE, "*", "http://localhost:3000")))


async def hello(_request: HttpRequest) -> Response:
    return Response("hello", headers={"Vary": "Authorization"})


APP = HttpApp({"/hello": {"GET": hello, "POST": hello}}, CORS)


def asking(headers: str | None, origin: str = PAGE, method: str = "POST") -> dict[str, str]:
    """Return what a browser asks before a page of ``origin`` sends these headers."""
    asked = {} if headers is None else {"Access-Control-Request-Headers": headers}
    return {"Origin": origin, "Access-Control-Request-Method": method, **asked}


@pytest.mark.parametrize(
    "headers",
    [
        "authorization,content-type",
        "authorization,baggage,sentry-trace,traceparent,tracestate",
        "cache-control,if-none-match,x-requested-with",
        None,
    ],
)
async def test_a_page_may_send_whatever_headers_its_libraries_add(headers: str | None) -> None:
    async with client(APP) as page:
        answer = await page.options("/hello", headers=asking(headers))
    assert answer.status_code == 200
    assert answer.headers["Access-Control-Allow-Origin"] == PAGE
    assert answer.headers["Access-Control-Allow-Headers"] == (headers or "")
    assert answer.headers["Access-Control-Allow-Methods"] == "GET, POST"
    assert answer.headers["Access-Control-Max-Age"] == "600"
    assert answer.headers["Vary"] == "Origin"


@pytest.mark.parametrize("origin", ["https://evil.example", "https://tv.example.evil.example", "null", "*", PAGE + "/"])
async def test_an_origin_that_is_not_allowed_gets_no_cors_headers(origin: str) -> None:
    async with client(APP) as page:
        asked = await page.options("/hello", headers=asking("authorization", origin))
        assert (asked.status_code, asked.headers["Allow"]) == (204, "GET, HEAD, OPTIONS, POST")
        got = await page.get("/hello", headers={"Origin": origin})
        assert got.text == "hello"
    for answer in (asked, got):
        assert [name for name in answer.headers if name.startswith("access-control")] == []
        assert "Origin" in answer.headers["Vary"]  # what a cache keeps is not for every page


async def test_a_page_sees_any_answer_and_the_headers_it_needs() -> None:
    async with client(APP) as page:
        for method, path, status in (("GET", "/hello", 200), ("GET", "/nothing", 404), ("PUT", "/hello", 405)):
            answer = await page.request(method, path, headers={"Origin": PAGE})
            assert answer.status_code == status
            assert answer.headers["Access-Control-Allow-Origin"] == PAGE
            assert answer.headers["Access-Control-Expose-Headers"] == "ETag, Retry-After"
        assert (await page.get("/hello", headers={"Origin": PAGE})).headers["Vary"] == "Authorization, Origin"


async def test_an_options_that_is_no_preflight_says_what_the_path_allows() -> None:
    async with client(APP) as page:
        answer = await page.options("/hello", headers={"Origin": PAGE})
    assert (answer.status_code, answer.headers["Allow"]) == (204, "GET, HEAD, OPTIONS, POST")


@pytest.mark.parametrize("origin", [None, PAGE.encode()])
@pytest.mark.parametrize("allowed", [(), ("*",)])
def test_where_nobody_is_allowed_nothing_is_said(allowed: tuple[str, ...], origin: bytes | None) -> None:
    cors = Cors(AllowedOrigins(allowed))
    assert cors.response_headers(origin) == ()
    assert cors.preflight({b"origin": b"*", b"access-control-request-method": b"GET"}) is None
