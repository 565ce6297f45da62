"""The Python client behind networks that let no WebSocket through, on a real daemon."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import aiohttp
import pytest
from aiohttp import web
from syncd_client import Client, Confirmed, Disconnected, Event, Refused, State
from syncd_client.core.outputs import Transport

from tests.daemon import DaemonProcess, bearer, token
from tests.fakes.middlebox import Middlebox, Trick
from tests.timeouts import TIMEOUT_S

pytestmark = pytest.mark.integration

Write = Callable[..., Any]


def content(number: int) -> str:
    return str(UUID(int=number))


@pytest.fixture
async def network(daemon: DaemonProcess) -> AsyncIterator[Middlebox]:
    """What stands between the clients and the daemon."""
    async with Middlebox(daemon.port).listening() as middlebox:
        yield middlebox


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Silence is noticed after a second."""
    monkeypatch.setattr("syncd_client.core.silence.SILENCE_MS", 1_000)


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """An attempt is repeated, and the WebSocket tried again, within half a second."""
    monkeypatch.setattr("syncd_client.core.transports.FIRST_PROBE_MS", 300)
    monkeypatch.setattr("syncd_client.core.backoff.BASE_MS", 50)


@pytest.fixture
def write(http: aiohttp.ClientSession, daemon: DaemonProcess, user: str) -> Write:
    """``await write("add", id)``: another device writes."""

    async def write(operation: str, content_id: str) -> None:
        body = {"operation": operation, "content_id": content_id}
        url = f"{daemon.url}/api/v1/sync/watchlist"
        async with http.post(url, json=body, headers=bearer(user, "tv")) as response:
            assert response.status == 200

    return write


@asynccontextmanager
async def signed_in(network: Middlebox, user: str) -> AsyncIterator[tuple[Client, list[Event]]]:
    async def get_token() -> str:
        return token(user, "phone")

    events: list[Event] = []
    async with Client(f"http://127.0.0.1:{network.port}") as client:
        client.subscribe(events.append)
        client.sign_in(user, get_token)
        yield client, events


async def until(client: Client, condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(TIMEOUT_S):
        await client.wait_until(condition)


def shown(client: Client) -> list[str]:
    return [item.content_id for item in client.items]


async def live_by(client: Client, transport: Transport) -> None:
    await until(client, lambda: client.state is State.LIVE and client.transport is transport)


async def exchange(client: Client, events: list[Event], write: Write, number: int) -> None:
    """Have the client and another device change something; both see both, once."""
    mine, theirs = content(number), content(number + 1)
    client.add(mine)
    await until(client, lambda: client.queued == 0)
    await write("add", theirs)
    await until(client, lambda: theirs in shown(client))
    assert mine in shown(client)
    assert [event.status for event in events if isinstance(event, Confirmed) and event.content_id == mine] == ["added"]


@pytest.mark.parametrize(
    ("trick", "refusal"),
    [
        ("refuses", (403, "text/html", "<h1>Blocked</h1>")),
        ("refuses", (302, "text/html", "")),
        ("refuses", (200, "text/html", "<h1>Log in</h1>")),
        ("strips", None),
    ],
    ids=["blocked", "captive portal", "a page", "no upgrade header"],
)
@pytest.mark.usefixtures("soon")
async def test_where_no_upgrade_comes_through_it_goes_by_a_stream_and_comes_back(
    network: Middlebox, user: str, write: Write, trick: Trick, refusal: tuple[int, str, str] | None
) -> None:
    network.trick, network.refusal = trick, refusal or network.refusal
    async with signed_in(network, user) as (client, events):
        await live_by(client, Transport.STREAM)
        await exchange(client, events, write, 1)
        network.trick = "nothing"
        await live_by(client, Transport.WEBSOCKET)
        await exchange(client, events, write, 3)
        assert sorted(shown(client)) == [content(number) for number in range(1, 5)]


@pytest.mark.usefixtures("soon", "impatient")
async def test_behind_a_proxy_that_keeps_answers_until_they_are_whole_it_polls(
    network: Middlebox, user: str, write: Write
) -> None:
    network.trick = "buffers"
    await write("add", content(9))
    async with signed_in(network, user) as (client, events):
        await live_by(client, Transport.POLLING)
        assert shown(client) == [content(9)]
        await exchange(client, events, write, 1)
        assert any("poll=25" in request for request in network.requests)


@pytest.mark.usefixtures("soon", "impatient")
async def test_progress_and_devices_go_by_polls_which_hints_do_not_end(network: Middlebox, user: str) -> None:
    network.trick = "buffers"
    async with signed_in(network, user) as (client, events):
        assert (client.progress.items, client.devices.items) == ((), ())
        await live_by(client, Transport.POLLING)
        client.progress.update(content(1), 90, 100, state="paused")
        client.devices.update("phone", device_name="My phone")
        await until(client, lambda: client.queued == 0 and len(client.devices.items) == 1)
        assert [item.position_seconds for item in client.progress.items] == [90]
        assert [item.device_name for item in client.devices.items] == ["My phone"]
        assert not [event for event in events if isinstance(event, Refused)]


@pytest.mark.usefixtures("soon", "impatient")
async def test_a_poll_goes_on_when_a_device_comes_online(
    network: Middlebox, daemon: DaemonProcess, user: str, write: Write
) -> None:
    network.trick = "buffers"

    @asynccontextmanager
    async def online(device: str) -> AsyncIterator[Client]:
        async with Client(daemon.url) as client:
            client.sign_in(user, lambda: token(user, device))
            await until(client, lambda: client.state is State.LIVE)
            yield client

    async with signed_in(network, user) as (phone, _), online("tv") as tv:
        assert phone.devices.items == ()
        names = {f"laptop {number}" for number in range(3)}
        for name in names:
            async with online(name):
                pass
        await until(tv, lambda: {item.device_id for item in tv.devices.items if item.is_online is False} >= names)
        await until(phone, lambda: {item.device_id for item in phone.devices.items} >= names)
        asked = polls(network)
        for number, name in enumerate(names):
            async with online(name):
                await until(tv, lambda name=name: is_online(tv, name))  # type: ignore[misc]
                await write("add", content(number))
                await until(phone, lambda number=number: content(number) in shown(phone))  # type: ignore[misc]
        assert polls(network) <= asked + len(names) + 1, "each has ended with what was written, and one may have before"


def polls(network: Middlebox) -> int:
    return sum("poll=" in request for request in network.requests)


def is_online(client: Client, device: str) -> bool:
    found = client.devices.get(device)
    return found is not None and found.is_online is True


@pytest.mark.usefixtures("soon", "impatient")
async def test_a_socket_that_opens_and_lets_nothing_through_is_given_up(
    network: Middlebox, user: str, write: Write
) -> None:
    network.trick = "swallows"
    async with signed_in(network, user) as (client, events):
        await live_by(client, Transport.STREAM)
        await exchange(client, events, write, 1)


@pytest.mark.usefixtures("soon")
async def test_a_stream_that_breaks_goes_on_where_it_was(network: Middlebox, user: str, write: Write) -> None:
    network.trick = "refuses"
    async with signed_in(network, user) as (client, events):
        await live_by(client, Transport.STREAM)
        await write("add", content(1))
        await until(client, lambda: shown(client) == [content(1)])
        network.cut()
        client.add(content(2))
        await write("remove", content(1))
        await until(client, lambda: client.queued == 0 and shown(client) == [content(2)])
        assert not [event for event in events if isinstance(event, Refused)]


@pytest.mark.usefixtures("soon")
async def test_what_the_service_refuses_is_undone_and_told(network: Middlebox, user: str) -> None:
    network.trick = "refuses"
    async with signed_in(network, user) as (client, events):
        await live_by(client, Transport.STREAM)
        client.remove(content(7))
        await until(client, lambda: client.queued == 0)
        (confirmed,) = (event for event in events if isinstance(event, Confirmed))
        assert (confirmed.content_id, confirmed.status) == (content(7), "not_found")


async def test_what_the_service_says_to_a_token_is_told_behind_such_a_network_too(network: Middlebox) -> None:
    network.trick = "strips"

    async def get_token() -> str:
        return "no-token-of-the-services"

    events: list[Event] = []
    async with Client(f"http://127.0.0.1:{network.port}") as client:
        client.subscribe(events.append)
        client.sign_in("ann", get_token)
        await until(client, lambda: client.state is State.WAITING)
        (disconnected,) = (event for event in events if isinstance(event, Disconnected))
        assert disconnected.reason == "refused with status 401: The token is malformed."


@pytest.mark.usefixtures("soon")
async def test_progress_and_devices_are_posted_with_the_writes_of_lists() -> None:
    posted: list[dict[str, Any]] = []
    is_over = asyncio.Event()

    async def refuse(_: web.Request) -> web.Response:
        problem = {"title": "Upgrade Required", "status": 426, "detail": "no upgrade came"}
        return web.json_response(problem, status=426, content_type="application/problem+json")

    async def stream(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        for collection in ({}, {"collection": "progress"}, {"collection": "devices"}):
            resumed = {"type": "resumed", "recovered": True, "revision": 0, "epoch": "e1", **collection}
            await response.write(f"data: {json.dumps(resumed)}\n\n".encode())
        await is_over.wait()
        return response

    async def operations(request: web.Request) -> web.Response:
        asked = (await request.json())["operations"]
        posted.extend(asked)
        return web.json_response({"results": [{"success": True, "status": "updated"} for _ in asked]})

    app = web.Application()
    app.add_routes([web.get("/ws", refuse), web.get("/api/v1/sync/stream", stream)])
    app.add_routes([web.post("/api/v1/sync/operations", operations)])
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        async with Client(f"http://127.0.0.1:{runner.addresses[0][1]}") as client:
            progress, devices = client.progress, client.devices
            client.sign_in("alice", lambda: "a-token")
            client.add(content(1))
            progress.update(content(1), 7, state="paused")
            devices.update("tv", platform="webos")
            await until(client, lambda: client.queued == 0)
    finally:
        is_over.set()
        await runner.cleanup()
    assert [(write.get("collection"), write.get("type")) for write in posted] == [
        (None, "watchlist_update"),
        ("progress", None),
        ("devices", None),
    ]
