"""The documented flow against a real daemon: three devices, one write (steps 1 to 7 in docs/architecture.md)."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from typing import Any
from uuid import uuid4

import aiohttp
import pytest
from websockets.asyncio.client import ClientConnection, connect

from tests.daemon import DaemonProcess, StartDaemon, bearer, token
from tests.sockets import next_message
from tests.timeouts import TIMEOUT_S

pytestmark = pytest.mark.integration

CONTENT_ID = "0b0e6a4e-52a5-4a5b-9a1f-000000000001"
Connect = Callable[..., Any]


@pytest.fixture
def lone_daemon(start_daemon: StartDaemon) -> DaemonProcess:
    """A daemon of the test's own, so that figures start from the beginning."""
    return start_daemon()


@pytest.fixture
async def device() -> AsyncIterator[Connect]:
    """``await device(daemon, user, device_id)``: an open WebSocket."""
    async with AsyncExitStack() as stack:

        async def opened(daemon: DaemonProcess, user: str, device_id: str, query: str = "") -> ClientConnection:
            url = daemon.ws_url + query
            return await stack.enter_async_context(connect(url, additional_headers=bearer(user, device_id)))

        yield opened


async def has_nothing_more(socket: ClientConnection) -> bool:
    """A pong comes after everything that was sent before it."""
    await (await socket.ping())
    try:
        async with asyncio.timeout(0):
            await socket.recv()
    except TimeoutError:
        return True
    return False


class Author:
    """Writes a user's list over HTTP."""

    def __init__(self, http: aiohttp.ClientSession, daemon: DaemonProcess, user: str) -> None:
        self._http = http
        self._url = f"{daemon.url}/api/v1/sync/watchlist"
        self._headers = bearer(user, "device-a")

    async def write(self, operation: str, content_id: str = CONTENT_ID, **more: Any) -> tuple[int, dict[str, Any]]:
        body = {"operation": operation, "content_id": content_id, **more}
        async with self._http.post(self._url, json=body, headers=self._headers) as response:
            return response.status, await response.json(content_type=None)


@pytest.fixture
def author(http: aiohttp.ClientSession, daemon: DaemonProcess, user: str) -> Author:
    return Author(http, daemon, user)


async def test_a_write_reaches_the_users_three_devices_exactly_once_and_nobody_else(
    daemon: DaemonProcess, author: Author, user: str, device: Connect
) -> None:
    devices = [await device(daemon, user, name) for name in ("device-b", "device-c", "device-d")]
    stranger = await device(daemon, f"{user}-other", "device-x")
    status, answer = await author.write("add")
    assert status == 200
    assert answer["success"] is True
    assert (answer["operation"], answer["content_id"], answer["revision"]) == ("add", CONTENT_ID, 1)
    assert set(answer["timestamp"]) == {"physical", "logical", "node"}
    for socket in devices:
        message = await next_message(socket)
        assert {name: message[name] for name in ("type", "content_id", "action")} == {
            "type": "watchlist_update",
            "content_id": CONTENT_ID,
            "action": "add",
        }
        assert (message["revision"], message["unique_tag"]) == (1, answer["unique_tag"])
    status, _ = await author.write("remove")
    assert status == 200
    for socket in devices:
        message = await next_message(socket)
        assert (message["action"], message["revision"]) == ("remove", 2)
        assert await has_nothing_more(socket)
    assert await has_nothing_more(stranger)


async def test_the_same_write_over_the_socket_does_the_same_and_is_acknowledged(
    daemon: DaemonProcess, user: str, device: Connect
) -> None:
    writer, other = await device(daemon, user, "device-a"), await device(daemon, user, "device-b")
    message = {"type": "watchlist_update", "operation": "add", "content_id": CONTENT_ID, "id": "w1"}
    await writer.send(json.dumps(message))
    answers = [await next_message(writer), await next_message(writer)]
    ack = next(answer for answer in answers if answer["type"] == "ack")
    update = next(answer for answer in answers if answer["type"] == "watchlist_update")
    assert (ack["id"], ack["status"], ack["revision"]) == ("w1", "added", 1)
    assert (update["action"], update["revision"]) == ("add", 1)
    assert (await next_message(other))["revision"] == 1
    assert await has_nothing_more(writer)


async def test_a_remove_of_what_is_not_there_is_404(author: Author) -> None:
    status, problem = await author.write("remove")
    assert status == 404
    assert "content_id" in problem["detail"]


async def test_a_repeated_operation_gets_the_first_answer_and_reaches_devices_once(
    daemon: DaemonProcess, author: Author, user: str, device: Connect
) -> None:
    socket = await device(daemon, user, "device-b")
    first = await author.write("add", operation_id="once")
    again = await author.write("add", operation_id="once")
    assert first == again
    assert (await next_message(socket))["revision"] == 1
    assert await has_nothing_more(socket)


async def test_a_device_that_was_away_gets_what_it_missed_and_then_live_updates(
    daemon: DaemonProcess, author: Author, user: str, device: Connect
) -> None:
    contents = [str(uuid4()) for _ in range(5)]
    for content_id in contents[:4]:
        await author.write("add", content_id)
    socket = await device(daemon, user, "device-b", "?since=1")
    await author.write("add", contents[4])
    resumed = await next_message(socket)
    assert (resumed["type"], resumed["recovered"]) == ("resumed", True)
    assert [(await next_message(socket))["revision"] for _ in range(4)] == [2, 3, 4, 5]
    assert await has_nothing_more(socket)


async def test_a_vanished_device_is_unregistered_and_the_others_go_on(
    lone_daemon: DaemonProcess, http: aiohttp.ClientSession, device: Connect
) -> None:
    gone, stays = await device(lone_daemon, "ann", "device-b"), await device(lone_daemon, "ann", "device-c")
    gone.transport.abort()
    async with asyncio.timeout(TIMEOUT_S):
        while (await figures(http, lone_daemon))["total_connections"] != 1:
            await asyncio.sleep(0.01)
    await Author(http, lone_daemon, "ann").write("add")
    assert (await next_message(stays))["revision"] == 1


async def figures(http: aiohttp.ClientSession, daemon: DaemonProcess) -> dict[str, float]:
    async with http.get(f"{daemon.url}/api/v1/metrics") as response:
        figures: dict[str, float] = await response.json()
        return figures


async def test_the_documented_figures_count_the_flow(
    lone_daemon: DaemonProcess, http: aiohttp.ClientSession, device: Connect
) -> None:
    before = await figures(http, lone_daemon)
    assert (before["messages_relayed"], before["broadcast_latency_p99_ms"]) == (0, 0)
    devices = [await device(lone_daemon, "ann", name) for name in ("device-b", "device-c", "device-d")]
    await Author(http, lone_daemon, "ann").write("add")
    for socket in devices:
        await next_message(socket)
    after = await figures(http, lone_daemon)
    assert (after["messages_relayed"], after["messages_sent"]) == (1, 3)
    assert (after["active_connections"], after["total_connections"], after["active_users"]) == (3, 3, 1)
    assert after["broadcast_latency_p99_ms"] >= after["broadcast_latency_p50_ms"] > 0
    async with http.get(f"{lone_daemon.url}/metrics") as response:
        text = await response.text()
    for line in (
        "syncd_messages_relayed_total 1.0",
        "syncd_messages_sent_total 3.0",
        "syncd_active_connections 3.0",
        "syncd_total_connections 3.0",
        "syncd_active_users 1.0",
        "syncd_broadcast_latency_seconds_count 1.0",
    ):
        assert line in text


async def test_the_first_run_prints_where_to_look_and_a_token_that_works(start_daemon: StartDaemon) -> None:
    daemon = start_daemon(secret=None)
    printed = daemon.welcome[-1].strip()
    async with connect(daemon.ws_url, subprotocols=["syncd.v1", f"bearer.{printed}"]) as socket:  # type: ignore[list-item]
        assert socket.subprotocol == "syncd.v1"


async def test_sigterm_says_goodbye_and_ends_with_0(lone_daemon: DaemonProcess, device: Connect) -> None:
    socket = await device(lone_daemon, "ann", "device-b")
    ended = asyncio.create_task(lone_daemon.terminate())
    goodbye = await next_message(socket)
    assert goodbye["type"] == "goodbye"
    assert goodbye["reconnect_in_ms"] >= 0
    await socket.wait_closed()
    assert socket.close_code == 1001
    assert await ended == 0


async def test_a_token_that_ends_closes_its_socket_with_4500_and_a_renewed_one_goes_on(
    daemon: DaemonProcess, user: str
) -> None:
    async with AsyncExitStack() as stack:
        short, renewed = [
            await stack.enter_async_context(connect(daemon.ws_url, additional_headers=bearer(user, name, ttl_s=4)))
            for name in ("short", "renewed")
        ]
        await renewed.send(json.dumps({"type": "authenticate", "token": token(user, "renewed"), "id": 1}))
        answer = await next_message(renewed)
        assert (answer["type"], answer["id"]) == ("authenticated", 1)
        async with asyncio.timeout(TIMEOUT_S):
            await short.wait_closed()
        assert short.close_code == 4500
        assert await has_nothing_more(renewed)
