"""HTTP/1.1, byte by byte where the SDK would forgive: one connection, its requests in order, its limits."""

import asyncio
import contextlib
from collections.abc import Callable

import pytest
from msgspec import json

from pubnub_broker.exchange import Request, Response
from pubnub_broker.http import MAX_PIPELINED, HttpConnection, Reply
from pubnub_broker.server import BrokerServer
from tests.pubnub_broker.messages import SUBSCRIBE, Http, publish
from tests.timeouts import TIMEOUT_S


async def test_a_connection_lives_on_and_answers_in_order(broker: BrokerServer) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", broker.port)
    offer = "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n"
    for target, header in (("/time/0", offer), ("/nowhere", ""), ("/time/0", "Connection: close\r\n")):
        writer.write(f"GET {target} HTTP/1.1\r\nHost: broker\r\n{header}\r\n".encode())
    answers = (await asyncio.wait_for(reader.read(), TIMEOUT_S)).split(b"HTTP/1.1 ")
    writer.close()
    await writer.wait_closed()
    assert [answer[:3] for answer in answers] == [b"", b"200", b"404", b"200"]


async def test_a_connection_that_piles_up_requests_behind_a_poll_is_dropped(broker: BrokerServer) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", broker.port)
    writer.write(f"GET {SUBSCRIBE}/c/0?tt=17000000000000000 HTTP/1.1\r\n\r\n".encode())
    writer.write(b"GET /time/0 HTTP/1.1\r\n\r\n" * (MAX_PIPELINED + 1))
    with contextlib.suppress(ConnectionResetError):
        assert await asyncio.wait_for(reader.read(), TIMEOUT_S) == b""
    writer.close()


async def test_a_client_that_leaves_drops_its_poll(broker: BrokerServer, http: Http) -> None:
    cursor = await publish(http, "c", 0)
    others = asyncio.all_tasks()
    _, writer = await asyncio.open_connection("127.0.0.1", broker.port)
    writer.write(f"GET {SUBSCRIBE}/c/0?tt={cursor} HTTP/1.1\r\nHost: broker\r\n\r\n".encode())
    async with asyncio.timeout(TIMEOUT_S):
        while not (polls := asyncio.all_tasks() - others):
            await publish(http, "other", 0)

    writer.close()
    await writer.wait_closed()

    await asyncio.wait(polls, timeout=TIMEOUT_S)
    assert [poll.cancelled() for poll in polls] == [True]


async def test_a_request_line_of_64_kb_is_understood(http: Http) -> None:
    names = ",".join(f"user.{number:06}.sync" for number in range(3_800))
    assert len(names) > 64_000
    status, news = await http("GET", f"{SUBSCRIBE}/{names}/0?tt=0")
    assert (status, news["m"]) == (200, [])


@pytest.mark.parametrize("garbage", [b"hello\r\n\r\n", b"GET / HTTP/1.1\r\nContent-Length: x\r\n\r\n"])
async def test_what_is_not_http_is_refused_in_json(broker: BrokerServer, garbage: bytes) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", broker.port)
    writer.write(garbage)
    head, _, body = (await asyncio.wait_for(reader.read(), TIMEOUT_S)).partition(b"\r\n\r\n")
    writer.close()
    assert head.startswith(b"HTTP/1.1 400 ")
    assert json.decode(body)["message"] == "not an HTTP/1.1 request"


async def test_a_client_that_asks_before_it_sends_its_body_is_told_to_go_on(broker: BrokerServer) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", broker.port)
    writer.write(b"POST /publish/p/s/0/c/0 HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n")
    async with asyncio.timeout(TIMEOUT_S):
        assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        writer.write(b"1")
        assert (await reader.readline()) == b"HTTP/1.1 200 OK\r\n"
    writer.close()


@pytest.mark.parametrize("is_later", [False, True])
async def test_a_defect_of_the_broker_is_a_500_and_in_the_log(
    http_at: Callable[[int], Http], caplog: pytest.LogCaptureFixture, is_later: bool
) -> None:
    async def fail_later() -> Response:
        raise RuntimeError("defect")

    def fail(request: Request) -> Reply:
        if is_later:
            return fail_later()
        raise RuntimeError("defect")

    server = await asyncio.get_running_loop().create_server(lambda: HttpConnection(fail, set()), "127.0.0.1", 0)
    async with server:
        status, answer = await http_at(server.sockets[0].getsockname()[1])("GET", "/time/0")
    assert (status, answer["error"]) == (500, True)
    assert "RuntimeError: defect" in caplog.text


@pytest.mark.parametrize(
    ("target", "body", "headers", "status"),
    [
        ("/" + "x" * 140_000, b"", {}, 414),
        ("/", b"", {"X-Long": "x" * 140_000}, 431),
        ("/publish/p/s/0/c/0", b"x" * 1_100_000, {}, 413),
    ],
)
async def test_what_is_too_large_is_refused_in_json(
    http: Http, target: str, body: bytes, headers: dict[str, str], status: int
) -> None:
    answered, answer = await http("GET", target, body, headers)
    assert (answered, answer["status"], answer["error"]) == (status, status, True)
