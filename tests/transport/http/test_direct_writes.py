"""A write is answered the same whether the protocol does it itself or the application: to the byte, and in order."""

import asyncio
import gc
import json
import logging
import sys
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from typing_extensions import override

from actors.messages.change import Change
from actors.messages.journal import DeviceWrite, Outcome, Status
from tests.daemon import FILM, SECRET, WATCHLIST, DaemonProcess, StartDaemon, bearer, token
from tests.fakes.late_keys import LateKeys
from tests.processes import frozen, store_process
from tests.timeouts import TIMEOUT_S
from tests.transport.http.conftest import ServeApi
from tests.transport.http.lone_api import api_deps
from tests.transport.http.raw_client import connected
from transport.access.authentication import Authenticator, Claims
from transport.access.limits import Limits
from transport.access.minting import mint
from transport.access.signing_keys import shared_secret
from transport.http.direct_writes import DirectWrite
from transport.http.http1 import phases
from transport.http.http1.request_limits import MAX_PIPELINED, RequestLimits
from transport.http.protocol import HttpProtocol

OPERATIONS = "/api/v1/sync/operations"
LISTS = "/api/v1/sync/lists"
PAGE = "https://tv.example"
AUTHORIZED = f"Authorization: Bearer {token()}\r\n"
GET = b"GET /health HTTP/1.1\r\nHost: h\r\n\r\n"
EXISTING = Outcome(status=Status.EXISTING)
LATER = Outcome(status=Status.REFUSED, reason="It is away.", retry_after_s=2.0)


def write(content: str = FILM) -> bytes:
    return json.dumps({"operation": "add", "content_id": content}).encode()


def bulk(*operations: Any) -> bytes:
    return json.dumps({"operations": operations}).encode()


def post(
    body: bytes, headers: str = AUTHORIZED, *, path: str = WATCHLIST, way: str = "", version: str = "1.1"
) -> bytes:
    length = f"Content-Length: {len(body)}\r\n"
    return f"POST {path}{way} HTTP/{version}\r\nHost: h\r\n{length}{headers}\r\n".encode() + body


def chunks(*parts: bytes, headers: str = AUTHORIZED, path: str = WATCHLIST, way: str = "") -> bytes:
    head = f"POST {path}{way} HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n{headers}\r\n".encode()
    return head + b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in (*parts, b""))


@pytest.fixture
def protocols(monkeypatch: pytest.MonkeyPatch) -> list[HttpProtocol]:
    """Of the service's connections, in the order in which they were made."""
    made: list[HttpProtocol] = []
    connection_made = HttpProtocol.connection_made

    def note(protocol: HttpProtocol, transport: asyncio.Transport) -> None:
        made.append(protocol)
        connection_made(protocol, transport)

    monkeypatch.setattr(HttpProtocol, "connection_made", note)
    return made


def content(digit: int) -> str:
    return FILM[:-1] + str(digit)


def decide(told: DeviceWrite) -> None:
    """Answer at once, according to the content's last digit."""
    assert told.answer is not None
    assert isinstance(told.change, Change)
    digit = told.change.content_id[-1]
    if digit == "9":
        raise ZeroDivisionError
    outcomes = {
        "1": EXISTING,
        "2": Outcome(status=Status.NOT_FOUND),
        "3": Outcome(status=Status.REFUSED, reason="No."),
        "4": LATER,
    }
    told.answer(outcomes[digit])


def application_tasks() -> list[asyncio.Task[Any]]:
    """Return the requests that the application is answering."""
    return [task for task in asyncio.all_tasks() if "run_asgi" in repr(task.get_coro())]


REQUESTS: dict[str, Callable[[str], bytes]] = {
    "accepted": lambda way: post(write(), way=way),
    "not-found": lambda way: post(write(content(2)), way=way),
    "refused": lambda way: post(write(content(3)), way=way),
    "later": lambda way: post(write(content(4)), way=way),
    "our-error": lambda way: post(write(content(9)), way=way),
    "last": lambda way: post(write(), AUTHORIZED + "Connection: close\r\n", way=way),
    "refused-last": lambda way: post(b"{", AUTHORIZED + "Connection: close\r\n", way=way),
    "of-a-page": lambda way: post(write(), AUTHORIZED + f"Origin: {PAGE}\r\n", way=way),
    "refused-to-a-page": lambda way: post(b"[]", AUTHORIZED + f"Origin: {PAGE}\r\n", way=way),
    "of-another-page": lambda way: post(write(), AUTHORIZED + "Origin: https://evil.example\r\n", way=way),
    "no-token": lambda way: post(write(), "", way=way),
    "bad-token": lambda way: post(write(), "Authorization: Bearer x\r\n", way=way),
    "expired-token": lambda way: post(write(), f"Authorization: {bearer(ttl_s=-100)['Authorization']}\r\n", way=way),
    "two-tokens": lambda way: post(write(), AUTHORIZED * 2, way=way),
    "no-json": lambda way: post(b"{", way=way),
    "no-body": lambda way: post(b"", way=way),
    "wrong-field": lambda way: post(write("123"), way=way),
    "announced-too-large": lambda way: post(b" " * 20_000, way=way),
    "grown-too-large": lambda way: chunks(*[b" " * 1000] * 20, way=way),
    "compressed": lambda way: post(write(), AUTHORIZED + "Content-Encoding: gzip\r\n", way=way),
    "xml": lambda way: post(write(), AUTHORIZED + "Content-Type: application/xml\r\n", way=way),
    "in-chunks": lambda way: chunks(write()[:5], write()[5:], way=way),
    "byte-by-byte": lambda way: chunks(*(bytes((byte,)) for byte in write()), way=way),
    "bulk": lambda way: post(
        bulk(*({"operation": "add", "content_id": content(digit)} for digit in (1, 2, 3)), {}), path=OPERATIONS, way=way
    ),
    "bulk-later": lambda way: post(
        bulk(*({"operation": "add", "content_id": content(digit)} for digit in (1, 4, 1))), path=OPERATIONS, way=way
    ),
    "bulk-of-nothing": lambda way: post(bulk(), path=OPERATIONS, way=way),
    "bulk-of-nonsense": lambda way: post(bulk(1, None, "x"), path=OPERATIONS, way=way),
    "to-a-list": lambda way: post(write(), path=f"{LISTS}/holiday", way=way),
    "to-no-list": lambda way: post(write(), path=f"{LISTS}/a.b", way=way),
    "to-the-star-of-its-route": lambda way: post(write(), path=f"{LISTS}/*", way=way),
    "large-bulk": lambda way: post(bulk(*[{"x": "y" * 200}] * 400), path=OPERATIONS, way=way),
    "h2c": lambda way: post(
        write(), AUTHORIZED + "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: A\r\n", way=way
    ),
}


@pytest.mark.parametrize("request_to", REQUESTS.values(), ids=REQUESTS)
async def test_both_ways_answer_alike_to_the_byte(serve_api: ServeApi, request_to: Callable[[str], bytes]) -> None:
    port = await serve_api(api_deps(write=decide, allowed_origins=(PAGE,)))
    received: list[bytes] = []
    for way in ("", "?asgi"):
        async with connected(port) as client:
            await client.send(request_to(way) + GET.replace(b"Host", b"Connection: close\r\nHost"))
            received.append(await client.rest())
    direct, asgi = received
    assert direct == asgi
    closes_itself = b"Connection: close" in request_to("")
    assert direct.count(b"HTTP/1.1 ") == (1 if closes_itself else 2)
    assert direct.count(b"connection: close\r\n") == 1


@pytest.mark.parametrize("size", [1, 7, 50, 1000])
async def test_a_write_may_come_in_pieces(serve_api: ServeApi, way: str, size: int) -> None:
    sent = post(write(), way=way)
    async with connected(await serve_api(api_deps(write=decide))) as client:
        client.writer.transport.get_extra_info("socket").setsockopt(6, 1, 1)  # TCP_NODELAY: each piece is a packet
        for at in range(0, len(sent), size):
            client.writer.write(sent[at : at + size])
            await asyncio.sleep(0)
        assert (await client.answer()).status == 200


class AskedAuthenticator(Authenticator):
    """Says when it was asked."""

    def __init__(self, revoked_token_ids: set[str]) -> None:
        super().__init__(shared_secret(SECRET), revoked_token_ids=revoked_token_ids)
        self.asked = asyncio.Event()

    @override
    def authenticate(self, token: str) -> Claims:
        self.asked.set()
        return super().authenticate(token)


async def test_a_write_whose_token_was_revoked_before_its_body_came_is_not_done(serve_api: ServeApi, way: str) -> None:
    revoked, written = set[str](), list[DeviceWrite]()
    authenticator = AskedAuthenticator(revoked)
    stolen = f"Authorization: Bearer {mint(SECRET, 'ann', 'phone', 3600, token_id='stolen')}\r\n"
    sent = post(write(), stolen, way=way)
    async with connected(await serve_api(api_deps(write=written.append, authenticator=authenticator))) as client:
        client.writer.write(sent[:-1])
        await asyncio.wait_for(authenticator.asked.wait(), TIMEOUT_S)
        revoked.add("stolen")
        client.writer.write(sent[-1:])
        answer = await client.answer()
    assert (answer.status, answer.json()["detail"]) == (401, "The token was revoked.")
    assert not written


class Told:
    """The writes that were told, none of which is answered yet."""

    def __init__(self) -> None:
        self._queue: asyncio.Queue[DeviceWrite] = asyncio.Queue()
        self.tell = self._queue.put_nowait
        self.empty = self._queue.empty

    async def next(self) -> Callable[[Outcome], None]:
        """Return how to answer the next one."""
        async with asyncio.timeout(TIMEOUT_S):
            told = await self._queue.get()
        assert told.answer is not None
        return told.answer


async def test_a_write_that_waits_for_its_answer_has_no_task(serve_api: ServeApi, way: str) -> None:
    told = Told()
    async with connected(await serve_api(api_deps(write=told.tell))) as client:
        await client.send(post(write(), way=way))
        answer = await told.next()
        assert len(application_tasks()) == (1 if way else 0)
        answer(EXISTING)
        assert (await client.answer()).status == 200


UNUSUAL: dict[str, Callable[[], Sequence[bytes]]] = {
    "a query": lambda: [post(write(), way="?x=1")],
    "HTTP/1.0": lambda: [post(write(), version="1.0")],
    "an encoded path": lambda: [post(write(), path=WATCHLIST.replace("watch", "%77atch"))],
    "a whole URL": lambda: [post(write(), path=f"http://h{WATCHLIST}")],
}


@pytest.mark.parametrize("packets", UNUSUAL.values(), ids=UNUSUAL)
async def test_what_is_unusual_is_left_to_the_application(
    serve_api: ServeApi, packets: Callable[[], Sequence[bytes]]
) -> None:
    told = Told()
    async with connected(await serve_api(api_deps(write=told.tell))) as client:
        await client.send(*packets())
        answer = await told.next()
        assert len(application_tasks()) == 1
        answer(EXISTING)
        assert (await client.answer()).status == 200


async def test_a_client_that_asks_for_leave_gets_it_from_the_application(serve_api: ServeApi) -> None:
    told = Told()
    head, body = post(write(), AUTHORIZED + "Expect: 100-continue\r\n").split(b"\r\n\r\n")
    async with connected(await serve_api(api_deps(write=told.tell))) as client:
        await client.send(head + b"\r\n\r\n")
        async with asyncio.timeout(TIMEOUT_S):
            assert await client.reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        await client.send(body)
        answer = await told.next()
        answer(EXISTING)
        assert (await client.answer()).status == 200


async def test_only_a_key_that_must_be_fetched_needs_the_application(serve_api: ServeApi) -> None:
    told = Told()
    keys = LateKeys(shared_secret(SECRET))
    keys.answered.set()
    deps = api_deps(write=told.tell, authenticator=Authenticator(keys))
    async with connected(await serve_api(deps)) as client:
        for tasks in (1, 0):
            await client.send(post(write()))
            answer = await told.next()
            assert len(application_tasks()) == tasks
            answer(EXISTING)
            assert (await client.answer()).status == 200


async def test_what_is_pipelined_behind_a_write_is_answered_behind_it(serve_api: ServeApi, way: str) -> None:
    told = Told()
    first, *later = [post(write(content(digit)), way=way) for digit in (1, 2, 3)]
    async with connected(await serve_api(api_deps(write=told.tell))) as client:
        await client.send(first + GET + later[0], later[1] + GET)
        for digit in (1, 2, 3):
            answer = await told.next()
            assert told.empty()  # the next one waits for its turn
            answer(EXISTING)
            assert (await client.answer()).json()["content_id"] == content(digit)
            if digit != 2:
                assert (await client.answer()).json()["status"] == "healthy"


async def test_what_piles_up_behind_a_write_is_refused(
    serve_api: ServeApi, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(phases, "LINGER_S", 0.1)
    told = Told()
    async with connected(await serve_api(api_deps(write=told.tell))) as client:
        await client.send(post(write(), way=way) + GET * (MAX_PIPELINED + 1))
        assert (await client.answer()).status == 400
        assert await client.rest() == b""
    if not told.empty():
        (await told.next())(EXISTING)


@pytest.mark.parametrize("body", [write(), b"{"], ids=["accepted", "refused"])
async def test_what_follows_the_last_request_is_not_run(serve_api: ServeApi, way: str, body: bytes) -> None:
    written: list[DeviceWrite] = []

    def note(told: DeviceWrite) -> None:
        written.append(told)
        decide(told)

    last, later = post(body, AUTHORIZED + "Connection: close\r\n", way=way), post(write(content(2)), way=way)
    for packets in ([last + later], [last, later]):
        written.clear()
        async with connected(await serve_api(api_deps(write=note))) as client:
            await client.send(*packets)
            await client.answer()
            assert await client.rest() == b""
        assert [told.change.content_id for told in written if isinstance(told.change, Change)] == (
            [FILM] if body == write() else []
        )


async def test_what_follows_a_request_that_a_stop_made_the_last_is_not_run(
    serve_api: ServeApi, protocols: list[HttpProtocol], way: str
) -> None:
    """Not even when it comes in the same read, of which a piece at a time is parsed."""
    told = Told()
    sent = post(b" " * (1_000 + RequestLimits().head_bytes), path=OPERATIONS, way=way)
    start, rest = sent[: -RequestLimits().head_bytes], sent[-RequestLimits().head_bytes :]
    async with connected(await serve_api(api_deps(write=told.tell))) as client:
        await client.send(start)
        async with asyncio.timeout(TIMEOUT_S):
            while not protocols or protocols[0].cycle is None:
                await asyncio.sleep(0)
        protocols[0].shutdown()
        await client.send(rest + post(write(), way=way))
        answer = await client.answer()
        assert (answer.status, answer.headers["connection"]) == (400, "close")
        assert await client.rest() == b""
    assert told.empty()


async def test_a_write_behind_garbage_or_before_it_in_one_packet_is_not_run(serve_api: ServeApi, way: str) -> None:
    told = Told()
    async with connected(await serve_api(api_deps(write=told.tell))) as client:
        await client.send(post(write(), way=way) + b"\0garbage\r\n\r\n" + post(write(), way=way))
        assert (await client.answer()).status == 400
        assert await client.rest() == b""
    assert told.empty()


async def test_garbage_behind_a_write_that_is_under_way_ends_the_connection(serve_api: ServeApi, way: str) -> None:
    told = Told()
    async with connected(await serve_api(api_deps(write=told.tell))) as client:
        await client.send(post(write(), way=way))
        answer = await told.next()
        await client.send(b"\0garbage\r\n\r\n")
        assert (await client.answer()).status == 400
        answer(EXISTING)
        assert await client.rest() == b""


async def test_a_write_that_does_not_come_whole_is_given_up(serve_api: ServeApi, way: str) -> None:
    told = Told()
    port = await serve_api(
        api_deps(write=told.tell), limits=RequestLimits(head_s=0.05, body_s=0.05, second_look_s=0.05)
    )
    async with connected(port) as client:
        await client.send(post(write(), way=way)[:-1])
        assert (await client.answer()).status == 408
        assert await client.rest() == b""
    assert told.empty()


async def test_a_write_that_is_answered_late_leaves_the_connection_as_it_was(serve_api: ServeApi, way: str) -> None:
    told = Told()
    async with connected(await serve_api(api_deps(write=told.tell, answer_timeout_s=0.01))) as client:
        for body, path in ((write(), WATCHLIST), (bulk(*[{"operation": "add", "content_id": FILM}] * 2), OPERATIONS)):
            await client.send(post(body, path=path, way=way))
            late = [await told.next() for _ in range(1 if path == WATCHLIST else 2)]
            answer = await client.answer()
            assert (answer.status, answer.headers["retry-after"]) == (503, "1")
            for decide_late in late:
                decide_late(EXISTING)
        await client.send(GET)
        assert (await client.answer()).json()["status"] == "healthy"


@pytest.fixture
def lost(monkeypatch: pytest.MonkeyPatch) -> asyncio.Queue[None]:
    """An item for each connection of the service that has ended."""
    ended: asyncio.Queue[None] = asyncio.Queue()
    connection_lost = HttpProtocol.connection_lost

    def note(protocol: HttpProtocol, exc: Exception | None) -> None:
        connection_lost(protocol, exc)
        ended.put_nowait(None)

    monkeypatch.setattr(HttpProtocol, "connection_lost", note)
    return ended


def living() -> int:
    return sum(isinstance(one, DirectWrite | HttpProtocol) for one in gc.get_objects())


@pytest.mark.parametrize("cut", [0, 1, 100], ids=["whole", "in-its-body", "in-its-head"])
async def test_a_client_that_goes_away_leaves_nothing_behind(
    serve_api: ServeApi, lost: asyncio.Queue[None], caplog: pytest.LogCaptureFixture, cut: int
) -> None:
    sent, told = post(write()), Told()
    port = await serve_api(api_deps(write=told.tell))
    gc.disable()  # what is left must not even be a cycle
    gc.freeze()  # what other tests have left is not looked at
    try:
        async with connected(port) as client:
            await client.send(GET)
            await client.answer()
            await client.send(sent[: len(sent) - cut])
            answer = None if cut else await told.next()
            await asyncio.sleep(0.02)
            client.writer.transport.abort()
        await asyncio.wait_for(lost.get(), TIMEOUT_S)
        if answer is not None:
            answer(EXISTING)
            del answer
        async with asyncio.timeout(TIMEOUT_S):
            while living():  # the loop's own references go with its turns
                await asyncio.sleep(0.01)
    finally:
        gc.enable()
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


async def test_answers_that_are_not_read_do_not_pile_up(
    serve_api: ServeApi, protocols: list[HttpProtocol], way: str
) -> None:
    """Each request of 2 KB makes an answer of 40 KB; a client may send 5,000 of them and read nothing."""
    request = post(bulk(*[{}] * 500), path=OPERATIONS, way=way)
    most = 0

    def unsent() -> int:
        return protocols[0].transport.get_write_buffer_size() if protocols else 0

    limits = Limits(messages_per_second=1e9, message_burst=10**9)
    async with connected(await serve_api(api_deps(limits=limits))) as client:
        for _ in range(5_000):
            client.writer.write(request)
            await asyncio.sleep(0)
            most = max(most, unsent())
            if client.writer.transport.get_write_buffer_size():
                break  # the service reads no more
        else:
            pytest.fail("the service goes on reading")
        for _ in range(100):
            await asyncio.sleep(0)
            most = max(most, unsent())
        client.writer.transport.abort()
    assert 0 < most < 1 << 20


async def test_a_connection_that_is_idle_holds_nothing_of_what_was_written(
    serve_api: ServeApi, protocols: list[HttpProtocol]
) -> None:
    async with connected(await serve_api(api_deps(write=decide))) as client:
        await client.send(post(bulk(*[{"x": "y" * 200}] * 400), path=OPERATIONS))
        assert (await client.answer()).status == 200
        write_before = protocols[0].cycle
        assert isinstance(write_before, DirectWrite)
        assert sys.getsizeof(write_before._body) < 1_000


async def test_a_client_that_stops_reading_is_let_go_also_if_little_is_unsent(
    serve_api: ServeApi, protocols: list[HttpProtocol], way: str
) -> None:
    """Too little for the transport to call it congested; a close would wait for it for ever."""
    request = post(bulk(*[{}] * 500), path=OPERATIONS, way=way)
    deps = api_deps(limits=Limits(messages_per_second=1e9, message_burst=10**9))
    port = await serve_api(deps, limits=RequestLimits(answer_s=0.1), keep_alive_s=2 * TIMEOUT_S)
    async with connected(port) as client, asyncio.timeout(TIMEOUT_S):
        asked = 0
        while not protocols or not protocols[0].transport.get_write_buffer_size():
            client.writer.write(request)
            asked += 1
            while not protocols or protocols[0].server_state.total_requests < asked:
                await asyncio.sleep(0)
        assert not protocols[0].flow.write_paused
        while protocols[0].server_state.connections:
            await asyncio.sleep(0.01)


async def test_where_accesses_are_logged_writes_are_among_them(serve_api: ServeApi, way: str) -> None:
    lines: list[str] = []

    class Note(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(record.getMessage().partition(" - ")[2])

    logger, handler = logging.getLogger("uvicorn.access"), Note()
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        async with connected(await serve_api(api_deps(write=decide), access_log=True)) as client:
            await client.send(post(write(), way=way))
            assert (await client.answer()).status == 200
    finally:
        logger.removeHandler(handler)
    assert lines == [f'"POST {WATCHLIST}{way} HTTP/1.1" 200']


async def test_a_write_under_way_is_answered_before_a_stop(start_daemon: StartDaemon, way: str) -> None:
    daemon = start_daemon()
    async with connected(daemon.port) as client, connected(daemon.port) as idle:
        await idle.send(post(write(), way=way))
        assert (await idle.answer()).status == 200
        with frozen(store_process(daemon.process.pid, "writer")):
            await client.send(post(write(), way=way))
            stopped = asyncio.create_task(daemon.terminate())
            assert await idle.rest() == b""  # who waits for nothing is let go at once
            assert not stopped.done()
        answer = await client.answer()
        assert (answer.status, answer.headers["connection"]) == (200, "close")
        assert answer.json()["status"] == "existing"
        assert await client.rest() == b""
        assert await stopped == 0


@pytest.mark.parametrize("packets", [1, 2])
async def test_the_first_write_of_javas_client_is_written(
    daemon: DaemonProcess, user: str, way: str, packets: int
) -> None:
    head = (
        f"POST {WATCHLIST}{way} HTTP/1.1\r\nConnection: Upgrade, HTTP2-Settings\r\nContent-Length: {len(write())}\r\n"
        "Host: h\r\nHTTP2-Settings: AAEAAEAAAAIAAAABAAMAAABkAAQBAAAAAAUAAEAA\r\nUpgrade: h2c\r\n"
        "User-Agent: Java-http-client/17.0.9\r\nContent-Type: application/json\r\n"
        f"Authorization: Bearer {token(user)}\r\n\r\n"
    ).encode()
    async with connected(daemon.port) as client:
        for revision in (1, 2):
            await client.send(*([head + write()] if packets == 1 else [head, write()]))
            answer = await client.answer()
            assert (answer.status, answer.json()["revision"]) == (200, revision)
