"""One fetch of a key set: what is sent, which answers count, and servers that never come to an end."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import suppress
from typing import Any

import pytest

from tests.fakes.key_issuer import KeyIssuer, key_issuer
from tests.timeouts import TIMEOUT_S
from transport.access.key_fetch import MAX_KEY_SET_BYTES, check_url, fetch_key_set
from transport.errors import IssuerUnavailable

AGENT = "syncd/1.2.3"


@pytest.fixture
async def issuer() -> AsyncIterator[KeyIssuer]:
    async with key_issuer() as issuer:
        yield issuer


async def test_the_request_says_who_asks_and_wants_no_stale_answer(issuer: KeyIssuer) -> None:
    answer = await fetch_key_set(issuer.url, AGENT)
    assert answer.body == issuer.body
    (request,) = issuer.requests
    assert request.startswith("GET /keys HTTP/1.1\r\n")
    for header in (f"User-Agent: {AGENT}", "Accept: application/json", "Cache-Control: no-cache"):
        assert f"\r\n{header.lower()}\r\n" in request.lower()


async def test_a_set_that_has_not_changed_is_not_sent_again(issuer: KeyIssuer) -> None:
    etag = (await fetch_key_set(issuer.url, AGENT)).headers["ETag"]
    assert (await fetch_key_set(issuer.url, AGENT, etag=etag)).body is None
    issuer.publish({"kty": "RSA"})
    assert (await fetch_key_set(issuer.url, AGENT, etag=etag)).body == issuer.body


async def test_an_unasked_304_is_an_error(issuer: KeyIssuer) -> None:
    issuer.status = "304 Not Modified"
    with pytest.raises(IssuerUnavailable, match="HTTP 304"):
        await fetch_key_set(issuer.url, AGENT)


@pytest.mark.parametrize(
    "status", ["404 Not Found", "403 Forbidden", "500 Internal Server Error", "503 Busy", "nonsense"]
)
async def test_an_error_is_told_with_its_status(issuer: KeyIssuer, status: str) -> None:
    issuer.status = status
    with pytest.raises(IssuerUnavailable, match=f"HTTP {status}|BadStatusLine"):
        await fetch_key_set(issuer.url, AGENT)


@pytest.mark.parametrize("target", ["/keys", "https://elsewhere.example/keys", "file:///etc/passwd"])
async def test_a_redirect_is_told_and_not_followed(issuer: KeyIssuer, target: str) -> None:
    issuer.status, issuer.headers = "302 Found", {"Location": target}
    with pytest.raises(IssuerUnavailable, match=f"HTTP 302 and a redirect to '{target}', which is not"):
        await fetch_key_set(issuer.url, AGENT)
    assert len(issuer.requests) == 1


async def test_what_an_issuer_says_fills_no_log(issuer: KeyIssuer) -> None:
    issuer.status, issuer.headers = "302 Found", {"Location": "/" * 10_000}
    with pytest.raises(IssuerUnavailable) as refused:
        await fetch_key_set(issuer.url, AGENT)
    assert len(str(refused.value)) <= 200


async def test_nobody_at_the_address_is_told(issuer: KeyIssuer) -> None:
    issuer.stop()
    with pytest.raises(IssuerUnavailable, match="refused"):
        await fetch_key_set(issuer.url, AGENT)


async def test_the_proxy_of_the_environment_is_asked(issuer: KeyIssuer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", issuer.url)
    monkeypatch.delenv("no_proxy", raising=False)
    assert (await fetch_key_set("http://issuer.example/keys", AGENT)).body == issuer.body
    assert issuer.requests[0].startswith("GET http://issuer.example/keys HTTP/1.1\r\n")


@pytest.mark.parametrize("announced", [True, False])
async def test_a_set_that_is_too_large_is_refused_by_name(issuer: KeyIssuer, announced: bool) -> None:
    issuer.body = b" " * (MAX_KEY_SET_BYTES + 1)
    issuer.headers = {} if announced else {"Content-Length": ""}
    with pytest.raises(IssuerUnavailable, match=f"larger than {MAX_KEY_SET_BYTES} bytes"):
        await fetch_key_set(issuer.url, AGENT, timeout_s=TIMEOUT_S)
    issuer.body = issuer.body[1:]
    assert (await fetch_key_set(issuer.url, AGENT, timeout_s=TIMEOUT_S)).body == issuer.body


Drip = Callable[[asyncio.StreamWriter], Coroutine[Any, Any, None]]


async def nothing(writer: asyncio.StreamWriter) -> None:
    """Take the request, and say nothing."""
    await asyncio.Event().wait()


async def headers_for_ever(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nX: ")
    while True:
        writer.write(b"y")
        await writer.drain()
        await asyncio.sleep(0.01)


async def a_body_for_ever(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.0 200 OK\r\n\r\n")
    while True:
        writer.write(b" ")
        await writer.drain()
        await asyncio.sleep(0.01)


async def chunks_for_ever(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        writer.write(b"1\r\n \r\n")
        await writer.drain()
        await asyncio.sleep(0.01)


async def a_tls_record_for_ever(writer: asyncio.StreamWriter) -> None:
    """The head of a handshake record that says 4,096 bytes follow, and then hardly any."""
    writer.write(b"\x16\x03\x03\x10\x00\x02\x00\x0f\xfc")
    while True:
        writer.write(b"\0")
        await writer.drain()
        await asyncio.sleep(0.5)


@pytest.mark.parametrize(
    ("scheme", "drip"),
    [
        ("http", nothing),
        ("http", headers_for_ever),
        ("http", a_body_for_ever),
        ("http", chunks_for_ever),
        ("https", nothing),
        ("https", a_tls_record_for_ever),
    ],
)
async def test_an_answer_that_never_ends_is_given_up_and_leaves_no_thread(scheme: str, drip: Drip) -> None:
    has_gone: asyncio.Queue[None] = asyncio.Queue()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            await reader.read(1024)
            dripping = asyncio.create_task(drip(writer))
            while await reader.read(1024):
                pass  # more of a TLS handshake
            dripping.cancel()
        with suppress(ConnectionError):
            writer.close()
            await writer.wait_closed()
        has_gone.put_nowait(None)

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    before = set(threading.enumerate())
    port = server.sockets[0].getsockname()[1]
    with pytest.raises(IssuerUnavailable, match=r"no whole answer within 0\.2 s"):
        await fetch_key_set(f"{scheme}://127.0.0.1:{port}/keys", AGENT, timeout_s=0.2)
    for thread in set(threading.enumerate()) - before:
        await asyncio.to_thread(thread.join, TIMEOUT_S)
        assert thread.daemon
        assert not thread.is_alive()
    await asyncio.wait_for(has_gone.get(), TIMEOUT_S)
    server.close()


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("", "no http:// or https://"),
        ("issuer.example/keys", "no http:// or https://"),
        ("file:///etc/passwd", "no http:// or https://"),
        ("https:///keys", "no http:// or https://"),
        ("https://user:secret@issuer.example/keys", "user name or password"),
        ("https://issuer.example/ke ys", "characters"),
        ("https://issuer.example/keys\n", "characters"),
        ("https://user:secret@issuer\u2100.example/keys", "characters"),
        ("https://issuer.example/schlüssel", "characters"),
        ("https://issuer.example:port/keys", "[Pp]ort"),
        ("https://[issuer.example/keys", "IPv6"),
    ],
)
def test_an_address_that_cannot_be_fetched_says_why(url: str, why: str) -> None:
    with pytest.raises(ValueError, match=why) as refused:
        check_url(url)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize("url", ["https://issuer.example/keys?a=b", "http://127.0.0.1:8080", "HTTPS://[::1]/keys"])
def test_an_address_by_http_or_https_can_be_fetched(url: str) -> None:
    check_url(url)
