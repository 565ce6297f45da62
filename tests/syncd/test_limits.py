"""What one user may take of a node, told in the documented way: 503, 429, 4003."""

import asyncio
import json
from contextlib import suppress

import aiohttp
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.daemon import FILM, WATCHLIST, DaemonProcess, StartDaemon, bearer
from tests.timeouts import TIMEOUT_S

pytestmark = pytest.mark.integration

OPERATIONS = "/api/v1/sync/operations"
VALID = {"operation": "add", "content_id": FILM}


def device(daemon: DaemonProcess, user: str, name: str = "tv") -> connect:
    return connect(daemon.ws_url, additional_headers=bearer(user, name))


async def refused(connecting: connect) -> tuple[int, str | None, str]:
    """Return status, ``Retry-After`` and detail of the answer to a handshake."""
    with pytest.raises(InvalidStatus) as refusal:
        await connecting
    response = refusal.value.response
    assert response.headers["Content-Type"] == "application/problem+json"
    return response.status_code, response.headers.get("Retry-After"), json.loads(response.body)["detail"]


async def refusals(http: aiohttp.ClientSession, daemon: DaemonProcess, reason: str) -> float:
    async with http.get(daemon.url + "/metrics") as response:
        text = await response.text()
    (line,) = [line for line in text.splitlines() if line.startswith(f'syncd_refusals_total{{reason="{reason}"}}')]
    return float(line.split()[1])


async def opened(connecting: connect) -> ClientConnection:
    """Connect as soon as there is room: the node learns of an end a moment later than the client."""
    async with asyncio.timeout(TIMEOUT_S):
        while True:
            try:
                return await connecting
            except InvalidStatus:
                await asyncio.sleep(0.01)


async def test_a_users_connections_are_bounded_and_the_others_do_not_notice(
    start_daemon: StartDaemon, http: aiohttp.ClientSession
) -> None:
    daemon = start_daemon("--max-connections-per-user", "2")
    async with device(daemon, "ann", "tv"), device(daemon, "bob"):
        async with device(daemon, "ann", "phone"):
            status, retry_after, detail = await refused(device(daemon, "ann", "tablet"))
            assert (status, retry_after) == (429, "10")
            assert "2 connections" in detail
            async with device(daemon, "bob", "phone"):
                pass
        again = await opened(device(daemon, "ann", "tablet"))
        await again.close()
    assert await refusals(http, daemon, "connections_per_user") >= 1


async def test_a_nodes_connections_are_bounded(start_daemon: StartDaemon, http: aiohttp.ClientSession) -> None:
    daemon = start_daemon("--max-connections", "2")
    async with device(daemon, "ann"), device(daemon, "bob"):
        status, retry_after, detail = await refused(device(daemon, "cyd"))
        assert (status, retry_after) == (503, "10")
        assert "2 connections" in detail
    assert await refusals(http, daemon, "connections") == 1


async def test_a_device_that_sends_too_fast_is_closed_with_4003_and_may_come_back(
    start_daemon: StartDaemon, http: aiohttp.ClientSession
) -> None:
    daemon = start_daemon("--messages-per-second", "0.001", "--message-burst", "5")
    async with device(daemon, "ann") as fast, device(daemon, "bob") as bystander:
        answered = 0
        with suppress(ConnectionClosed):
            async with asyncio.timeout(TIMEOUT_S):
                while True:
                    await fast.send('{"type":"ping"}')
                    assert json.loads(await fast.recv()) == {"type": "pong"}
                    answered += 1
        assert answered == 5
        assert fast.close_code == 4003
        await bystander.send('{"type":"ping"}')
        assert json.loads(await bystander.recv()) == {"type": "pong"}
    async with device(daemon, "ann"):
        pass
    assert await refusals(http, daemon, "messages") >= 1


@pytest.mark.parametrize("path", [WATCHLIST, OPERATIONS])
async def test_a_user_who_writes_too_fast_over_http_is_told_when_to_come_back(
    start_daemon: StartDaemon, http: aiohttp.ClientSession, path: str
) -> None:
    daemon = start_daemon("--messages-per-second", "0.01", "--message-burst", "4")
    body, cost = (VALID, 1) if path == WATCHLIST else ({"operations": [VALID, VALID]}, 2)
    for _ in range(4 // cost):
        async with http.post(daemon.url + path, json=body, headers=bearer("ann")) as response:
            assert response.status == 200
    async with http.post(daemon.url + path, json=body, headers=bearer("ann")) as response:
        assert response.status == 429
        assert 50 * cost < int(response.headers["Retry-After"]) <= 100 * cost
        assert response.content_type == "application/problem+json"
        assert "messages a second" in (await response.json(content_type=None))["detail"]
    async with http.post(daemon.url + path, json=body, headers=bearer("bob")) as response:
        assert response.status == 200
    assert await refusals(http, daemon, "messages") == 1
