"""What HTTP clients send besides the content: tokens, lengths, media types; as a daemon answers, then alone."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence

import aiohttp
import msgspec
import pytest
from starlette.types import Message
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from tests.daemon import FILM, SECRET, WATCHLIST, DaemonProcess, bearer, token
from tests.fakes.late_keys import LateKeys
from tests.timeouts import TIMEOUT_S
from transport.access.authentication import Authenticator
from transport.access.minting import mint
from transport.access.signing_keys import FixedKeys, SigningKeys, shared_secret
from transport.errors import ClientGone, Problem
from transport.http.exchange.app import HttpRequest
from transport.http.exchange.requests import ListRequest, authenticated, decode, read_body, traceparent
from transport.http.routes.admin import NoticeRequest

integration = pytest.mark.integration

VALID = {"operation": "add", "content_id": FILM}


@integration
@pytest.mark.usefixtures("bystander")
@pytest.mark.parametrize("size", [17 * 1024, 1024 * 1024])
async def test_a_body_that_is_too_large_is_413(api: aiohttp.ClientSession, way: str, size: int) -> None:
    async with api.post(WATCHLIST + way, data=b" " * size, headers=bearer()) as response:
        assert response.status == 413
        assert "16384 bytes" in (await response.json(content_type=None))["detail"]


@integration
@pytest.mark.usefixtures("bystander")
async def test_an_endless_body_without_a_length_is_413(api: aiohttp.ClientSession, way: str) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(1024):
            yield b" " * 1024

    async with api.post(WATCHLIST + way, data=chunks(), headers=bearer()) as response:
        assert response.status == 413


@integration
@pytest.mark.parametrize(
    ("headers", "said"),
    [
        ({}, "Bearer"),
        ({"Authorization": "Basic YTpi"}, "Bearer"),
        ({"Authorization": "Bearer nonsense"}, "malformed"),
        (bearer(ttl_s=-100), "expired"),
    ],
)
async def test_a_request_without_a_valid_token_is_401(
    daemon: DaemonProcess, api: aiohttp.ClientSession, way: str, headers: dict[str, str], said: str
) -> None:
    async with api.post(WATCHLIST + way, json=VALID, headers=headers) as response:
        assert response.status == 401
        assert response.content_type == "application/problem+json"
        assert said in (await response.json(content_type=None))["detail"]
    with pytest.raises(InvalidStatus) as refused:
        await connect(daemon.ws_url, additional_headers=headers)
    assert refused.value.response.status_code == 401
    assert said in json.loads(refused.value.response.body)["detail"]


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
async def test_json_is_accepted_however_a_simple_client_calls_it(
    daemon: DaemonProcess, way: str, user: str, content_type: str | None
) -> None:
    body = json.dumps(VALID)
    named = f"Content-Type: {content_type}\r\n" if content_type else ""
    request = (
        f"POST {WATCHLIST}{way} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token(user)}\r\n{named}"
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
    api: aiohttp.ClientSession, way: str, user: str, headers: dict[str, str], named: str
) -> None:
    async with api.post(WATCHLIST + way, data=b"{}", headers=bearer(user) | headers, compress=None) as response:
        assert response.status == 415
        assert named in (await response.json(content_type=None))["detail"]
        assert {"Accept", "Accept-Encoding"} & set(response.headers)


@integration
@pytest.mark.parametrize("coding", ["gzip, chunked", "gzip\r\nTransfer-Encoding: chunked", "chunked "])
async def test_a_body_that_is_encoded_for_its_transfer_is_501(
    daemon: DaemonProcess, way: str, user: str, coding: str
) -> None:
    head = f"POST {WATCHLIST}{way} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token(user)}\r\n"
    body = json.dumps(VALID)
    request = f"{head}Transfer-Encoding: {coding}\r\n\r\n{len(body):x}\r\n{body}\r\n0\r\n\r\n"
    status = b"200" if coding == "chunked " else b"501"
    assert (await exchange(daemon.port, request.encode(), b"\r\n")).startswith(b"HTTP/1.1 " + status)


@integration
async def test_a_client_that_waits_for_leave_to_send_its_body_gets_it_or_the_refusal_at_once(
    daemon: DaemonProcess, way: str, user: str
) -> None:
    head = f"POST {WATCHLIST}{way} HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Type: application/json\r\n"
    authorized = f"{head}Authorization: Bearer {token(user)}\r\n"
    leave = f"{authorized}Content-Length: {len(json.dumps(VALID))}\r\n\r\n"
    assert await exchange(daemon.port, leave.encode(), b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
    for refused, status in (
        (f"{authorized}Content-Length: 99999\r\n\r\n", b"413"),
        (f"{head}Content-Length: 9\r\n\r\n", b"401"),
    ):
        answer = await exchange(daemon.port, refused.encode(), b"}")
        assert answer.startswith(b"HTTP/1.1 " + status)


def request(*parts: Message, headers: Sequence[tuple[bytes, bytes]] = ()) -> HttpRequest:
    """Return a request whose body comes in ``parts``."""
    coming = iter(parts)

    async def receive() -> Message:
        return next(coming)

    return HttpRequest({"headers": headers, "query_string": b""}, receive)


def part(body: bytes, *, is_last: bool = False) -> Message:
    return {"type": "http.request", "body": body, "more_body": not is_last}


async def test_a_body_in_parts_is_one_body() -> None:
    whole = request(part(b"12"), part(b"34"), part(b"", is_last=True))
    assert await read_body(whole, 4) == b"1234"


async def test_a_body_that_is_announced_too_large_is_refused_before_any_of_it_is_read() -> None:
    with pytest.raises(Problem, match="larger than 4 bytes") as refused:
        await read_body(request(headers=[(b"content-length", b"5")]), 4)
    assert refused.value.status == 413


async def test_a_body_that_grows_too_large_is_refused_as_soon_as_it_does() -> None:
    with pytest.raises(Problem, match="larger than 4 bytes"):
        await read_body(request(part(b"123"), part(b"45")), 4)


@pytest.mark.parametrize(
    "keys", [shared_secret(SECRET), LateKeys(shared_secret("another secret, as long as the other"))]
)
async def test_a_body_is_read_for_a_token_that_is_accepted_when_it_has_come(keys: SigningKeys) -> None:
    authorized = [(b"authorization", f"Bearer {mint(SECRET, 'ann', 'tv', 60, token_id='stolen')}".encode())]
    revoked = {"stolen"} if isinstance(keys, FixedKeys) else set[str]()  # else its key is withdrawn
    with pytest.raises(Problem) as refused:
        await read_body(
            request(part(b"", is_last=True), headers=authorized), 4, Authenticator(keys, revoked_token_ids=revoked)
        )
    assert refused.value.status == 401
    accepting = Authenticator(shared_secret(SECRET))
    assert await read_body(request(part(b"12", is_last=True), headers=authorized), 4, accepting) == b"12"


async def test_a_client_that_hangs_up_is_gone() -> None:
    with pytest.raises(ClientGone):
        await read_body(request(part(b"123"), {"type": "http.disconnect"}), 4)


def test_a_traceparent_is_as_it_was_sent_and_sent_twice_it_is_a_list() -> None:
    sent = (b"traceparent", b"00-a-b-01")
    assert traceparent(request()) is None
    assert traceparent(request(headers=[sent])) == "00-a-b-01"
    assert traceparent(request(headers=[sent, sent])) == "00-a-b-01,00-a-b-01"


async def test_several_tokens_are_400_as_they_are_at_the_websocket() -> None:
    sent = (b"authorization", bearer()["Authorization"].encode())
    with pytest.raises(Problem, match="Send one token, not several") as refused:
        await authenticated(request(headers=[sent, sent]), Authenticator(shared_secret(SECRET)))
    assert refused.value.status == 400


async def test_a_token_whose_key_is_not_known_yet_waits_for_it() -> None:
    ann = request(headers=[(b"authorization", bearer("ann", "tv")["Authorization"].encode())])
    keys = LateKeys(shared_secret(SECRET))
    keys.answered.set()
    claims = await authenticated(ann, Authenticator(keys))
    assert (claims.user_id, claims.device_id) == ("ann", "tv")


@pytest.mark.parametrize(("found", "status"), [(None, 503), (shared_secret(SECRET[::-1]), 401)])
async def test_only_a_token_that_was_judged_is_401(found: FixedKeys | None, status: int) -> None:
    ann = request(headers=[(b"authorization", bearer("ann", "tv")["Authorization"].encode())])
    keys = LateKeys(found)
    keys.answered.set()
    with pytest.raises(Problem) as refused:
        await authenticated(ann, Authenticator(keys))
    assert refused.value.status == status
    assert ("Retry-After" in (refused.value.headers or {})) == (status == 503)


BOM = b"\xef\xbb\xbf"


@pytest.mark.parametrize("body", [b"[1, 2]", BOM + b"[1, 2]"])
def test_a_byte_order_mark_before_the_body_is_ignored(body: bytes) -> None:
    assert decode(msgspec.json.decode, body) == [1, 2]


@pytest.mark.parametrize("body", [BOM * 1_000 + b"[1]", BOM, b"[1]" + BOM, b" " + BOM + b"[1]", BOM + b"[1"])
def test_a_byte_order_mark_anywhere_else_in_the_body_is_refused(body: bytes) -> None:
    with pytest.raises(Problem, match="not as documented") as refused:
        decode(msgspec.json.decode, body)
    assert refused.value.status == 400


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be"])
def test_a_body_of_another_encoding_is_told_of_it(encoding: str) -> None:
    with pytest.raises(Problem) as refused:
        decode(msgspec.json.decode, "[1, 2]".encode(encoding))
    assert refused.value.status == 400
    assert refused.value.detail == ("The body is not as documented: JSON is UTF-8 here, and this is UTF-16 or UTF-32.")


@pytest.mark.parametrize("name", ["", "a\nb", "x" * 129])
def test_a_body_with_a_wrong_name_is_refused_with_the_rule_for_names(name: str) -> None:
    with pytest.raises(Problem) as refused:
        decode(msgspec.json.Decoder(ListRequest).decode, json.dumps({"name": name}).encode())
    assert refused.value.status == 400
    rule = "must be a text of 1 to 128 characters, none of them a control character or a lone surrogate"
    assert refused.value.detail == f"name: {rule}."


def test_a_wrong_notice_is_refused_with_the_rule_for_notices() -> None:
    with pytest.raises(Problem, match=r"^message: must be a text of 1 to 1000 characters, none of them a control"):
        decode(msgspec.json.Decoder(NoticeRequest).decode, b'{"message":"Back at 5.\\n"}')
