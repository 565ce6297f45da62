"""HTTP as RFC 9110 has it: methods, media types, conditions of the connection, and other sites' pages."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from uuid import uuid4

import aiohttp
import httpx
import pytest
from starlette.types import Message

from actors.messages.journal import DeviceWrite, Head, HeadsLoaded, JournalMessage, LoadHeads, Outcome, Status
from crdt.hlc import HLCTimestamp
from syncd.keys.signing import authenticator
from syncd.settings import Settings
from tests.daemon import FILM, SECRET, WATCHLIST, DaemonProcess, bearer, token
from tests.timeouts import TIMEOUT_S
from transport.access.limits import Limits, Quotas
from transport.http.api import http_api
from transport.http.deps import ApiDeps

integration = pytest.mark.integration

VALID = {"operation": "add", "content_id": FILM}


@pytest.fixture
async def http(daemon: DaemonProcess) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(daemon.url) as session:
        yield session


async def exchange(port: int, request: bytes, until: bytes) -> bytes:
    """Send ``request`` as it is and return what comes, up to and with ``until``."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    async with asyncio.timeout(TIMEOUT_S):
        answer = await reader.readuntil(until)
    writer.close()
    await writer.wait_closed()
    return answer


@integration
@pytest.mark.parametrize("path", [WATCHLIST, "/health", "/ready", "/metrics", "/openapi.json"])
async def test_head_is_get_without_the_body(http: aiohttp.ClientSession, user: str, path: str) -> None:
    async with http.head(path, headers=bearer(user)) as head, http.get(path, headers=bearer(user)) as got:
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
async def test_a_path_says_what_it_allows(http: aiohttp.ClientSession, path: str, allowed: str) -> None:
    async with http.options(path) as response:
        assert (response.status, response.headers["Allow"]) == (204, allowed)
    for method in ("DELETE", "PATCH", "PUT", "TRACE"):
        async with http.request(method, path) as response:
            assert (response.status, response.headers["Allow"]) == (405, allowed)
            assert response.content_type == "application/problem+json"


@integration
async def test_the_websockets_path_asks_for_an_upgrade(http: aiohttp.ClientSession) -> None:
    async with http.get("/ws", headers=bearer()) as response:
        assert (response.status, response.headers["Upgrade"]) == (426, "websocket")


@integration
@pytest.mark.parametrize("path", ["/nothing", "/health/", WATCHLIST + "/", "/HEALTH"])
async def test_another_path_is_404(http: aiohttp.ClientSession, path: str) -> None:
    async with http.get(path) as response:
        assert response.status == 404
        assert (await response.json(content_type=None))["detail"] == f"There is nothing at {path}."


@integration
@pytest.mark.parametrize(
    "content_type",
    [
        None,
        "application/json",
        "Application/JSON; charset=UTF-8",
        'application/json; charset="utf-8"',
        "application/vnd.tv+json",
        "text/plain",
        "text/plain;charset=UTF-8",
        "application/x-www-form-urlencoded",
        "application/octet-stream",
    ],
)
async def test_json_is_taken_however_a_simple_client_calls_it(
    daemon: DaemonProcess, user: str, content_type: str | None
) -> None:
    body = json.dumps(VALID)
    named = f"Content-Type: {content_type}\r\n" if content_type else ""
    request = (
        f"POST {WATCHLIST} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token(user)}\r\n{named}"
        f"Content-Length: {len(body)}\r\n\r\n{body}"
    )
    assert (await exchange(daemon.port, request.encode(), b"\r\n")).startswith(b"HTTP/1.1 200 ")


@integration
@pytest.mark.parametrize(
    ("headers", "named"),
    [
        ({"Content-Type": "multipart/form-data; boundary=x"}, "multipart/form-data"),
        ({"Content-Type": "application/xml"}, "application/xml"),
        ({"Content-Type": "application/json; charset=utf-16"}, "UTF-8"),
        ({"Content-Type": "application/json", "Content-Encoding": "gzip"}, "Content-Encoding"),
    ],
)
async def test_what_says_that_it_is_no_plain_json_is_415(
    http: aiohttp.ClientSession, user: str, headers: dict[str, str], named: str
) -> None:
    async with http.post(WATCHLIST, data=b"{}", headers=bearer(user) | headers, compress=None) as response:
        assert response.status == 415
        assert named in (await response.json(content_type=None))["detail"]
        assert {"Accept", "Accept-Encoding"} & set(response.headers)


@integration
async def test_a_client_that_waits_for_leave_to_send_its_body_gets_it_or_the_refusal_at_once(
    daemon: DaemonProcess, user: str
) -> None:
    head = f"POST {WATCHLIST} HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Type: application/json\r\n"
    authorized = f"{head}Authorization: Bearer {token(user)}\r\n"
    leave = f"{authorized}Content-Length: {len(json.dumps(VALID))}\r\n\r\n"
    assert await exchange(daemon.port, leave.encode(), b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
    for refused, status in (
        (f"{authorized}Content-Length: 99999\r\n\r\n", b"413"),
        (f"{head}Content-Length: 9\r\n\r\n", b"401"),
    ):
        answer = await exchange(daemon.port, refused.encode(), b"}")
        assert answer.startswith(b"HTTP/1.1 " + status)


@integration
@pytest.mark.parametrize("name", ["token", "access_token", "JWT"])
@pytest.mark.parametrize("path", [WATCHLIST, "/health"])
async def test_a_token_in_the_url_is_refused(http: aiohttp.ClientSession, path: str, name: str) -> None:
    async with http.get(f"{path}?{name}={token()}", headers=bearer()) as response:
        assert response.status == 400
        assert "token in the URL" in (await response.json(content_type=None))["detail"]


@integration
@pytest.mark.parametrize("field", ["operation_id", "tag"])
@pytest.mark.parametrize("name", ["a\x00b", "a\n", "\x7f", "a\x85b"])
async def test_control_characters_in_names_are_refused_by_name(
    http: aiohttp.ClientSession, user: str, field: str, name: str
) -> None:
    async with http.post(WATCHLIST, json=VALID | {field: name}, headers=bearer(user)) as response:
        assert response.status == 400
        assert f"$.{field}" in (await response.json(content_type=None))["detail"]


@integration
async def test_names_of_any_script_are_taken(http: aiohttp.ClientSession, user: str) -> None:
    name = f"Wohnzimmer-Fernseher ё 電視 🎬 {uuid4()}"
    async with http.post(WATCHLIST, json=VALID | {"operation_id": name}, headers=bearer(user)) as response:
        assert response.status == 200


@integration
async def test_a_body_nested_deeper_than_the_parser_goes_is_400(http: aiohttp.ClientSession, user: str) -> None:
    nested = b'{"operation":"add","timestamp":' + b"[" * 8000
    for path, body in ((WATCHLIST, nested), ("/api/v1/sync/operations", b'{"operations":' + b"[" * 8000)):
        async with http.post(path, data=body, headers=bearer(user)) as response:
            assert response.status == 400


# The application alone, with stand-ins for what is behind it: a journal that keeps what it is told, unanswered.

PAGE = "https://tv.example"


def deps(
    allowed_origins: tuple[str, ...] = (),
    figures: Callable[[], dict[str, float]] = dict,
    journal: Callable[[JournalMessage], None] = lambda message: None,
    write: Callable[[DeviceWrite], None] = lambda write: None,
) -> ApiDeps:
    return ApiDeps(
        name="syncd",
        version="0",
        authenticator=authenticator(Settings(jwt_secret=SECRET)),
        quotas=Quotas(Limits()),
        write=write,
        journal=journal,
        bus_status=lambda: None,
        prometheus=bytes,
        figures=figures,
        allowed_origins=allowed_origins,
    )


def client(deps: ApiDeps) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(http_api(deps)), base_url="http://daemon")


@pytest.mark.parametrize("query", ["", "?limit=1", "?since=3"])
async def test_that_nothing_has_changed_is_answered_from_the_users_head_alone(query: str) -> None:
    asked: list[JournalMessage] = []

    def journal(message: JournalMessage) -> None:
        asked.append(message)
        if isinstance(message, LoadHeads):
            head = Head(user_id="ann", revision=7, clock=HLCTimestamp(0, 0, ""), epoch="e")
            message.reply_to(HeadsLoaded((head,)))

    async with client(deps(journal=journal)) as http:
        response = await http.get(WATCHLIST + query, headers=bearer() | {"If-None-Match": '"e-7"'})
    assert response.status_code == 304
    assert [type(message) for message in asked] == [LoadHeads]


def preflight(origin: str) -> dict[str, str]:
    return {
        "Origin": origin,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,content-type",
    }


async def test_a_page_of_an_allowed_origin_may_use_the_api() -> None:
    async with client(deps(allowed_origins=(PAGE,))) as http:
        asked = await http.options(WATCHLIST, headers=preflight(PAGE))
        assert asked.status_code == 200
        assert asked.headers["Access-Control-Allow-Origin"] == PAGE
        assert "POST" in asked.headers["Access-Control-Allow-Methods"]
        assert "authorization" in asked.headers["Access-Control-Allow-Headers"].lower()
        refused = await http.get(WATCHLIST, headers={"Origin": PAGE})
        assert refused.status_code == 401  # and the page is let see why
        assert refused.headers["Access-Control-Allow-Origin"] == PAGE
        assert "ETag" in refused.headers["Access-Control-Expose-Headers"]
        assert "Origin" in refused.headers["Vary"]
        assert "Access-Control-Allow-Credentials" not in refused.headers


@pytest.mark.parametrize("allowed", [(), (PAGE,), ("*",)])
async def test_a_page_of_another_origin_may_not(allowed: tuple[str, ...]) -> None:
    async with client(deps(allowed_origins=allowed)) as http:
        for response in (
            await http.options(WATCHLIST, headers=preflight("https://evil.example")),
            await http.get("/health", headers={"Origin": "https://evil.example"}),
        ):
            assert "Access-Control-Allow-Origin" not in response.headers


async def test_an_error_of_ours_is_500_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    def fail() -> dict[str, float]:
        raise ZeroDivisionError

    async with client(deps(figures=fail)) as http:
        response = await http.get("/api/v1/metrics")
    assert response.status_code == 500
    assert response.json()["detail"] == "An error in syncd; it has been logged."
    assert "ZeroDivisionError" in caplog.text


async def test_a_bulk_of_which_the_database_took_only_a_part_is_to_be_repeated() -> None:
    outcomes = [Outcome(status=Status.REMOVED), Outcome(status=Status.REFUSED, reason="it is away", retry_after_s=2.0)]

    def write(write: DeviceWrite) -> None:
        assert write.answer is not None
        write.answer(outcomes.pop(0))

    async with client(deps(write=write)) as http:
        response = await http.post("/api/v1/sync/operations", json={"operations": [VALID, VALID]}, headers=bearer())
    assert (response.status_code, response.headers["Retry-After"]) == (503, "2")
    assert "it is away" in response.json()["detail"]


async def test_a_client_that_hangs_up_in_the_middle_of_its_body_is_let_go(caplog: pytest.LogCaptureFixture) -> None:
    parts: list[Message] = [{"type": "http.request", "body": b"{", "more_body": True}, {"type": "http.disconnect"}]
    answered: list[Message] = []

    async def receive() -> Message:
        return parts.pop(0)

    async def send(message: Message) -> None:
        answered.append(message)

    headers = [(b"authorization", bearer()["Authorization"].encode())]
    scope = {"type": "http", "method": "POST", "path": WATCHLIST, "query_string": b"", "headers": headers}
    await http_api(deps())(scope, receive, send)
    assert (parts, answered, caplog.records) == ([], [], [])
