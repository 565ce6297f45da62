"""What the official SDK and the network do to a node, against the real SDK: one sentence each.

Each of these failed with its guard taken out.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

import msgspec
import pytest
from msgspec import structs

from actors.errors import BusUnavailable, MessageRefused
from actors.messages.channel import HeadMoved
from actors.ports import NOBODY
from pubnub_broker.faults import Fault, FaultRules
from tests.timeouts import TIMEOUT_S
from transport.bus.codec import BusCodec
from transport.bus.pubnub import subscribing
from transport.bus.pubnub.bus import PubNubBus, PubNubSettings
from transport.bus.pubnub.client import build_client

DESCRIPTORS = Path("/proc/self/fd")
SENT = b'[1,"Sent","17000000000000001"]'


def news(*envelopes: dict[str, Any], cursor: int = 17_000_000_000_000_000) -> bytes:
    """Return a poll's answer."""
    return msgspec.json.encode({"t": {"t": str(cursor), "r": 4}, "m": envelopes})


def envelope(channel: str, message: Any, timetoken: int = 1, **more: Any) -> dict[str, Any]:
    """Return a message as PubNub delivers it."""
    return {"a": "1", "f": 0, "p": {"t": str(timetoken), "r": 1}, "k": "sub", "c": channel, "d": message, **more}


class Request:
    """What a scripted server was asked."""

    def __init__(self, method: str, target: str) -> None:
        self.method = method
        self.path = urlsplit(target).path
        self.query = {name: values[0] for name, values in parse_qs(urlsplit(target).query).items()}

    @property
    def is_poll(self) -> bool:
        return self.path.startswith("/v2/subscribe")


Answer = Callable[[Request], bytes]
Until = Callable[[Callable[[], bool]], Awaitable[None]]


class ScriptedServer:
    """Answers each request with the bytes of a whole HTTP response, as ``script`` says; an empty one never comes."""

    def __init__(self, script: Answer) -> None:
        self._script = script
        self.requests: list[Request] = []
        self._writers: list[asyncio.StreamWriter] = []

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.origin = f"127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for writer in self._writers:
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.append(writer)
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
                length = [line.split(":")[1] for line in head.splitlines() if line.startswith("content-length")]
                await reader.readexactly(int(length[0]) if length else 0)
                method, target, *_ = head.split(" ", 2)
                self.requests.append(Request(method.upper(), target))
                answer = self._script(self.requests[-1])
                if not answer:
                    await reader.read()  # until the client goes
                    return
                writer.write(answer)


def http(body: bytes, status: str = "200 OK", length: int | None = None) -> bytes:
    """Return a whole response."""
    return b"HTTP/1.1 %s\r\ncontent-length: %d\r\n\r\n%s" % (status.encode(), length or len(body), body)


def polls(*answers: bytes) -> Answer:
    """Answer the handshake, then the polls with ``answers`` in turn, then hold; take every publish."""
    waiting = list(answers)

    def script(request: Request) -> bytes:
        if not request.is_poll:
            return http(SENT)
        if request.query["tt"] == "0":
            return http(news())
        return waiting.pop(0) if waiting else b""

    return script


@contextlib.asynccontextmanager
async def subscribed(origin: str, on_message: Callable[[str, bytes], None], **changes: Any) -> AsyncIterator[PubNubBus]:
    """Run a bus that subscribes to ``a`` on a scripted server."""
    keys = {"subscribe_key": "sub", "publish_key": "pub", "is_tls": False, "retry_s": 0.01}
    bus = PubNubBus(PubNubSettings(**{**keys, "origin": origin, **changes}))
    try:
        bus.subscribe("a")
        await bus.start(structs.replace(NOBODY, node="here", on_message=on_message))
        yield bus
    finally:
        await bus.close()


class Messages:
    """Messages as they arrive."""

    def __init__(self) -> None:
        self._queue: asyncio.Queue[tuple[str, bytes]] = asyncio.Queue()

    def __call__(self, user_id: str, payload: bytes) -> None:
        self._queue.put_nowait((user_id, payload))

    async def next(self) -> tuple[str, bytes]:
        async with asyncio.timeout(TIMEOUT_S):
            return await self._queue.get()

    def is_empty(self) -> bool:
        return self._queue.empty()


# What arrives


async def test_a_subscriber_that_raises_misses_one_message_and_gets_the_next() -> None:
    messages = Messages()

    def fussy(user_id: str, payload: bytes) -> None:
        if payload == b"1":
            raise RuntimeError("not this one")
        messages(user_id, payload)

    answers = polls(
        http(news(envelope("user.a.sync", 1, 1), envelope("user.a.sync", 2, 2))),
        http(news(envelope("user.a.sync", 3, 3))),
    )
    async with ScriptedServer(answers) as server, subscribed(server.origin, fussy) as bus:
        assert [await messages.next(), await messages.next()] == [("a", b"2"), ("a", b"3")]
        assert bus.figures().malformed == 1


@pytest.mark.parametrize("kind", [1, 2, 3, 4])
async def test_signals_and_object_action_and_file_events_are_no_messages_and_end_nothing(kind: int) -> None:
    messages = Messages()
    event = envelope(
        "user.a.sync", {"type": "channel", "event": "set", "data": {}, "file": {"name": "f", "id": "1"}}, 1, e=kind
    )
    answers = polls(http(news(event)), http(news(envelope("user.a.sync", "after", 2))))
    async with ScriptedServer(answers) as server, subscribed(server.origin, messages):
        assert await messages.next() == ("a", b'"after"')


@pytest.mark.parametrize(
    "broken", [{}, {"c": "user.a.sync"}, {"c": "user.a.sync", "d": 1, "p": None}, [], None, {"c": 7}]
)
async def test_an_envelope_that_is_none_costs_no_other(broken: Any) -> None:
    messages = Messages()
    answers = polls(http(news(broken, envelope("user.a.sync", 1))))
    async with ScriptedServer(answers) as server, subscribed(server.origin, messages) as bus:
        assert await messages.next() == ("a", b"1")
        assert bus.figures().malformed == 1


async def test_a_poll_of_nothing_but_broken_envelopes_is_counted_and_shows_that_messages_arrive(until: Until) -> None:
    answers = polls(http(news({}, {"c": 7})))
    timeouts = {"canary_interval_s": 2 * TIMEOUT_S}
    async with ScriptedServer(answers) as server, subscribed(server.origin, Messages(), **timeouts) as bus:
        await until(lambda: bus.figures().malformed == 2)


@pytest.mark.parametrize("text", [b"123456789012345678901234567890", b'"\\ud800"', b"NaN", b"1e999"])
async def test_json_beyond_ours_is_handed_on_for_the_codec_to_refuse(text: bytes) -> None:
    messages = Messages()
    answer = news(envelope("user.a.sync", "?", 1), envelope("user.a.sync", 2, 2)).replace(b'"?"', text)
    async with ScriptedServer(polls(http(answer))) as server, subscribed(server.origin, messages):
        user_id, payload = await messages.next()
        assert user_id == "a"
        assert payload
        assert await messages.next() == ("a", b"2")


async def test_other_channels_and_canaries_are_nobodys_messages(pubnub_engine: Any) -> None:
    bus, inbox = await pubnub_engine.node("u1", "=canary")
    client = build_client(pubnub_engine.settings())
    for channel in ("user.u1.notifications", "user.u1", "user.sync", "user.=canary.sync", "other.u1.sync"):
        await client.publish().channel(channel).message("not for us").result()
    await bus.publish("=canary", b'"a user may be called so"')
    assert await inbox.message() == ("=canary", "a user may be called so")
    await client.stop()


async def test_a_message_that_pubnub_delivers_twice_arrives_once(pubnub_engine: Any) -> None:
    bus, inbox = await pubnub_engine.node("u1")
    with pubnub_engine.broker.faults.duplicating(1.0):
        for number in range(5):
            await bus.publish("u1", b"%d" % number)
            assert await inbox.message() == ("u1", number)
    await bus.publish("u1", b'"last"')
    assert await inbox.message() == ("u1", "last")
    assert bus.figures().doubles >= 5


async def test_signatures_between_nodes_survive_pubnub(pubnub_engine: Any, until: Until) -> None:
    messages = Messages()
    bus = pubnub_engine.new_bus()
    pubnub_engine.buses.append(bus)
    bus.subscribe("u1")
    await bus.start(structs.replace(NOBODY, on_message=messages))
    await until(lambda: bus.status() is None)
    codec = BusCodec(b"k" * 32, are_foreign_allowed=False)
    message = HeadMoved(2**53 + 1, "nöde/1")
    await bus.publish("u1", codec.encode("u1", message))
    _, payload = await messages.next()
    assert codec.decode("u1", payload) == message


# Interruptions


async def test_what_was_published_while_polls_failed_arrives_once_and_in_order(
    pubnub_engine: Any, until: Until
) -> None:
    bus, inbox = await pubnub_engine.node("u1")
    await bus.publish("u1", b"0")
    assert await inbox.message() == ("u1", 0)
    with pubnub_engine.broker.faults.refusing("subscribe"):
        await until(lambda: bus.status() is not None)
        for number in range(1, 6):
            await bus.publish("u1", b"%d" % number)
    assert [await inbox.message() for _ in range(5)] == [("u1", number) for number in range(1, 6)]
    assert await inbox.gap()
    await bus.publish("u1", b"6")
    assert await inbox.message() == ("u1", 6)
    assert bus.figures().reconnects == 1


async def test_there_is_no_last_try() -> None:
    messages = Messages()
    failures = iter(range(30))

    def script(request: Request) -> bytes:
        if request.is_poll and next(failures, None) is not None:
            return http(b'{"message":"broken","error":true,"status":500}', "500 Internal Server Error")
        return healthy(request)

    healthy = polls(http(news(envelope("user.a.sync", 1))))
    async with ScriptedServer(script) as server, subscribed(server.origin, messages):
        assert await messages.next() == ("a", b"1")


async def test_an_outage_is_logged_once_and_not_by_the_sdk(caplog: pytest.LogCaptureFixture, until: Until) -> None:
    async with (
        ScriptedServer(lambda request: b"this is not HTTP\r\n\r\n") as server,
        subscribed(server.origin, Messages()),
    ):
        await until(lambda: len(server.requests) >= 5)
        assert [record.name for record in caplog.records] == ["transport.bus.pubnub.subscribing"]


async def test_every_poll_carries_the_cursor_and_region_of_the_one_before(until: Until) -> None:
    messages = Messages()
    answers = polls(http(news(envelope("user.a.sync", 1), cursor=17_000_000_000_000_123)))
    async with ScriptedServer(answers) as server, subscribed(server.origin, messages):
        await messages.next()
        await until(lambda: len(server.requests) >= 3)
        assert [(poll.query["tt"], poll.query.get("tr")) for poll in server.requests] == [
            ("0", None),
            ("17000000000000000", "4"),
            ("17000000000000123", "4"),
        ]


@pytest.mark.parametrize(
    "answer",
    [
        http(b"<html>Bad Gateway</html>", "502 Bad Gateway"),
        http(b"<html>please log in</html>"),
        http(b"[]"),
        http(b'{"t":{}}'),
        http(b"", length=5)[:-1],
        http(b'{"t":', length=500),
    ],
    ids=["an error page", "a page", "a list", "no cursor", "a broken head", "half an answer"],
)
async def test_an_answer_that_is_none_is_outlasted(answer: bytes) -> None:
    messages = Messages()
    answers = polls(answer, http(news(envelope("user.a.sync", 1))))
    changes = {"canary_interval_s": 0.1, "canary_timeout_s": 0.1}  # nothing but silence shows that half is missing
    async with ScriptedServer(answers) as server, subscribed(server.origin, messages, **changes):
        assert await messages.next() == ("a", b"1")


async def test_a_message_nested_too_deeply_to_be_read_is_passed_over_and_is_a_gap(until: Until) -> None:
    messages, gaps = Messages(), list[str]()
    nested = news(envelope("user.b.sync", "?")).replace(b'"?"', b"[" * 12_000 + b"]" * 12_000)
    answers = polls(http(nested), http(news(envelope("user.a.sync", 1), cursor=17_000_000_000_000_001)))
    async with ScriptedServer(answers) as server, subscribed(server.origin, messages) as bus:
        await bus.start(structs.replace(NOBODY, on_message=messages, on_gap=gaps.append))
        assert await messages.next() == ("a", b"1")
        await until(lambda: "a poll could not be read: what it brought is lost" in gaps)
        assert (bus.status(), bus.figures().dropped) == (None, 1)


async def test_an_overflow_is_reported_as_a_gap_once(
    pubnub_engine: Any, until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subscribing, "LOSS_PAUSE_S", 0.1)
    bus, inbox = await pubnub_engine.node("u1")
    with pubnub_engine.broker.faults.refusing("subscribe"):
        await until(lambda: bus.status() is not None)
        for number in range(120):
            await bus.publish("u1", b"%d" % number)
    assert "subscribed" in await inbox.gap()
    arrived = [await inbox.message() for _ in range(100)]
    assert arrived[0] == ("u1", 20)  # the oldest are lost, and nobody but the count of 100 says so
    assert "older ones may be lost" in await inbox.gap()
    assert inbox.gaps.empty()


# Silence


async def test_a_connection_that_is_open_and_dead_is_found_by_its_canary(pubnub_engine: Any, pipe: Any) -> None:
    pipe.target = pubnub_engine.port
    timeouts = {"canary_interval_s": 0.2, "canary_timeout_s": 0.2, "request_timeout_s": 0.5}
    bus, inbox = await pubnub_engine.node("u1", origin=f"127.0.0.1:{pipe.port}", **timeouts)
    other, _ = await pubnub_engine.node()
    await other.publish("u1", b"0")
    assert await inbox.message() == ("u1", 0)  # what arrived before says nothing of now
    pipe.freeze()
    await inbox.gap()
    await other.publish("u1", b"1")
    assert await inbox.message() == ("u1", 1)
    assert bus.figures().rebuilds >= 1


async def test_a_subscription_that_is_answered_but_brings_no_messages_is_found_too(until: Until) -> None:
    def empty(request: Request) -> bytes:
        return http(news() if request.is_poll else SENT)

    timeouts = {"canary_interval_s": 0.05, "canary_timeout_s": 0.05}
    async with ScriptedServer(empty) as server, subscribed(server.origin, Messages(), **timeouts) as bus:
        await until(lambda: bus.figures().rebuilds >= 2)


async def test_canaries_keep_a_quiet_node_as_it_is(pubnub_engine: Any, until: Until) -> None:
    bus, _ = await pubnub_engine.node(canary_interval_s=0.1, canary_timeout_s=5)
    for _ in range(3):
        await until(lambda: bus.figures().last_message_age_s > 0.09)
        await until(lambda: bus.figures().last_message_age_s < 0.08)
    assert bus.figures().rebuilds == 0


async def test_a_canary_that_cannot_be_sent_proves_nothing(pubnub_engine: Any, until: Until) -> None:
    with pubnub_engine.broker.faults.answering(500, "publish"):
        bus, _ = await pubnub_engine.node(canary_interval_s=0.02, canary_timeout_s=0.02)
        await until(lambda: bus.status() == "HTTP 500: Internal Server Error")
        await asyncio.sleep(0.2)  # time enough for a rebuild
        rebuilds = bus.figures().rebuilds
    assert rebuilds == 0


@pytest.mark.skipif(not DESCRIPTORS.exists(), reason="this system does not list open files")
async def test_clients_built_again_leave_no_open_files(pubnub_engine: Any, until: Until) -> None:
    bus, _ = await pubnub_engine.node(canary_interval_s=0.001, canary_timeout_s=0.01)
    with pubnub_engine.broker.faults.dropping(1.0):
        await until(lambda: bus.figures().rebuilds >= 1)
        before = len(list(DESCRIPTORS.iterdir()))
        await until(lambda: bus.figures().rebuilds >= 15)
        assert len(list(DESCRIPTORS.iterdir())) <= before + 5


# Refusals


async def test_a_denied_subscription_is_called_what_it_is(
    pubnub_engine: Any, caplog: pytest.LogCaptureFixture, until: Until
) -> None:
    caplog.set_level(logging.WARNING)
    pubnub_engine.broker.faults.set(FaultRules(subscribe=Fault(answer=403)))
    bus, inbox = await pubnub_engine.node(is_up=False)
    await until(lambda: bus.status() == "access denied: Forbidden (user.*)")
    await until(lambda: "access denied" in caplog.text)
    pubnub_engine.broker.faults.clear()
    await inbox.gap()
    assert bus.status() is None
    assert len([record for record in caplog.records if "access denied" in record.message]) == 1


async def test_a_denied_publish_is_called_what_it_is_and_may_be_tried_again(pubnub_engine: Any) -> None:
    bus, inbox = await pubnub_engine.node("u1")
    with pubnub_engine.broker.faults.answering(403, "publish"):
        with pytest.raises(BusUnavailable, match=r"access denied: Forbidden \(user\.u1\.sync\)"):
            await bus.publish("u1", b"1")
        assert bus.status() == "access denied: Forbidden (user.u1.sync)"
    await bus.publish("u1", b"1")
    assert await inbox.message() == ("u1", 1)
    assert bus.status() is None


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (http(b'[0,"Message Too Large","17"]', "400 Bad Request"), MessageRefused),
        (http(b'{"status":413,"error":true,"message":"Request Entity Too Large"}', "413 Too Large"), MessageRefused),
        (http(b'[0,"Invalid Key","17"]', "400 Bad Request"), BusUnavailable),
        (http(b'{"message":"slow down","error":true,"status":429}', "429 Too Many Requests"), BusUnavailable),
        (http(b"<html>Bad Gateway</html>", "502 Bad Gateway"), BusUnavailable),
        (http(b"", "503 Service Unavailable"), BusUnavailable),
        (http(b"<html>please log in</html>"), BusUnavailable),
    ],
    ids=["400 large", "413", "400 key", "429", "502 page", "503", "page"],
)
async def test_a_publish_that_fails_says_whether_another_try_helps(answer: bytes, error: type[Exception]) -> None:
    async with (
        ScriptedServer(lambda request: b"" if request.is_poll else answer) as server,
        subscribed(server.origin, Messages()) as bus,
    ):
        with pytest.raises(error):
            await bus.publish("u1", b"1")


@pytest.mark.parametrize("answer", [http(SENT, length=100), b""], ids=["half", "no answer"])
async def test_a_publish_whose_answer_does_not_come_whole_may_be_tried_again(answer: bytes) -> None:
    async with (
        ScriptedServer(lambda request: b"" if request.is_poll else answer) as server,
        subscribed(server.origin, Messages(), request_timeout_s=0.1) as bus,
    ):
        with pytest.raises(BusUnavailable):
            await bus.publish("u1", b"1")


async def test_a_publish_can_be_cancelled(pubnub_engine: Any) -> None:
    bus, _ = await pubnub_engine.node()
    with pubnub_engine.broker.faults.hanging("publish"):
        publish = asyncio.create_task(bus.publish("u1", b"1"))
        await asyncio.sleep(0.05)
        publish.cancel()
        with pytest.raises(asyncio.CancelledError):
            await publish


async def test_a_closing_bus_ends_its_poll_without_a_complaint(
    pubnub_engine: Any, caplog: pytest.LogCaptureFixture, until: Until
) -> None:
    before = asyncio.all_tasks()
    bus, _ = await pubnub_engine.node()
    await bus.publish("u1", b"1")
    caplog.clear()
    caplog.set_level(logging.WARNING, logger="")
    caplog.set_level(logging.WARNING, logger="pubnub")
    await bus.close()
    assert caplog.records == []
    await until(lambda: asyncio.all_tasks() <= before)


# Requests


async def test_large_messages_are_posted_and_small_ones_are_not() -> None:
    async with ScriptedServer(polls()) as server, subscribed(server.origin, Messages()) as bus:
        await bus.publish("u1", b'"small"')
        await bus.publish("u1", b'"' + b"x" * 4_000 + b'"')
        assert [request.method for request in server.requests if not request.is_poll] == ["GET", "POST"]


async def test_a_message_that_is_too_large_is_not_even_sent() -> None:
    async with ScriptedServer(polls()) as server, subscribed(server.origin, Messages()) as bus:
        with pytest.raises(MessageRefused, match="PubNub accepts 32768"):
            await bus.publish("u1", b'"' + b"x" * 32_768 + b'"')
        assert [request for request in server.requests if not request.is_poll] == []


async def test_a_channel_name_longer_than_pubnub_takes_is_refused(pubnub_engine: Any) -> None:
    bus, inbox = await pubnub_engine.node("u" * 82)
    with pytest.raises(MessageRefused, match="93"):
        await bus.publish("u" * 83, b"1")
    await bus.publish("u" * 82, b"1")
    assert await inbox.message() == ("u" * 82, 1)


async def test_what_is_not_json_is_refused(pubnub_engine: Any) -> None:
    bus, _ = await pubnub_engine.node()
    with pytest.raises(MessageRefused, match="not JSON"):
        await bus.publish("u1", b"{")


async def test_tls_is_on_unless_it_is_switched_off(pubnub_engine: Any) -> None:
    settings = PubNubSettings(subscribe_key="sub", publish_key="pub", origin=f"127.0.0.1:{pubnub_engine.port}")
    bus = PubNubBus(settings)
    with pytest.raises(BusUnavailable, match=r"SSL|ssl"):
        await bus.publish("u1", b"1")
    await bus.close()


@pytest.mark.parametrize(
    ("given", "sent"), [({"auth_token": "t0ken"}, "auth"), ({"secret_key": "s3cret"}, "signature")]
)
async def test_every_request_carries_the_token_or_the_signature(given: dict[str, str], sent: str, until: Until) -> None:
    async with ScriptedServer(polls()) as server, subscribed(server.origin, Messages(), **given) as bus:
        await bus.publish("u1", b"1")
        await until(lambda: len(server.requests) >= 3)
        assert all(sent in request.query for request in server.requests)
        assert {request.query["uuid"] for request in server.requests} == {"syncd"}


async def test_publishes_at_once_are_bounded(until: Until) -> None:
    async with (
        ScriptedServer(lambda request: b"") as server,
        subscribed(server.origin, Messages(), request_timeout_s=TIMEOUT_S) as bus,
    ):
        publishes = [asyncio.create_task(bus.publish("u1", b"1")) for _ in range(70)]
        await until(lambda: len([request for request in server.requests if not request.is_poll]) == 50)
        await asyncio.sleep(0.05)
        assert len([request for request in server.requests if not request.is_poll]) == 50
        await bus.close()
        outcomes = await asyncio.gather(*publishes, return_exceptions=True)
        assert all(isinstance(outcome, BusUnavailable) for outcome in outcomes)
