"""Whoever asks for another protocol than WebSocket gets the answer that others get, and no body runs as a request."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from tests.daemon import FILM, WATCHLIST, DaemonProcess, token
from tests.timeouts import TIMEOUT_S
from tests.transport.conftest import Serve
from tests.transport.http.raw_client import connected
from transport.http.http1.upgrades import head_without_upgrade, offers_websocket, with_websocket_alone

JAVA = (
    b"Connection: Upgrade, HTTP2-Settings\r\nHost: h\r\nHTTP2-Settings: AAEAAEAAAAIAAAABAAMAAABkAAQBAAAAAAUAAEAA\r\n"
    b"Upgrade: h2c\r\nUser-Agent: Java-http-client/17.0.9\r\n"
)
"""What Java's client sends with its first request to a server it does not know."""
OFFERS = {
    "java": JAVA,
    "foo": b"Host: h\r\nConnection: Upgrade\r\nUpgrade: foo\r\n",
    "list": b"Host: h\r\nConnection: keep-alive, upgrade\r\nUpgrade: TLS/1.0\r\nUpgrade: h2c, foo \r\n",
    "twice": b"Host: h\r\nConnection: Upgrade\r\nConnection: keep-alive\r\nUpgrade: foo\r\n",
    "not-for-this-hop": b"Host: h\r\nUpgrade: h2c\r\n",
}
LIKE_WEBSOCKET = b"Host: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
HANDSHAKE = b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n"
GET = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"


Framing = Callable[[bytes], tuple[bytes, bytes]]


def sized(body: bytes) -> tuple[bytes, bytes]:
    """Return the header that announces the body, and the body."""
    return b"Content-Length: %d\r\n" % len(body), body


def chunked(body: bytes) -> tuple[bytes, bytes]:
    return b"Transfer-Encoding: chunked\r\n", b"%x\r\n%b\r\n0\r\nX-Trailer: x\r\n\r\n" % (len(body), body)


@pytest.mark.parametrize("framed", [sized, chunked])
@pytest.mark.parametrize("offer", OFFERS.values(), ids=OFFERS)
async def test_any_other_upgrade_is_ignored_wherever_the_body_comes(
    serve: Serve, offer: bytes, framed: Framing
) -> None:
    framing, body = framed(SMUGGLED)
    head = b"POST / HTTP/1.1\r\n" + offer + framing + b"\r\n"
    for packets in ((head + body,), (head, body), (head + body[:7], body[7:]), (head[:30], head[30:], body)):
        async with connected(await serve()) as client:
            for _ in range(2):  # the connection goes on, also behind an answer
                await client.send(*packets)
                assert (await client.answer()).body == b"%d" % len(SMUGGLED)
            await client.send(GET.replace(b"Host", b"Connection: close\r\nHost"))
            assert (await client.answer()).body == b"0"
            assert await client.rest() == b""


async def test_pipelined_requests_may_all_ask_for_one(serve: Serve) -> None:
    framing, body = sized(b"12345")
    ask = b"POST / HTTP/1.1\r\n" + JAVA + framing + b"\r\n" + body
    async with connected(await serve()) as client:
        await client.send((ask + GET) * 20)
        assert [(await client.answer()).body for _ in range(40)] == [b"5", b"0"] * 20


@pytest.mark.parametrize("ws", ["none", "websockets-sansio"])
async def test_http_1_0_has_no_upgrades(serve: Serve, ws: str) -> None:
    """RFC 9110 section 7.8; and without a protocol for WebSockets there is none to upgrade to."""
    version = b"1.1" if ws == "none" else b"1.0"
    framing, body = sized(SMUGGLED)
    async with connected(await serve(ws=ws)) as client:
        await client.send(b"GET / HTTP/" + version + b"\r\n" + LIKE_WEBSOCKET + framing + b"\r\n" + body)
        assert (await client.answer()).body == b"%d" % len(body)
        if version == b"1.0":
            assert await client.rest() == b""


async def test_a_websocket_is_not_opened_while_a_request_before_it_is_answered(serve: Serve) -> None:
    """Its answer would end up among the frames."""
    asked, may_answer = asyncio.Event(), asyncio.Event()

    async def app(_scope: Any, _receive: Any, send: Any) -> None:
        asked.set()
        await may_answer.wait()
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body"})

    def opened(**_: Any) -> None:
        pytest.fail("a WebSocket was made")

    async with connected(await serve(ws=opened, app=app)) as client:
        await client.send(GET)
        async with asyncio.timeout(TIMEOUT_S):
            await asked.wait()
        await client.send(b"GET /ws HTTP/1.1\r\n" + LIKE_WEBSOCKET + b"\r\n")
        answer = await client.answer()
        may_answer.set()
        assert (answer.status, answer.json()["detail"]) == (400, "Wait for the answer before opening a WebSocket.")
        assert await client.rest() == b""


@pytest.mark.parametrize("url", [b"h:443", b"/"])
async def test_what_follows_a_connect_is_not_read(serve: Serve, url: bytes) -> None:
    framing, body = sized(SMUGGLED)
    for packets in ((framing + b"\r\n" + body,), (framing + b"\r\n", body)):
        async with connected(await serve()) as client:
            first, *more = packets
            await client.send(b"CONNECT " + url + b" HTTP/1.1\r\nHost: h\r\n" + first, *more)
            assert (await client.answer()).status == 400
            assert await client.rest() == b""


@pytest.mark.parametrize("framed", [sized, chunked])
@pytest.mark.parametrize("path", [WATCHLIST, "/ws", "/nothing"])
@pytest.mark.parametrize("method", ["POST", "GET"])
@pytest.mark.usefixtures("bystander")
async def test_the_body_of_a_refused_websocket_never_runs(
    daemon: DaemonProcess, user: str, method: str, path: str, framed: Framing
) -> None:
    bearer = f"Authorization: Bearer {token(user)}\r\n".encode()
    write = b'{"operation":"add","content_id":"%b"}' % FILM.encode()
    smuggled = b"POST %b HTTP/1.1\r\nHost: h\r\n%bContent-Length: %d\r\n\r\n%b" % (
        WATCHLIST.encode(), bearer, len(write), write,
    )  # fmt: skip
    framing, body = framed(smuggled)
    head = f"{method} {path} HTTP/1.1\r\n".encode() + LIKE_WEBSOCKET + HANDSHAKE + bearer + framing + b"\r\n"
    for packets in ((head + body,), (head, body)):
        async with connected(daemon.port) as client:
            await client.send(*packets)
            assert 400 <= (await client.answer()).status < 500
            assert await client.rest() == b""
    async with connected(daemon.port) as client:
        await client.send(b"GET %b HTTP/1.1\r\nHost: h\r\n%b\r\n" % (WATCHLIST.encode(), bearer))
        assert (await client.answer()).json()["revision"] == 0


@pytest.mark.parametrize(("pongs", "cut"), [(0, 3), (0, 8), (300, 38_000)])
async def test_frames_in_the_packet_of_the_handshake_are_read_behind_it(
    daemon: DaemonProcess, user: str, pongs: int, cut: int
) -> None:
    frames = pongs * (b"\x8a\xfd" + bytes(129)) + b"\x89\x82\0\0\0\0hi"  # the last a ping; masked by zeros
    head = b"GET /ws HTTP/1.1\r\n" + LIKE_WEBSOCKET + HANDSHAKE
    bearer = f"Authorization: Bearer {token(user)}\r\n\r\n".encode()
    async with connected(daemon.port) as client:
        await client.send(head + bearer + frames[:cut], frames[cut:])
        async with asyncio.timeout(TIMEOUT_S):
            assert (await client.reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 101 ")
            await client.reader.readuntil(b"\x8a\x02hi")


@pytest.mark.parametrize(
    "asking",
    [
        b"Connection: Upgrade\r\nConnection: keep-alive\r\nUpgrade: websocket\r\n",
        b"Connection: keep-alive\r\nConnection: Upgrade\r\nUpgrade: foo\r\nUpgrade: WebSocket \r\n",
        b"Connection: Upgrade\r\nUpgrade: foo, websocket\r\n",
    ],
)
async def test_headers_that_are_lists_may_come_in_lines(daemon: DaemonProcess, user: str, asking: bytes) -> None:
    head = (
        b"GET /ws HTTP/1.1\r\nHost: h\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        b"Authorization: Bearer %b\r\n%b\r\n" % (token(user).encode(), asking)
    )
    async with connected(daemon.port) as client:
        await client.send(head)
        assert (await client.reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 101 ")


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([], False),
        ([b"websocket"], True),
        ([b"h2c", b"foo,\tWebSocket "], True),
        ([b"websocket2", b"x websocket", b"websocket/13"], False),
    ],
)
def test_a_websocket_is_one_offer_of_a_list(values: list[bytes], expected: bool) -> None:
    headers = [(b"host", b"websocket"), *((b"upgrade", value) for value in values)]
    assert offers_websocket(headers) is expected


def test_beside_a_websocket_other_offers_are_declined() -> None:
    headers = [(b"upgrade", b"h2c"), (b"host", b"h"), (b"upgrade", b"foo, websocket")]
    assert with_websocket_alone(headers) == [(b"host", b"h"), (b"upgrade", b"websocket")]


def test_a_request_whose_upgrade_is_declined_keeps_everything_else() -> None:
    headers = [(b"upgrade", b"h2c"), (b"x", b""), (b"connection", b"Upgrade"), (b"content-length", b"5 ")]
    head = head_without_upgrade(b"POST", b"/a?b=%20", "1.0", headers)
    assert head == b"POST /a?b=%20 HTTP/1.0\r\nx: \r\nconnection: Upgrade\r\ncontent-length: 5 \r\n\r\n"
