"""Publish, signal and subscribe, byte by byte where the SDK would forgive: recorded shapes, raw paths, long polls."""

import asyncio
import gzip
import zlib
from collections.abc import Callable

import pytest

from pubnub_broker.server import serve
from tests.pubnub_broker.messages import ALICE, SUBSCRIBE, Http, publish


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


async def test_a_queue_overflow_keeps_the_newest_100(http: Http) -> None:
    cursor = await publish(http, "c", "before")
    for number in range(105):
        await publish(http, f"c.{number % 3}", number)

    _, news = await http("GET", f"{SUBSCRIBE}/c.%2A/0?tt={cursor}")

    assert [m["d"] for m in news["m"]] == list(range(5, 105))


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
