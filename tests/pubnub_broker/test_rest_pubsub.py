"""The wire, byte by byte where the SDK would forgive: recorded shapes, raw paths, long polls, limits, restarts."""

import asyncio
import contextlib
import gzip
import zlib
from collections.abc import Callable, Coroutine
from typing import Any
from urllib.parse import quote

import pytest
import uvloop
from msgspec import json

from pubnub_broker.exchange import Request, Response
from pubnub_broker.http import MAX_PIPELINED, HttpConnection, Reply
from pubnub_broker.server import BrokerServer, run, serve
from tests.timeouts import TIMEOUT_S

Http = Callable[..., Coroutine[Any, Any, tuple[int, Any]]]

SUBSCRIBE = "/v2/subscribe/s"
ALICE = "uuid=alice&pnsdk=test"


async def publish(http: Http, channel: str, message: object, query: str = "") -> int:
    text = quote(json.encode(message), safe="")
    status, (ok, sent, timetoken) = await http("GET", f"/publish/p/s/0/{channel}/0/{text}?{ALICE}{query}")
    assert (status, ok, sent) == (200, 1, "Sent")
    return int(timetoken)


async def test_a_publish_is_answered_with_a_17_digit_string(http: Http) -> None:
    status, answer = await http("GET", f"/publish/p/s/0/c/0/%22hi%22?{ALICE}")
    assert (status, answer[:2]) == (200, [1, "Sent"])
    assert isinstance(answer[2], str)
    assert len(answer[2]) == 17


async def test_a_message_envelope_has_the_recorded_fields_in_their_order(http: Http) -> None:
    cursor = await publish(http, "c", "before")
    timetoken = await publish(http, "c", {"x": 1}, "&meta=%7B%22m%22%3A1%7D&custom_message_type=kind")

    status, news = await http("GET", f"{SUBSCRIBE}/c/0?tt={cursor}&tr=1")

    assert status == 200
    assert list(news) == ["t", "m"]
    assert news["t"] == {"t": str(timetoken), "r": 1}
    assert list(news["m"][0].items()) == [
        ("a", "1"),
        ("f", 0),
        ("i", "alice"),
        ("s", 1),
        ("p", {"t": str(timetoken), "r": 1}),
        ("k", "s"),
        ("c", "c"),
        ("d", {"x": 1}),
        ("u", {"m": 1}),
        ("cmt", "kind"),
    ]


async def test_a_signal_envelope_has_type_1(http: Http) -> None:
    cursor = await publish(http, "c", "before")
    await http("GET", f"/signal/p/s/0/c/0/1?{ALICE}")
    _, news = await http("GET", f"{SUBSCRIBE}/c/0?tt={cursor}")
    assert news["m"][0]["e"] == 1


async def test_wildcard_and_group_matches_are_named(http: Http) -> None:
    await http("GET", "/v1/channel-registration/sub-key/s/channel-group/g?add=a.1")
    cursor = await publish(http, "x", "before")
    await publish(http, "a.1", 1)
    await publish(http, "b.1", 2)

    _, news = await http("GET", f"{SUBSCRIBE}/b.%2A/0?tt={cursor}&channel-group=g")

    assert [(m["c"], m["b"]) for m in news["m"]] == [("a.1", "g"), ("b.1", "b.*")]


@pytest.mark.parametrize("query", ["", "?tt=0", "?tt=0&tr=12"])
async def test_a_first_poll_is_answered_at_once_with_a_cursor(http: Http, query: str) -> None:
    earlier = await publish(http, "c", 1)
    status, news = await http("GET", f"{SUBSCRIBE}/c/0{query}")
    assert (status, news["m"]) == (200, [])
    assert int(news["t"]["t"]) > earlier


async def test_names_are_split_before_they_are_unquoted(http: Http) -> None:
    cursor = await publish(http, "x", 0)
    await publish(http, "a%2Fb", "slash")
    await publish(http, "c%20d", "a/b,c")

    _, news = await http("GET", f"{SUBSCRIBE}/a%2Fb,c%20d/0?tt={cursor}")

    assert [(m["c"], m["d"]) for m in news["m"]] == [("a/b", "slash"), ("c d", "a/b,c")]


async def test_a_poll_waits_for_news(http: Http) -> None:
    cursor = await publish(http, "c", 0)
    poll = asyncio.create_task(http("GET", f"{SUBSCRIBE}/c/0?tt={cursor}"))
    await publish(http, "other", 1)
    assert not poll.done()

    timetoken = await publish(http, "c", 2)

    _, news = await poll
    assert [(m["d"], m["p"]["t"]) for m in news["m"]] == [(2, str(timetoken))]


async def test_a_poll_without_news_ends_empty_with_a_cursor_that_loses_nothing(
    http_at: Callable[[int], Http],
) -> None:
    async with await serve("127.0.0.1", 0, hold_s=0.05) as broker:
        http = http_at(broker.port)
        published = await publish(http, "other", 1)
        status, news = await http("GET", f"{SUBSCRIBE}/c/0?tt=17000000000000000")
        assert (status, news["m"]) == (200, [])
        assert published <= int(news["t"]["t"]) < await publish(http, "c", 2)


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


async def test_a_queue_overflow_keeps_the_newest_100(http: Http) -> None:
    cursor = await publish(http, "c", "before")
    for number in range(105):
        await publish(http, f"c.{number % 3}", number)

    _, news = await http("GET", f"{SUBSCRIBE}/c.%2A/0?tt={cursor}")

    assert [m["d"] for m in news["m"]] == list(range(5, 105))


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


@pytest.mark.parametrize("pack", [zlib.compress, gzip.compress])
@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
async def test_a_packed_body_is_unpacked_whatever_its_header_calls_it(
    http: Http, pack: Callable[[bytes], bytes], encoding: str
) -> None:
    cursor = await publish(http, "c", 0)
    headers = {"Content-Encoding": encoding, "Content-Type": "application/json"}
    status, _ = await http("POST", f"/publish/p/s/0/c/0?{ALICE}", pack(b'{"packed":true}'), headers)
    assert status == 200
    _, news = await http("GET", f"{SUBSCRIBE}/c/0?tt={cursor}")
    assert news["m"][0]["d"] == {"packed": True}


async def test_a_body_that_is_not_packed_as_its_header_says_is_a_bad_request(http: Http) -> None:
    status, answer = await http("POST", "/publish/p/s/0/c/0", b'"plain"', {"Content-Encoding": "gzip"})
    assert (status, answer["message"]) == (400, "body: neither gzip nor zlib")


async def test_a_small_packed_body_cannot_grow_large(http: Http) -> None:
    bomb = zlib.compress(b'"' + b"x" * 10_000_000 + b'"')
    status, answer = await http("POST", "/publish/p/s/0/c/0", bomb, {"Content-Encoding": "gzip"})
    assert (status, answer[:2]) == (400, [0, "Message Too Large"])


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("/publish/p/s/0/c/0/%7Bnot-json", "Invalid JSON"),
        ("/publish/p/s/0/c.%2A/0/1", "Invalid Channel"),
        ("/publish/p/s/0/c/0/%22" + "x" * 32_768 + "%22", "Message Too Large"),
        ("/signal/p/s/0/c/0/nonsense", "Invalid JSON"),
    ],
)
async def test_a_publish_that_cannot_be_is_answered_as_an_array(http: Http, path: str, reason: str) -> None:
    status, answer = await http("GET", path)
    assert (status, answer[:2]) == (400, [0, reason])
    assert len(answer[2]) == 17


@pytest.mark.parametrize(
    ("path", "named"),
    [
        (f"{SUBSCRIBE}/,/0?tt=1", "no channels"),
        (f"{SUBSCRIBE}/a.%2A.b/0?tt=1", "a.*.b"),
        (f"{SUBSCRIBE}/c/0?tt=yesterday", "tt"),
        (f"{SUBSCRIBE}/,/0?channel-group=nobody", "empty subscription set"),
        (f"{SUBSCRIBE}/c/0?uuid=u&state=1", "state"),
        (f"{SUBSCRIBE}/c/0?filter-expr=x", "filter-expr"),
        ("/v1/channel-registration/sub-key/s/channel-group/g?add=a.%2A", "a.*"),
        ("/v2/presence/sub-key/s/channel/c/uuid/u/data?state=%5B%5D", "state"),
        ("/v3/history/sub-key/s/message-counts/a,b", "timetoken"),
        ("/v3/history/sub-key/s/message-counts/a?channelsTimetoken=1,2", "channelsTimetoken"),
        ("/v2/history/sub-key/s/channel/c?count=many", "count"),
    ],
)
async def test_a_request_that_makes_no_sense_is_a_400_that_names_the_reason(http: Http, path: str, named: str) -> None:
    status, answer = await http("GET", path)
    assert (status, answer["status"], answer["error"]) == (400, 400, True)
    assert named in answer["message"]


async def test_presence_and_registry_answers_have_the_recorded_shapes(http: Http) -> None:
    presence, registry = "/v2/presence/sub-key/s", "/v1/channel-registration/sub-key/s/channel-group/g"
    done = {"status": 200, "message": "OK", "service": "Presence"}
    registered = {"status": 200, "message": "OK", "service": "channel-registry", "error": False}
    for path, shape in (
        (f"{presence}/channel/c,d/heartbeat?heartbeat=300&{ALICE}", done),
        (f"{presence}/channel/c", done | {"uuids": ["alice"], "occupancy": 1}),
        (f"{presence}/channel/c?disable_uuids=1", done | {"occupancy": 1}),
        (f"{presence}/channel/c?limit=0", done | {"uuids": [], "occupancy": 1}),
        (f"{presence}/channel/c?state=1", done | {"uuids": [{"uuid": "alice", "state": {}}], "occupancy": 1}),
        (f"{presence}/uuid/alice", done | {"payload": {"channels": ["c", "d"]}}),
        (f"{presence}/channel/d/leave?{ALICE}", done | {"action": "leave"}),
        (
            presence,
            done
            | {
                "payload": {
                    "channels": {"c": {"uuids": ["alice"], "occupancy": 1}},
                    "total_channels": 1,
                    "total_occupancy": 1,
                }
            },
        ),
        (f"{presence}/channel/c/uuid/u/data?state=%7B%22a%22%3A1%7D", done | {"payload": {"a": 1}}),
        (f"{presence}/channel/c/uuid/u", done | {"payload": {"a": 1}, "channel": "c", "uuid": "u"}),
        (f"{registry}?add=a,b", registered),
        (registry, registered | {"payload": {"channels": ["a", "b"], "group": "g"}}),
        (f"{registry}/remove", registered),
        (registry, registered | {"payload": {"channels": [], "group": "g"}}),
    ):
        assert await http("GET", path) == (200, shape), path


async def test_history_answers_have_the_recorded_shapes(http: Http) -> None:
    assert await http("GET", "/v2/history/sub-key/s/channel/c") == (200, [[], 0, 0])
    timetoken = await publish(http, "c", "hey", "&meta=%7B%22m%22%3A1%7D")
    assert await http("GET", "/v2/history/sub-key/s/channel/c") == (200, [["hey"], timetoken, timetoken])
    done = {"status": 200, "error": False, "error_message": ""}
    wanted = "include_meta=true&include_uuid=true&include_message_type=true&include_custom_message_type=true"
    record = {"message": "hey", "timetoken": str(timetoken)}
    full = record | {"meta": {"m": 1}, "uuid": "alice", "message_type": None, "custom_message_type": ""}
    for path, shape in (
        ("channel/c,empty", {"channels": {"c": [record]}}),
        (f"channel/c?max=1&{wanted}", {"channels": {"c": [full]}}),
        (f"message-counts/c,d?timetoken={timetoken - 10}", {"channels": {"c": 1, "d": 0}}),
    ):
        assert await http("GET", f"/v3/history/sub-key/s/{path}") == (200, done | shape), path
    assert await http("DELETE", "/v3/history/sub-key/s/channel/c") == (200, done)
    assert await http("GET", "/v3/history-with-actions/sub-key/s/channel/c") == (200, done | {"channels": {}})


@pytest.mark.parametrize(
    ("path", "status", "shape"),
    [
        ("/publish/p/s/0/c/0/1", 200, [1, "Sent"]),
        ("/publish/wrong/s/0/c/0/1", 400, [0, "Invalid Key"]),
        ("/publish/p/wrong/0/c/0/1", 400, [0, "Invalid Key"]),
        (
            "/v2/subscribe/wrong/c/0",
            400,
            {"message": "Invalid Subscribe Key", "error": True, "service": "Access Manager", "status": 400},
        ),
    ],
)
async def test_foreign_keys_are_refused_in_the_recorded_shapes(
    http_at: Callable[[int], Http], path: str, status: int, shape: object
) -> None:
    async with await serve("127.0.0.1", 0, publish_key="p", subscribe_key="s") as broker:
        answered, answer = await http_at(broker.port)("GET", path)
    assert (answered, answer[:2] if isinstance(answer, list) else answer) == (status, shape)


async def test_keysets_are_worlds_of_their_own(http: Http) -> None:
    cursor = await publish(http, "c", 0)
    await http("GET", "/publish/p/another/0/c/0/1")
    await publish(http, "c", 2)
    _, news = await http("GET", f"{SUBSCRIBE}/c/0?tt={cursor}")
    assert [m["d"] for m in news["m"]] == [2]


async def test_a_request_line_of_64_kb_is_understood(http: Http) -> None:
    names = ",".join(f"user.{number:06}.sync" for number in range(3_800))
    assert len(names) > 64_000
    status, news = await http("GET", f"{SUBSCRIBE}/{names}/0?tt=0")
    assert (status, news["m"]) == (200, [])


@pytest.mark.parametrize(
    ("target", "body", "headers", "status"),
    [
        ("/" + "x" * 140_000, b"", {}, 414),
        ("/", b"", {"X-Long": "x" * 140_000}, 431),
        ("/publish/p/s/0/c/0", b"x" * 1_100_000, {}, 413),
        ("/", b"", {}, 404),
        ("/v2/objects/s/uuids", b"", {}, 404),
        ("/v2/presence/sub-key/s/nowhere", b"", {}, 404),
        ("/v3/history/sub-key/s/nowhere", b"", {}, 404),
    ],
)
async def test_what_the_broker_does_not_take_is_refused_in_json(
    http: Http, target: str, body: bytes, headers: dict[str, str], status: int
) -> None:
    answered, answer = await http("GET", target, body, headers)
    assert (answered, answer["status"], answer["error"]) == (status, status, True)


async def test_web_pages_may_use_the_broker_but_not_its_fault_switches(broker: BrokerServer) -> None:
    heads = []
    for request in ("OPTIONS /publish/p/s/0/c/0", "GET /_broker/faults", "OPTIONS /_broker/faults"):
        reader, writer = await asyncio.open_connection("127.0.0.1", broker.port)
        writer.write(f"{request} HTTP/1.1\r\nOrigin: http://page\r\nConnection: close\r\n\r\n".encode())
        heads.append((await asyncio.wait_for(reader.read(), TIMEOUT_S)).partition(b"\r\n\r\n")[0])
        writer.close()
    assert [b"Access-Control-Allow-Origin: *" in head for head in heads] == [True, False, False]


async def test_a_broker_comes_back_on_its_port_while_clients_wait(broker: BrokerServer, http: Http) -> None:
    cursor = await publish(http, "c", 0)
    poll = asyncio.create_task(http("GET", f"{SUBSCRIBE}/c/0?tt={cursor}"))
    await publish(http, "other", 1)

    await broker.close()
    with pytest.raises((EOFError, ConnectionError)):
        await poll
    with pytest.raises(ConnectionError):
        await http("GET", "/time/0")

    async with await serve("127.0.0.1", broker.port):
        assert await publish(http, "c", 2) > cursor
        _, news = await http("GET", f"{SUBSCRIBE}/c/0?tt={cursor}")
        assert [m["d"] for m in news["m"]] == [2]


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


def test_it_works_on_uvloop_too(http_at: Callable[[int], Http]) -> None:
    async def ask() -> tuple[int, Any]:
        async with await serve("127.0.0.1", 0) as broker:
            return await http_at(broker.port)("GET", "/time/0")

    assert uvloop.run(ask())[0] == 200


async def test_it_says_at_start_what_it_is_for_and_how_to_use_it(
    http_at: Callable[[int], Http], capsys: pytest.CaptureFixture[str]
) -> None:
    running = asyncio.create_task(run("127.0.0.1", 0))
    notice = ""
    async with asyncio.timeout(TIMEOUT_S):
        while "_broker/faults" not in notice:
            await asyncio.sleep(0)
            notice += capsys.readouterr().out
    port = int(notice.partition("SYNCD_PUBNUB_ORIGIN=127.0.0.1:")[2].split()[0])
    assert "for development and tests, not for production" in notice
    assert (await http_at(port)("GET", "/time/0"))[0] == 200

    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    with pytest.raises(ConnectionError):
        await http_at(port)("GET", "/time/0")


async def test_a_heartbeat_keeps_the_state_it_brings(http: Http) -> None:
    channel = "/v2/presence/sub-key/s/channel/c"
    await http("GET", f"{channel}/heartbeat?uuid=u&state=%7B%22c%22%3A%7B%22a%22%3A1%7D%7D")
    _, answer = await http("GET", f"{channel}/uuid/u")
    assert answer["payload"] == {"a": 1}
