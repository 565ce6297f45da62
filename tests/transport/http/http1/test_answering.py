import asyncio
from typing import Any

import pytest

from tests.timeouts import TIMEOUT_S
from tests.transport.conftest import Serve
from tests.transport.http.raw_client import connected, streams
from transport.http.http1.request_limits import RequestLimits

GET = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"
HALF_A_BODY = b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nhalf"
HALF = b"the first half, "


async def half_an_answer(scope: Any, receive: Any, send: Any) -> None:
    """Begin an answer, and end it when nobody is there any more."""
    await receive()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"100")]})
    await send({"type": "http.response.body", "body": HALF, "more_body": True})
    while (await receive())["type"] != "http.disconnect":
        pass


@pytest.mark.parametrize(
    "wrong", [GET + b"garbage\r\n\r\n", GET * 70, HALF_A_BODY], ids=["garbage", "many", "slow-body"]
)
async def test_no_refusal_lands_in_an_answer_that_has_begun_whatever_waits_behind_it(
    serve: Serve, wrong: bytes
) -> None:
    limits = RequestLimits(body_s=0.1, second_look_s=0.05)
    async with connected(await serve(app=half_an_answer, limits=limits)) as client:
        client.writer.write(GET)
        async with asyncio.timeout(TIMEOUT_S):
            await client.reader.readuntil(HALF)
        client.writer.write(wrong)
        assert await client.rest() == b""


async def test_who_goes_away_is_gone_for_the_request_under_way_too(serve: Serve) -> None:
    told = asyncio.get_running_loop().create_future()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        gone = asyncio.create_task(receive())
        await send({"type": "http.response.start", "status": 200, "headers": []})
        while not gone.done() and not told.done():
            await send({"type": "http.response.body", "body": HALF, "more_body": True})
            await asyncio.sleep(0.01)  # while others wait the connection is not read: only writing tells that it ended
        if not told.done():
            told.set_result(gone.result())

    async with streams(await serve(app=app)) as (reader, writer):
        writer.write(GET * 2)
        async with asyncio.timeout(TIMEOUT_S):
            await reader.readuntil(HALF)
    assert (await asyncio.wait_for(told, TIMEOUT_S))["type"] == "http.disconnect"
