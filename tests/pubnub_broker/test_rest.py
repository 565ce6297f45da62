"""Which request is which: the paths, the keys they carry, and what is no path of the broker."""

import asyncio
from collections.abc import Callable

import pytest

from pubnub_broker.server import BrokerServer, serve
from tests.pubnub_broker.messages import SUBSCRIBE, Http, publish
from tests.timeouts import TIMEOUT_S


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


async def test_web_pages_may_use_the_broker_but_not_its_fault_switches(broker: BrokerServer) -> None:
    heads = []
    for request in ("OPTIONS /publish/p/s/0/c/0", "GET /_broker/faults", "OPTIONS /_broker/faults"):
        reader, writer = await asyncio.open_connection("127.0.0.1", broker.port)
        writer.write(f"{request} HTTP/1.1\r\nOrigin: http://page\r\nConnection: close\r\n\r\n".encode())
        heads.append((await asyncio.wait_for(reader.read(), TIMEOUT_S)).partition(b"\r\n\r\n")[0])
        writer.close()
    assert [b"Access-Control-Allow-Origin: *" in head for head in heads] == [True, False, False]


@pytest.mark.parametrize(
    ("method", "target"),
    [
        ("GET", "/"),
        ("GET", "/v2/objects/s/uuids"),
        ("GET", "/v2/presence/sub-key/s/nowhere"),
        ("GET", "/v3/history/sub-key/s/nowhere"),
        ("DELETE", "/publish/p/s/0/c/0/1"),
    ],
)
async def test_what_the_broker_does_not_have_is_a_404(http: Http, method: str, target: str) -> None:
    answered, answer = await http(method, target)
    assert (answered, answer["status"], answer["error"]) == (404, 404, True)
