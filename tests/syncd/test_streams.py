"""Devices without a WebSocket against a running daemon: streams and polls, with writes by POST beside them."""

import asyncio
import json
from typing import Any
from uuid import UUID, uuid4

import aiohttp
import pytest
from websockets.asyncio.client import connect

from tests.daemon import SECRET, DaemonProcess, StartDaemon, bearer
from tests.server_sent_events import CLOSE, EventReader
from tests.timeouts import TIMEOUT_S
from transport.access.minting import mint

pytestmark = pytest.mark.integration

STREAM = "/api/v1/sync/stream"
OPERATIONS = "/api/v1/sync/operations"
ADMIN = "/api/v1/admin"


class Device:
    """One device that has HTTP alone: keeps what it has seen, and asks for what follows."""

    def __init__(self, http: aiohttp.ClientSession, daemon: DaemonProcess, headers: dict[str, str]) -> None:
        self._http = http
        self._url = daemon.url
        self._headers = headers
        self.position: dict[str, Any] = {"since": 0}
        self.messages: list[dict[str, Any]] = []
        """All but ``resumed``."""

    def stream(self, **query: Any) -> Any:
        return self._http.get(
            self._url + STREAM, params={**self.position, **query}, headers=self._headers, raise_for_status=True
        )

    async def poll(self, wait_s: int = 0, **query: Any) -> None:
        """Ask once, and see what is said."""
        async with self.stream(poll=wait_s, **query) as response:
            *said, close = await EventReader(response).rest()
        assert (close.name, close.content) == (CLOSE, {"code": 1000, "reason": "poll"})
        for event in said:
            self.see(event.content)

    def see(self, message: dict[str, Any]) -> None:
        if message["type"] == "resumed":
            self.position["epoch"] = message["epoch"]
            return
        self.messages.append(message)
        if message["type"] == "watchlist_update":
            self.position["since"] = message["revision"]

    async def see_next(self, events: EventReader) -> None:
        self.see((await events.next()).content)

    async def add(self, *content_ids: UUID) -> None:
        """Write beside what is read."""
        body = {"operations": [{"operation": "add", "content_id": str(content_id)} for content_id in content_ids]}
        async with self._http.post(
            self._url + OPERATIONS, json=body, headers=self._headers, raise_for_status=True
        ) as response:
            assert all(result["status"] == "added" for result in (await response.json())["results"])

    @property
    def shown(self) -> list[str]:
        return [message["content_id"] for message in self.messages]


@pytest.fixture
def device(http: aiohttp.ClientSession, daemon: DaemonProcess, user: str) -> Device:
    return Device(http, daemon, bearer(user, "tv"))


async def test_what_is_posted_reaches_a_stream_and_polls_in_order_and_once_over_a_drop(
    http: aiohttp.ClientSession, daemon: DaemonProcess, user: str
) -> None:
    author, streaming, polling = (Device(http, daemon, bearer(user, name)) for name in ("phone", "tv", "old-tv"))
    contents = [uuid4() for _ in range(6)]
    async with streaming.stream() as response:
        events = EventReader(response)
        await streaming.see_next(events)  # resumed
        for content in contents[:2]:
            await author.add(content)
        for _ in range(2):
            await streaming.see_next(events)
    await author.add(*contents[2:4])  # while nobody is there
    await polling.poll()
    waiting = asyncio.create_task(polling.poll(55))
    async with streaming.stream() as response:
        events = EventReader(response)
        for _ in range(3):
            await streaming.see_next(events)
        await author.add(contents[4])
        await streaming.see_next(events)
    async with asyncio.timeout(TIMEOUT_S):
        await waiting
    await author.add(contents[5])
    for one in (streaming, polling):
        await one.poll()
        assert one.shown == [str(content) for content in contents]
        assert [message["revision"] for message in one.messages] == [1, 2, 3, 4, 5, 6]


async def test_a_long_list_comes_by_polls_a_piece_or_more_with_each(device: Device) -> None:
    contents = [uuid4() for _ in range(1_100)]
    for start in range(0, len(contents), 500):
        await device.add(*contents[start : start + 500])
    query: dict[str, Any] = {"snapshot": "pieces"}
    polls = 0
    while polls == 0 or "next" in device.messages[-1]:
        if device.messages:
            query["snapshot_cursor"] = device.messages[-1]["next"]
        await device.poll(**query)
        polls += 1
        assert len(device.messages) >= polls
    listed = [item["content_id"] for piece in device.messages for item in piece["items"]]
    assert sorted(listed) == sorted(map(str, contents))
    assert [piece.get("start", False) for piece in device.messages] == [True, *[False] * (len(device.messages) - 1)]


async def test_a_new_device_starts_from_a_list_that_is_shorter_than_its_history_if_it_takes_pieces(
    device: Device, daemon: DaemonProcess, user: str
) -> None:
    await device.add(*[uuid4() for _ in range(500)])
    await device.add(uuid4())
    async with (
        device.stream(snapshot="pieces") as stream,
        connect(f"{daemon.ws_url}?since=0&snapshot=pieces", additional_headers=bearer(user)) as websocket,
        connect(f"{daemon.ws_url}?since=0", additional_headers=bearer(user)) as without,
    ):
        events = EventReader(stream)
        streamed = [(await events.next()).content for _ in range(3)]
        assert streamed == [json.loads(await websocket.recv()) for _ in range(3)]
        resumed, *pieces = streamed
        assert (resumed["recovered"], resumed["reason"], resumed["revision"]) == (False, "list_is_shorter", 501)
        assert [len(piece["items"]) for piece in pieces] == [500, 1]
        assert json.loads(await without.recv())["recovered"]
        assert [json.loads(await without.recv())["revision"] for _ in range(501)] == list(range(1, 502))


async def test_an_operator_disconnects_and_revokes_it_as_he_would_a_websocket(
    http: aiohttp.ClientSession, daemon: DaemonProcess, user: str
) -> None:
    token_id = f"jti-{user}"
    token = mint(SECRET, user, "tv", 3600, token_id=token_id)
    device = Device(http, daemon, {"Authorization": f"Bearer {token}"})
    operator = {"Authorization": f"Bearer {mint(SECRET, 'root', 'console', 3600, scope='syncd:admin')}"}
    for path, body, code in (
        ("/disconnect", {"user_id": user}, 4004),
        ("/revoke", {"token_id": token_id, "expires_at": 4_000_000_000}, 4501),
    ):
        async with device.stream() as response:
            events = EventReader(response)
            assert (await events.next()).content["type"] == "resumed"
            async with http.post(daemon.url + ADMIN + path, json=body, headers=operator) as answer:
                assert (await answer.json())["disconnected"] == 1
            (close,) = await events.rest()
            assert (close.name, close.content["code"]) == (CLOSE, code)
    async with http.get(daemon.url + STREAM, headers={"Authorization": f"Bearer {token}"}) as refused:
        assert (refused.status, (await refused.json())["detail"]) == (401, "The token was revoked.")


async def test_a_daemon_that_stops_says_goodbye_and_waits_for_nobody(
    start_daemon: StartDaemon, http: aiohttp.ClientSession
) -> None:
    daemon = start_daemon()
    device = Device(http, daemon, bearer())
    async with device.stream() as stream, device.stream(poll=55) as poll:
        for response in (stream, poll):
            assert (await EventReader(response).next()).content["type"] == "resumed"
        async with http.get(daemon.url + "/metrics") as metrics:
            lines = (await metrics.text()).splitlines()
        assert {'syncd_streams{kind="poll"} 1.0', 'syncd_streams{kind="stream"} 1.0'} <= set(lines)
        stopping = asyncio.create_task(daemon.terminate())
        for response in (stream, poll):
            goodbye, close = await EventReader(response).rest()
            assert goodbye.content["type"] == "goodbye"
            assert (close.name, close.content["code"]) == (CLOSE, 1001)
        assert await stopping == 0
    said = [json.loads(line) for line in daemon.log.read_text().splitlines()]
    assert [line["event"] for line in said if line["level"] not in ("debug", "info")] == []
