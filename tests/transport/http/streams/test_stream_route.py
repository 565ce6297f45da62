"""A device's stream and its actor together, over real connections, on both event loops (see ../conftest.py)."""

import asyncio
import logging
import socket
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from typing import Any

import aiohttp
import pytest
from msgspec import Struct

from actors.connection.deps import ConnectionDeps
from actors.connection.sync_websocket import SyncWebSocket
from actors.messages.close_codes import DISCONNECTED
from actors.messages.connection import ConnectionInfo, Deliver, Disconnect, Listed
from actors.metrics import StreamMetrics
from tests.daemon import SECRET, bearer, token
from tests.fakes.late_keys import LateKeys
from tests.fakes.lone_watchlist import LoneWatchlist, part
from tests.fakes.slow_device import small_socket
from tests.server_sent_events import COMMENT, EventReader
from tests.timeouts import TIMEOUT_S
from tests.transport.conftest import Serve
from tests.transport.http.lone_api import api_deps
from tests.transport.http.raw_client import RawConnection, connected
from transport.access.authentication import Authenticator
from transport.access.limits import Limits, Quotas
from transport.access.origins import AllowedOrigins
from transport.access.signing_keys import SigningKeys, shared_secret
from transport.connection.device_connection import DeviceDeps
from transport.http.api import http_api
from transport.http.http1.request_limits import RequestLimits
from transport.http.streams.stream_route import STREAM, stream_routes
from transport.websocket.device_codec import encode
from transport.wire.frames import frame

PAGE = "https://tv.example"
PROMISED = {
    "Content-Type": "text/event-stream",
    "Cache-Control": "no-store, no-transform",
    "X-Accel-Buffering": "no",
}


class Service(Struct, frozen=True, eq=False):
    """A server of streams, what stands behind it, and a client of it that names paths only."""

    port: int
    watchlist: LoneWatchlist
    metrics: StreamMetrics
    closes: Counter[int]
    http: aiohttp.ClientSession

    def get(self, query: str = "", **headers: str) -> Any:
        return self.http.get(STREAM + query, headers=bearer() | headers)

    async def next_joined(self) -> ConnectionInfo:
        return await asyncio.wait_for(self.watchlist.joined.get(), TIMEOUT_S)

    async def next_left(self) -> ConnectionInfo:
        return await asyncio.wait_for(self.watchlist.left.get(), TIMEOUT_S)


Start = Callable[..., Awaitable[Service]]


@pytest.fixture
async def start(serve: Serve) -> AsyncIterator[Start]:
    sessions: list[aiohttp.ClientSession] = []

    async def start(
        limits: Limits | None = None, keys: SigningKeys | None = None, answer_s: float = 30.0, **heartbeat: Any
    ) -> Service:
        watchlist, metrics = LoneWatchlist(), StreamMetrics()
        loop = asyncio.get_running_loop()
        actors = ConnectionDeps(tell_watchlist=watchlist.tell, frame=encode, **{"now_s": loop.time, **heartbeat})
        devices = DeviceDeps(
            authenticator=Authenticator(keys or shared_secret(SECRET)),
            quotas=Quotas(limits or Limits()),
            spawn=partial(SyncWebSocket.launch, actors),
            allowed_origins=AllowedOrigins([PAGE]),
            reconnect_spread_ms=100,
        )
        api = http_api(api_deps(allowed_origins=(PAGE,)), stream_routes(devices, metrics))
        port = await serve(app=api.app, limits=RequestLimits(answer_s=answer_s, second_look_s=0.05))
        sessions.append(aiohttp.ClientSession(f"http://127.0.0.1:{port}"))
        return Service(port, watchlist, metrics, actors.closes, sessions[-1])

    yield start
    for session in sessions:
        await session.close()


@pytest.fixture
async def service(start: Start) -> Service:
    return await start()


def update(revision: int, size: int = 1) -> Deliver:
    return Deliver(revision, (frame(b'{"revision":%d,"text":"%b"}' % (revision, b"x" * size)),))


def request(query: str = "", *, version: str = "1.1", method: str = "GET") -> bytes:
    return (f"{method} {STREAM}{query} HTTP/{version}\r\nHost: h\r\nAuthorization: Bearer {token()}\r\n\r\n").encode()


async def head_of(raw: RawConnection) -> str:
    async with asyncio.timeout(TIMEOUT_S):
        return (await raw.reader.readuntil(b"\r\n\r\n")).decode()


async def test_head_and_comment_leave_at_once_and_messages_as_they_come(service: Service) -> None:
    async with service.get() as response:
        assert response.status == 200
        assert {name: response.headers[name] for name in PROMISED} == PROMISED
        events, connection = EventReader(response), await service.next_joined()
        assert (await events.any()) == COMMENT
        assert service.metrics.open == {"stream": 1, "poll": 0}
        for revision in (1, 2):
            connection.tell(update(revision))
            assert (await events.next()).content["revision"] == revision


async def test_a_stream_that_resumes_begins_with_what_it_missed(service: Service) -> None:
    service.watchlist.missed = (frame(b'{"revision":4}'), frame(b'{"revision":5}'))
    async with service.get("?since=3") as response:
        events = EventReader(response)
        assert [(await events.next()).content["revision"] for _ in range(3)] == [5, 4, 5]


async def test_a_client_that_goes_away_is_let_go_at_once(start: Start) -> None:
    service = await start(limits=Limits(max_connections=1))
    async with service.get():
        connection = await service.next_joined()
        async with service.get() as refused:
            assert (refused.status, (await refused.json())["code"]) == (503, "quota_exceeded")
            assert "Retry-After" in refused.headers
    assert await service.next_left() is connection
    async with service.get("?since=0&poll=0") as response:
        assert response.status == 200
        await response.read()
    assert service.metrics.open == {"stream": 0, "poll": 0}
    assert service.metrics.opened == {"stream": 1, "poll": 1}


async def test_polls_say_what_there_is_and_leave_their_connection_to_the_next(service: Service) -> None:
    async with connected(service.port) as raw:
        for missed, messages in (((frame(b'{"revision":1}'),), 2), ((), 1)):
            service.watchlist.missed = missed
            await raw.send(request("?since=0&poll=0"))
            assert "transfer-encoding: chunked" in await head_of(raw)
            async with asyncio.timeout(TIMEOUT_S):
                body = (await raw.reader.readuntil(b"\r\n0\r\n\r\n")).decode()
            assert body.count('data: {"') == messages + 1
            assert 'event: close\ndata: {"code":1000,"reason":"poll"}' in body
            await service.next_left()


async def test_a_poll_waits_and_ends_with_the_first_change(service: Service) -> None:
    async with service.get("?since=0&poll=55") as response:
        events, connection = EventReader(response), await service.next_joined()
        assert (await events.next()).content["type"] == "resumed"
        connection.tell(update(1))
        said = await events.rest()
    assert [event.name for event in said] == ["message", "close"]
    assert said[0].content["revision"] == 1
    assert said[1].content == {"code": 1000, "reason": "poll"}


async def test_who_asks_for_the_head_gets_it_and_opens_nothing(service: Service) -> None:
    async with service.http.head(STREAM, headers=bearer()) as response:
        assert response.status == 200
        assert {name: response.headers[name] for name in PROMISED} == PROMISED
        assert "Content-Length" not in response.headers
    async with service.http.options(STREAM) as response:
        assert response.headers["Allow"] == "GET, HEAD, OPTIONS"
    assert service.metrics.opened == {"stream": 0, "poll": 0}


async def test_a_page_of_an_allowed_origin_sees_its_stream_and_others_are_refused(service: Service) -> None:
    async with service.get(Origin=PAGE) as response:
        assert response.headers["Access-Control-Allow-Origin"] == PAGE
    async with service.get(Origin="https://evil.example") as response:
        assert (response.status, response.content_type) == (403, "application/problem+json")


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("?since=x", "since: "),
        ("?since=0&poll=56", "poll: must be a whole number of seconds from 0 to 55"),
        ("?since=0&poll=-1", "poll: must be"),
        ("?since=0&poll=1&poll=2", "poll: must be given once"),
        ("?poll=5", "poll: needs since"),
        ("?since=0&access_token=x", "token in the URL"),
    ],
)
async def test_a_wrong_query_is_named(service: Service, query: str, names: str) -> None:
    async with service.get(query) as response:
        assert response.status == 400
        assert names in (await response.json())["detail"]


async def test_a_stream_that_resumes_counts_as_a_read(start: Start) -> None:
    service = await start(limits=Limits(reads_per_second=0.01, read_burst=1))
    for status in (200, 429):
        async with service.get("?since=0&poll=0") as response:
            assert response.status == status


async def test_http_1_0_has_no_chunks_and_the_answer_ends_with_its_connection(service: Service) -> None:
    async with connected(service.port) as raw:
        await raw.send(request("?since=0&poll=0", version="1.0"))
        head, _, body = (await raw.rest()).partition(b"\r\n\r\n")
    assert b"transfer-encoding" not in head
    assert b"connection: close" in head
    assert body.startswith(b":\n\ndata: {")
    assert body.endswith(b'event: close\ndata: {"code":1000,"reason":"poll"}\n\n')


async def test_an_operator_closes_it_in_words(service: Service) -> None:
    async with service.get() as response:
        events, connection = EventReader(response), await service.next_joined()
        connection.tell(Disconnect(DISCONNECTED))
        (close,) = await events.rest()
    assert (close.name, close.content["code"]) == ("close", 4004)
    assert await service.next_left() is connection


async def test_a_stream_ends_with_its_token(start: Start) -> None:
    ahead_s, loop = [0.0], asyncio.get_running_loop()
    service = await start(now_s=lambda: loop.time() + ahead_s[0], heartbeat_interval_s=0.01, heartbeat_timeout_s=9_000)
    async with service.get() as response:
        events = EventReader(response)
        await service.next_joined()
        assert [await events.any() for _ in range(3)] == [COMMENT] * 3
        ahead_s[0] = 3_700  # the token is good for an hour
        (close,) = await events.rest()
    assert (close.name, close.content["code"]) == ("close", 4500)


async def test_comments_keep_it_alive_and_who_confirms_them_stays(start: Start) -> None:
    service = await start(heartbeat_interval_s=0.02, heartbeat_timeout_s=0.06)
    async with service.get() as response:
        events = EventReader(response)
        assert [await events.any() for _ in range(20)] == [COMMENT] * 20


def unchunked(body: bytes) -> bytes:
    """Return what is in the chunks that are whole."""
    content = b""
    while True:
        size, _, rest = body.partition(b"\r\n")
        if len(rest) < int(size or b"1", 16) + 2:
            return content
        content, body = content + rest[: int(size, 16)], rest[int(size, 16) + 2 :]


async def test_a_list_leaves_in_slices_as_it_is_taken(service: Service) -> None:
    first, second = b'{"items":["' + b"x" * 1_000_000, b'"]}'
    service.watchlist.parts = [part(first, opens=True, closes=False)]
    peer = small_socket()
    peer.connect(("127.0.0.1", service.port))
    peer.sendall(request("?since=0"))
    reader, writer = await asyncio.open_connection(sock=peer, limit=4096)
    connection = await service.next_joined()
    async with asyncio.timeout(TIMEOUT_S):
        await reader.readuntil(b"\r\n\r\n")
        body = await reader.readuntil(b"resumed")
        assert service.watchlist.asked_on.empty()  # as much is written of the part as the connection takes
        while service.watchlist.asked_on.empty():
            body += await reader.read(100_000)
        connection.tell(Listed(part(second, opens=False, closes=True), 9))
        while not body.endswith(b"\n\n\r\n"):
            body += await reader.read(100_000)
    assert unchunked(body).endswith(b"\n\ndata: " + first + second + b"\n\n")
    writer.transport.abort()


async def test_a_device_that_does_not_read_is_bounded_as_a_websocket_is(service: Service) -> None:
    peer = small_socket()
    peer.connect(("127.0.0.1", service.port))
    peer.sendall(request())
    connection = await service.next_joined()
    for revision in range(1, 400):
        connection.tell(update(revision, 8_000))
    assert await service.next_left() is connection
    assert service.closes == {4002: 1}
    peer.close()


async def test_a_device_that_ends_its_half_and_does_not_read_is_cut_off(start: Start) -> None:
    service = await start(answer_s=0.05, unread_timeout_s=0.05)
    service.watchlist.parts = [part(b"x" * 8_000_000, opens=True, closes=True)]
    peer = small_socket()
    peer.connect(("127.0.0.1", service.port))
    peer.sendall(request("?since=0"))
    connection = await service.next_joined()
    peer.shutdown(socket.SHUT_WR)
    assert await service.next_left() is connection
    async with asyncio.timeout(TIMEOUT_S):
        while service.metrics.open["stream"]:
            await asyncio.sleep(0.01)
    peer.close()


async def test_a_device_that_is_closed_and_does_not_read_that_is_cut_off(start: Start) -> None:
    service = await start(answer_s=0.1)
    peer = small_socket()
    peer.connect(("127.0.0.1", service.port))
    peer.sendall(request())
    connection = await service.next_joined()
    for revision in range(1, 400):  # more than is kept for who does not read
        connection.tell(update(revision, 8_000))
    assert await service.next_left() is connection
    async with asyncio.timeout(TIMEOUT_S):
        while service.metrics.open["stream"]:
            await asyncio.sleep(0.01)
    peer.close()


async def test_who_sends_a_request_behind_a_stream_loses_it(service: Service) -> None:
    async with connected(service.port) as raw:
        await raw.send(request())
        connection = await service.next_joined()
        await head_of(raw)
        await raw.send(request("?since=0&poll=0"))
        assert await raw.rest() == b"3\r\n:\n\n\r\n"
    assert await service.next_left() is connection
    assert service.metrics.opened["poll"] == 0


@pytest.mark.parametrize("query", ["", "?since=0&poll=55"])
async def test_no_stream_is_opened_for_a_client_that_has_sent_a_request_behind_it_already(
    service: Service, query: str
) -> None:
    async with connected(service.port) as raw:
        await raw.send(request(query) + request("?since=0&poll=0"))
        answer = await raw.answer()
        assert await raw.rest() == b""
    assert (answer.status, answer.headers["connection"]) == (400, "close")
    assert not service.metrics.opened.total()


async def test_a_client_that_is_gone_when_its_key_is_there_opens_nothing(start: Start) -> None:
    keys = LateKeys(shared_secret(SECRET))
    service = await start(keys=keys)
    async with connected(service.port) as raw:
        await raw.send(request())
        await keys.asked.wait()
    for _ in range(2):  # its end was read before these are
        async with service.http.get("/health") as response:
            assert response.status == 200
    keys.answered.set()
    async with service.get():
        await service.next_joined()
    assert service.metrics.opened["stream"] == 1


async def test_who_asks_and_hangs_up_at_once_is_nobodys_error(
    service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(20):
        reader, writer = await asyncio.open_connection("127.0.0.1", service.port)
        writer.write(request())
        writer.close()
        async with asyncio.timeout(TIMEOUT_S):
            while await reader.read(65_536):
                pass
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING] == []
