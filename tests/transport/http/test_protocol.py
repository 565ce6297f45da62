import asyncio
import gc
import socket
from collections.abc import Awaitable, Callable
from contextlib import suppress
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from tests.timeouts import TIMEOUT_S
from tests.transport.http.raw_client import streams
from transport.http import protocol as http_protocol
from transport.http.http1.request_limits import MAX_ESCAPES, MAX_FIELDS, RequestLimits
from transport.http.protocol import HttpProtocol

Serve = Callable[..., Awaitable[int]]

SHORT = RequestLimits(head_s=0.05, body_s=0.05, second_look_s=0.05)


async def refusal(reader: asyncio.StreamReader) -> Any:
    """Read one answer that must be a problem and the end of the stream."""
    async with asyncio.timeout(TIMEOUT_S):
        head, body = (await reader.read()).split(b"\r\n\r\n", 1)
    assert b"application/problem+json" in head
    problem = msgspec.json.decode(body)
    assert head.startswith(b"HTTP/1.1 %d " % problem["status"])
    return problem


async def answer(reader: asyncio.StreamReader) -> bytes:
    """Read one answer of the plain application: its body, the number of bytes it was sent."""
    async with asyncio.timeout(TIMEOUT_S):
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200 ")
        return await reader.readexactly(1)


@pytest.mark.parametrize(
    ("sent", "part"),
    [
        (b"", "head"),
        (b"GET / HTTP/1.1\r\nHost: h\r\n", "head"),
        (b"GET /ws HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n", "head"),
        (b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nhalf", "body"),
        (b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n", "body"),
    ],
)
async def test_a_request_that_does_not_come_whole_is_given_up(serve: Serve, sent: bytes, part: str) -> None:
    async with streams(await serve(limits=SHORT)) as (reader, writer):
        writer.write(sent)
        problem = await refusal(reader)
    assert problem["status"] == 408
    assert part in problem["detail"]


async def test_a_head_that_keeps_dripping_is_given_up_too(serve: Serve) -> None:
    async with streams(await serve(limits=SHORT)) as (reader, writer):
        given_up = asyncio.create_task(refusal(reader))
        writer.write(b"GET / HTTP/1.1\r\n")
        while not given_up.done():
            writer.write(b"X-Drip: drop\r\n")
            await asyncio.sleep(0.01)
        assert given_up.result()["status"] == 408


async def test_an_idle_connection_between_requests_is_left_alone(serve: Serve) -> None:
    async with streams(await serve(limits=SHORT)) as (reader, writer):
        writer.write(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
        assert await answer(reader) == b"0"
        await asyncio.sleep(0.2)  # four times as long as a request may stay unfinished
        writer.write(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\n")
        writer.write(b"abc")
        assert await answer(reader) == b"3"


async def test_a_connection_between_requests_is_kept_for_a_while(serve: Serve) -> None:
    async with streams(await serve(keep_alive_s=0.2)) as (reader, writer):
        for _ in range(3):
            writer.write(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
            assert await answer(reader) == b"0"
        async with asyncio.timeout(TIMEOUT_S):
            assert await reader.read() == b""


async def test_an_answer_may_take_longer_than_a_connection_is_kept(serve: Serve) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await asyncio.sleep(0.3)
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"1")]})
        await send({"type": "http.response.body", "body": b"0"})

    async with streams(await serve(keep_alive_s=0.1, app=app)) as (reader, writer):
        for _ in range(2):
            writer.write(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
            assert await answer(reader) == b"0"


async def test_a_second_request_that_stays_unfinished_is_given_up(serve: Serve) -> None:
    async with streams(await serve(limits=SHORT)) as (reader, writer):
        writer.write(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
        assert await answer(reader) == b"0"
        writer.write(b"GET / HT")
        assert (await refusal(reader))["status"] == 408


@pytest.mark.parametrize("pieces", [1, 40])
async def test_large_headers_are_refused_at_once_or_in_pieces(serve: Serve, pieces: int) -> None:
    head = b"GET / HTTP/1.1\r\nHost: h\r\n" + b"X-Large: %b\r\n" % (b"x" * 1000) * 40 + b"\r\n"
    async with streams(await serve(limits=RequestLimits(head_bytes=32 * 1024))) as (reader, writer):
        for at in range(0, len(head), len(head) // pieces):
            writer.write(head[at : at + len(head) // pieces])
            await writer.drain()
        assert (await refusal(reader))["status"] == 431


async def test_an_answer_to_a_large_body_that_nobody_reads_is_followed_by_the_next_ones(serve: Serve) -> None:
    async def app(_scope: Any, receive: Any, send: Any) -> None:
        await receive()  # a first part of the body; then the connection is not read
        await asyncio.sleep(0.05)
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"1")]})
        await send({"type": "http.response.body", "body": b"0"})

    async with streams(await serve(app=app)) as (reader, writer):
        writer.write(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n" % LARGE + b"x" * LARGE)
        writer.write(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
        assert [await answer(reader) for _ in range(2)] == [b"0", b"0"]


async def test_the_heads_of_requests_one_after_the_other_are_not_added_up(serve: Serve) -> None:
    async with streams(await serve(limits=RequestLimits(head_bytes=1_000))) as (reader, writer):
        for _ in range(4):
            for part in (b"GET / HTTP/1.1\r\nHost: h\r\n", b"X-Large: %b\r\n" % (b"x" * 500), b"\r\n"):
                writer.write(part)
                await asyncio.sleep(0.01)
            assert await answer(reader) == b"0"


@pytest.mark.parametrize(
    ("start", "end"),
    [
        (b"", b"\r\n"),
        (b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n", b"\r\n"),
    ],
    ids=["headers", "trailers"],
)
async def test_more_fields_than_anybody_needs_are_refused(serve: Serve, start: bytes, end: bytes) -> None:
    field = b"a: b\r\n"
    has_own = 1 + start.count(b": ")
    async with streams(await serve()) as (reader, writer):
        writer.write(b"POST / HTTP/1.1\r\nHost: h\r\n" + start + field * (MAX_FIELDS - has_own) + end)
        await answer(reader)
        writer.write(b"POST / HTTP/1.1\r\nHost: h\r\n" + start + field * (MAX_FIELDS - has_own + 1) + end)
        problem = await refusal(reader)
    assert problem["status"] == 431
    assert str(MAX_FIELDS) in problem["detail"]


async def test_one_endless_header_is_refused_although_it_never_ends(serve: Serve) -> None:
    async with streams(await serve()) as (reader, writer):
        writer.write(b"GET / HTTP/1.1\r\nX-Endless: " + b"x" * 200_000)
        assert (await refusal(reader))["status"] == 431


async def test_headers_within_the_limit_and_a_large_body_are_accepted(serve: Serve) -> None:
    async with streams(await serve()) as (reader, writer):
        writer.write(b"POST / HTTP/1.1\r\nHost: h\r\nX-Large: " + b"x" * 30_000 + b"\r\nContent-Length: 90000\r\n\r\n")
        writer.write(b"y" * 90_000)
        assert await answer(reader) == b"9"


@pytest.mark.parametrize("sent", [b"garbage\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00", b"GET / HTTP/9\r\n\r\n"])
async def test_garbage_is_answered_with_a_problem(serve: Serve, sent: bytes) -> None:
    async with streams(await serve()) as (reader, writer):
        writer.write(sent)
        assert (await refusal(reader))["status"] == 400


@pytest.mark.parametrize("target", [b"http://host", b"http://host?limit=1", b"http://[::1"])
async def test_a_target_without_a_path_is_answered_with_a_problem(serve: Serve, target: bytes) -> None:
    async with streams(await serve()) as (reader, writer):
        writer.write(b"GET %b HTTP/1.1\r\nHost: h\r\n\r\n" % target)
        assert (await refusal(reader))["status"] == 400


async def test_whitespace_around_a_headers_value_is_no_part_of_it(serve: Serve) -> None:
    seen: dict[bytes, bytes] = {}

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.update(scope["headers"])
        await early_app(scope, receive, send)

    async with streams(await serve(app=app)) as (reader, writer):
        writer.write(b"GET / HTTP/1.1\r\nHost: h \t\r\nX-Words:\t two words \r\nX-None: \t \r\n\r\n")
        assert await answer(reader) == b"!"
    assert seen == {b"host": b"h", b"x-words": b"two words", b"x-none": b""}


@pytest.mark.parametrize("path", [b"/%b", b"/?a=%b"])
async def test_a_url_with_more_escapes_than_anybody_needs_is_refused(serve: Serve, path: bytes) -> None:
    async with streams(await serve(app=early_app)) as (reader, writer):
        writer.write(b"GET %b HTTP/1.1\r\nHost: h\r\n\r\n" % (path % (b"%41" * MAX_ESCAPES)))
        assert await answer(reader) == b"!"
        writer.write(b"GET %b HTTP/1.1\r\nHost: h\r\n\r\n" % (path % (b"%" * (MAX_ESCAPES + 1))))
        problem = await refusal(reader)
    assert problem["status"] == 400
    assert str(MAX_ESCAPES) in problem["detail"]


async def reading_app(scope: Any, receive: Any, send: Any) -> None:
    """Answer with the number of bytes in the body."""
    body = (await receive())["body"]
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"1")]})
    await send({"type": "http.response.body", "body": b"%d" % len(body)})


@pytest.mark.parametrize(("version", "said"), [(b"1.0", b"HTTP/1.1 200 "), (b"1.1", b"HTTP/1.1 100 ")])
async def test_only_a_client_that_can_know_it_is_told_to_continue(serve: Serve, version: bytes, said: bytes) -> None:
    async with streams(await serve(reading_app)) as (reader, writer):
        writer.write(b"POST / HTTP/%b\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n{}" % version)
        async with asyncio.timeout(TIMEOUT_S):
            assert (await reader.readuntil(b"\r\n\r\n")).startswith(said)


async def early_app(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"1")]})
    await send({"type": "http.response.body", "body": b"!"})


@pytest.mark.parametrize("rest", [b"", b"zz\r\n"], ids=["nothing", "garbage"])
async def test_a_request_that_was_answered_before_its_body_goes_wrong_gets_no_second_answer(
    serve: Serve, rest: bytes
) -> None:
    async with streams(await serve(limits=SHORT, app=early_app)) as (reader, writer):
        writer.write(b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n")
        assert await answer(reader) == b"!"
        writer.write(rest)
        async with asyncio.timeout(TIMEOUT_S):
            assert await reader.read() == b""


async def test_the_application_of_a_request_given_up_learns_of_it(serve: Serve) -> None:
    told = asyncio.get_running_loop().create_future()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        while (message := await receive())["type"] == "http.request":
            pass
        await send({"type": "http.response.start", "status": 200, "headers": []})
        told.set_result(message["type"])

    async with streams(await serve(limits=SHORT, app=app)) as (reader, writer):
        writer.write(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nhalf")
        assert (await refusal(reader))["status"] == 408
        assert await asyncio.wait_for(told, TIMEOUT_S) == "http.disconnect"


async def test_a_connection_that_is_lost_early_leaves_no_timer(serve: Serve) -> None:
    async with streams(await serve(limits=SHORT)) as (reader, writer):
        writer.write(b"GET / HT")
        writer.write_eof()
        async with asyncio.timeout(TIMEOUT_S):
            assert await reader.read() == b""


LARGE = 8 * 2**20
"""More than the kernel takes for a client that does not read."""


async def large_app(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % LARGE)]})
    await send({"type": "http.response.body", "body": b"x" * LARGE})


def raw_client(port: int, sent: bytes) -> socket.socket:
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 * 1024)
    client.connect(("127.0.0.1", port))
    client.sendall(sent)
    client.setblocking(False)
    return client


@pytest.mark.parametrize("head", [b"", b"Connection: close\r\n"], ids=["kept alive", "closed"])
async def test_a_client_that_does_not_read_its_answer_is_given_up(
    serve: Serve, head: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = asyncio.Event()
    connection_lost = HttpProtocol.connection_lost

    def note_end(protocol: HttpProtocol, exc: Exception | None) -> None:
        connection_lost(protocol, exc)
        ended.set()

    monkeypatch.setattr(HttpProtocol, "connection_lost", note_end)
    port = await serve(limits=RequestLimits(answer_s=0.1), app=large_app)
    with raw_client(port, b"GET / HTTP/1.1\r\nHost: h\r\n" + head + b"\r\n") as client:
        async with asyncio.timeout(TIMEOUT_S):
            await ended.wait()
        received = 0
        with suppress(ConnectionResetError):
            while part := await asyncio.get_running_loop().sock_recv(client, 2**20):
                received += len(part)
    assert received < LARGE


def living() -> list[HttpProtocol]:
    return [one for one in gc.get_objects() if isinstance(one, HttpProtocol)]


async def test_requests_that_wait_when_their_client_goes_away_do_not_stay(serve: Serve) -> None:
    port = await serve(app=large_app)
    gc.disable()  # what is left must not even be a cycle: collections of what is old are rare
    gc.freeze()  # what other tests have left is not looked at
    try:
        with raw_client(port, b"GET / HTTP/1.1\r\nHost: h\r\n\r\n" * 9):
            async with asyncio.timeout(TIMEOUT_S):
                while not any(protocol.pipeline for protocol in living()):
                    await asyncio.sleep(0.01)
        async with asyncio.timeout(TIMEOUT_S):
            while living():
                await asyncio.sleep(0.01)
    finally:
        gc.enable()


async def test_a_client_that_reads_slowly_gets_all_of_its_answer(serve: Serve) -> None:
    port = await serve(limits=RequestLimits(answer_s=0.5), app=large_app)
    received, loop = 0, asyncio.get_running_loop()
    with raw_client(port, b"GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n") as client:
        ends_s = loop.time() + 0.6  # after the first look at what it has read
        while part := await loop.sock_recv(client, 2**18):
            received += len(part)
            if loop.time() < ends_s:
                await asyncio.sleep(0.02)
    assert received > LARGE
    assert loop.time() >= ends_s


@pytest.fixture
def waiting(monkeypatch: pytest.MonkeyPatch) -> list[Callable[[], None]]:
    """What waits for its turn, as in a storm: none of it runs by itself."""
    works: list[Callable[[], None]] = []
    monkeypatch.setattr(
        http_protocol, "time_sliced_queue", lambda: SimpleNamespace(run=lambda work, _: works.append(work))
    )
    return works


async def test_what_comes_before_its_turn_is_not_read_without_end(
    serve: Serve, waiting: list[Callable[[], None]]
) -> None:
    """In a storm a new connection waits; meanwhile two reads are kept, and the rest stays in the network."""
    async with streams(await serve()) as (reader, writer):
        writer.write(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n" % LARGE + b"x" * LARGE)
        unsent = [writer.transport.get_write_buffer_size()]
        while len(unsent) < 20 or unsent[-1] != unsent[-20]:
            await asyncio.sleep(0.01)
            unsent.append(writer.transport.get_write_buffer_size())
        assert unsent[-1] > 0
        (parse,) = waiting
        parse()
        async with asyncio.timeout(TIMEOUT_S):
            assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200 ")


async def test_a_request_whose_head_came_in_parts_before_its_turn_goes_on_with_its_body(
    serve: Serve, waiting: list[Callable[[], None]]
) -> None:
    async with streams(await serve()) as (reader, writer):
        for part in (b"POST / HTTP/1.1\r\n", b"Host: h\r\nContent-Length: 4\r\n\r\n"):
            writer.write(part)
            await asyncio.sleep(0.05)
        (parse,) = waiting
        parse()
        writer.write(b"body")
        async with asyncio.timeout(TIMEOUT_S):
            assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200 ")
