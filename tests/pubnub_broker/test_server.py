"""The broker as a server: it says what it is for, closes at once, and comes back on its port."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
import uvloop

from pubnub_broker.server import BrokerServer, run, serve
from tests.pubnub_broker.messages import SUBSCRIBE, Http, publish
from tests.timeouts import TIMEOUT_S


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


async def test_a_port_that_is_taken_is_told(broker: BrokerServer) -> None:
    with pytest.raises(OSError, match="address already in use"):
        await serve("127.0.0.1", broker.port)


async def test_an_sdk_is_told_the_origin_as_it_writes_it(http_at: Callable[[int], Http]) -> None:
    async with await serve("::1", 0) as broker:
        assert (broker.origin, broker.url) == (f"[::1]:{broker.port}", f"http://[::1]:{broker.port}")
