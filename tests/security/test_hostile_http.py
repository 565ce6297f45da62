"""Clients that use HTTP as a weapon: nothing grows, nothing leaks into another request, nobody else notices."""

import asyncio
import json
import resource
from itertools import chain, repeat

import aiohttp
import pytest

from bench.processes import memory_bytes
from tests.daemon import FILM, WATCHLIST, DaemonProcess, bearer, token
from tests.timeouts import TIMEOUT_S
from transport.http.http1.request_limits import MAX_PIPELINED

pytestmark = pytest.mark.usefixtures("bystander")

GET = b"GET /ready HTTP/1.1\r\nHost: h\r\n\r\n"
UPGRADE = (
    b"GET /ws HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)
MEMORY_BYTES = 32 << 20
"""How much a daemon's memory may move for reasons of its own."""


def chunked(way: str = "") -> bytes:
    """Return the head of a write, but for its last line."""
    return b"POST %b HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n" % (WATCHLIST + way).encode()


async def answers(daemon: DaemonProcess, sent: bytes) -> bytes:
    """Send everything at once and return all that comes back until the daemon hangs up."""
    reader, writer = await asyncio.open_connection("127.0.0.1", daemon.port)
    writer.write(sent)
    async with asyncio.timeout(TIMEOUT_S):
        received = await reader.read()
    writer.close()
    return received


@pytest.mark.parametrize(
    ("start", "endless", "status"),
    [
        (b"2\r\n{}\r\n0\r\n", b"a: b\r\n" * 1024, 431),
        (b"2\r\n{}\r\n0\r\n", b"a" * 8192, 400),
        (b"2;", b"a" * 8192, 400),
        (b"2\r\n{}\r\n1;", b"a" * 8192, 400),
    ],
    ids=["trailers", "one-trailer", "first-chunk-extension", "later-chunk-extension"],
)
async def test_what_surrounds_a_body_is_bounded_as_its_head_is(
    daemon: DaemonProcess, way: str, start: bytes, endless: bytes, status: int
) -> None:
    before = memory_bytes(daemon.process.pid)
    reader, writer = await asyncio.open_connection("127.0.0.1", daemon.port)
    answered = asyncio.create_task(reader.readuntil(b"\r\n\r\n"))
    async with asyncio.timeout(TIMEOUT_S):
        for part in chain(
            [chunked(way) + b"Authorization: Bearer %b\r\n\r\n" % token().encode(), start], repeat(endless)
        ):
            writer.write(part)
            await writer.drain()
            if answered.done():
                break
    assert answered.result().startswith(b"HTTP/1.1 %d " % status)
    assert memory_bytes(daemon.process.pid) < before + MEMORY_BYTES
    writer.close()


async def test_a_trailer_is_never_taken_for_a_header(daemon: DaemonProcess, way: str) -> None:
    body = b'{"operation":"add","content_id":"%b"}' % FILM.encode()
    trailer = b"Authorization: Bearer %b\r\n\r\n" % token().encode()
    sent = chunked(way) + b"Connection: close\r\n\r\n%x\r\n%b\r\n0\r\n" % (len(body), body) + trailer
    assert (await answers(daemon, sent)).startswith(b"HTTP/1.1 401 ")


async def test_a_websocket_is_not_opened_behind_an_unanswered_request(daemon: DaemonProcess) -> None:
    upgrade = UPGRADE + b"Authorization: Bearer %b\r\n\r\n" % token().encode()
    received = await answers(daemon, GET + upgrade)
    assert received.startswith(b"HTTP/1.1 400 ")
    assert b" 101 " not in received


@pytest.mark.parametrize("count", [1, 2, 50])
@pytest.mark.parametrize(
    "garbage",
    [b"\0garbage\r\n\r\n", b"GET / HTTP/1.1\r\nX: " + b"x" * 40_000, chunked() + b"\r\nzz\r\n"],
    ids=["no-request", "large-head", "broken-chunk"],
)
async def test_garbage_behind_good_requests_ends_that_connection_only(
    daemon: DaemonProcess, count: int, garbage: bytes
) -> None:
    assert (await answers(daemon, GET * count + garbage)).startswith(b"HTTP/1.1 ")  # and bystander: no error logged


async def test_requests_that_pile_up_unanswered_are_refused(daemon: DaemonProcess) -> None:
    before = memory_bytes(daemon.process.pid)
    for _ in range(20):
        received = await answers(daemon, b"GET / HTTP/1.1\r\nHost: h\r\n\r\n" * 10_000)
        assert b"HTTP/1.1 400 " in received
        assert received.count(b"HTTP/1.1 ") <= 1 + MAX_PIPELINED
    assert memory_bytes(daemon.process.pid) < before + MEMORY_BYTES


@pytest.mark.parametrize(
    "smuggled",
    [
        b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n",
        b"Content-Length: 2\r\nContent-Length: 3\r\n",
        b"Content-Length: +2\r\n",
        b"Transfer-Encoding: chunked, identity\r\n",
        b"Content-Length : 2\r\n",
        b" Content-Length: 2\r\n",
    ],
)
async def test_a_request_of_ambiguous_length_is_refused(daemon: DaemonProcess, smuggled: bytes) -> None:
    head = b"POST /health HTTP/1.1\r\nHost: h\r\n" + smuggled + b"\r\n"
    received = await answers(daemon, head + b"{}" + GET)
    assert received.startswith(b"HTTP/1.1 400 ")
    assert received.count(b"HTTP/1.1 ") == 1


@pytest.mark.parametrize("target", [b"http://[/ws", b"http://[::/ws", b"http://[x/ws"])
async def test_an_address_that_is_none_opens_no_websocket(daemon: DaemonProcess, target: bytes) -> None:
    upgrade = UPGRADE.replace(b"/ws", target) + b"Authorization: Bearer %b\r\n\r\n" % token().encode()
    assert (await answers(daemon, upgrade)).startswith(b"HTTP/1.1 400 ")


async def test_a_thousand_half_open_connections_cost_a_bounded_memory_and_no_one_elses_place(
    daemon: DaemonProcess, http: aiohttp.ClientSession, user: str
) -> None:
    count = min(1000, resource.getrlimit(resource.RLIMIT_NOFILE)[0] // 2)
    before = memory_bytes(daemon.process.pid)
    parts = (b"", b"GET /ws HTTP/1.1\r\nHost: h\r\nUpgr", chunked() + b"\r\n2\r\n{")
    writers = []
    for number in range(count):
        _, writer = await asyncio.open_connection("127.0.0.1", daemon.port)
        writer.write(parts[number % len(parts)])
        writers.append(writer)
    async with http.get(daemon.url + WATCHLIST, headers=bearer(user)) as response:
        assert (response.status, json.loads(await response.text())["revision"]) == (200, 0)
    assert memory_bytes(daemon.process.pid) < before + MEMORY_BYTES + count * 32 * 1024
    for writer in writers:
        writer.close()
    await asyncio.gather(*(writer.wait_closed() for writer in writers), return_exceptions=True)
