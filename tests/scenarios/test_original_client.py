"""An app that was written for the original service works: its paths, bodies and messages, and nothing that is ours.

What it sends and reads is that service's own. Fields that it does not know are ignored, as it ignored them.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

import aiohttp
import pytest
from websockets.asyncio.client import ClientConnection, connect

from tests.daemon import DaemonProcess, bearer
from tests.timeouts import TIMEOUT_S

FILM = "5a1f0b0e-52a5-4a5b-9a1f-00000000000a"


class OriginalClient:
    """One device of a user, as the original service's apps were."""

    def __init__(self, daemon: DaemonProcess, user: str, device: str) -> None:
        self.device = device
        self._daemon = daemon
        self._headers = bearer(user, device)

    async def call(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        async with (
            aiohttp.ClientSession(self._daemon.url, headers=self._headers) as http,
            http.request(method, path, json=body) as response,
        ):
            return response.status, await response.json(content_type=None)

    async def open(self) -> None:
        self._socket: ClientConnection = await connect(self._daemon.ws_url, additional_headers=self._headers)

    async def send(self, **message: Any) -> None:
        await self._socket.send(json.dumps(message))

    async def listed(self, *online: str) -> dict[str, Any]:
        """Return the answer to ``GET /api/v1/devices`` as soon as these are online in it."""
        async with asyncio.timeout(TIMEOUT_S):
            while True:
                status, answer = await self.call("GET", "/api/v1/devices")
                assert status == 200
                if {*online} <= {device["device_id"] for device in answer["devices"] if device["is_online"]}:
                    return dict(answer)
                await asyncio.sleep(0.05)

    async def hear(self, kind: str) -> dict[str, Any]:
        """Return the next message of this type; the others are not for this test."""
        async with asyncio.timeout(TIMEOUT_S):
            while True:
                message: dict[str, Any] = json.loads(await self._socket.recv())
                if message["type"] == kind:
                    return message

    async def close(self) -> None:
        await self._socket.close()


@pytest.fixture
async def phone(daemon: DaemonProcess) -> AsyncIterator[OriginalClient]:
    client = OriginalClient(daemon, "original", "phone")
    await client.open()
    yield client
    await client.close()


@pytest.fixture
async def tv(daemon: DaemonProcess) -> AsyncIterator[OriginalClient]:
    client = OriginalClient(daemon, "original", "tv")
    await client.open()
    yield client
    await client.close()


async def test_health_says_who_it_is(phone: OriginalClient) -> None:
    status, health = await phone.call("GET", "/health")
    assert status == 200
    assert health["status"] == "healthy"
    assert {"service", "version"} <= health.keys()


async def test_the_watchlist_is_kept_the_same(phone: OriginalClient, tv: OriginalClient) -> None:
    status, added = await phone.call("POST", "/api/v1/sync/watchlist", {"operation": "add", "content_id": FILM})
    assert status == 200
    assert added.items() >= {"success": True, "operation": "add", "content_id": FILM}.items()
    assert "timestamp" in added
    assert (await tv.hear("watchlist_update")).items() >= {"content_id": FILM, "action": "add"}.items()

    await tv.send(type="watchlist_update", operation="remove", content_id=FILM, timestamp=1_764_000_000_000)
    assert (await phone.hear("watchlist_update"))["action"] == "add"
    assert (await phone.hear("watchlist_update")).items() >= {"content_id": FILM, "action": "remove"}.items()

    status, absent = await phone.call("POST", "/api/v1/sync/watchlist", {"operation": "remove", "content_id": FILM})
    assert status == 404
    assert isinstance(absent["error"], str)
    status, _ = await phone.call("POST", "/api/v1/sync/watchlist", {"operation": "toggle", "content_id": FILM})
    assert status == 400


async def test_progress_goes_from_device_to_device(phone: OriginalClient, tv: OriginalClient) -> None:
    body = {"content_id": FILM, "position_seconds": 1800, "duration_seconds": 7200, "state": "playing"}
    status, kept = await phone.call("POST", "/api/v1/sync/progress", body)
    assert status == 200
    expected = {"success": True, "content_id": FILM, "position_seconds": 1800, "completion_percent": 25.0}
    assert kept.items() >= expected.items()
    assert "timestamp" in kept
    told = await tv.hear("progress_update")
    assert told.items() >= {"content_id": FILM, "position": 1800, "duration": 7200}.items()

    await tv.send(type="progress_update", content_id=FILM, position_seconds=2400, timestamp=1_764_000_000_000)
    while (told := await phone.hear("progress_update"))["position"] != 2400:
        pass
    assert told.items() >= {"content_id": FILM, "duration": 7200}.items()


async def test_devices_are_listed_with_who_is_there(phone: OriginalClient, tv: OriginalClient) -> None:
    await tv.send(
        type="device_heartbeat",
        capabilities={"max_resolution": "4K", "hdr_support": ["HDR10"], "audio_codecs": ["aac"], "can_cast": True},
    )
    listed = await phone.listed("phone", "tv")
    assert listed["total"] == len(listed["devices"])
    fields = {"device_id", "device_type", "platform", "is_online", "last_seen", "device_name"}
    assert all(fields <= device.keys() for device in listed["devices"])
    found = {device["device_id"]: device for device in listed["devices"]}
    assert datetime.fromisoformat(found["tv"]["last_seen"]).tzinfo is not None


async def test_a_film_is_handed_to_another_device(phone: OriginalClient, tv: OriginalClient) -> None:
    body = {"content_id": FILM, "position_seconds": 3000, "duration_seconds": 7200, "state": "paused"}
    await phone.call("POST", "/api/v1/sync/progress", body)
    status, handed = await phone.call("POST", "/api/v1/devices/handoff", {"target_device_id": "tv", "content_id": FILM})
    assert status == 200
    expected = {"success": True, "target_device_id": "tv", "content_id": FILM, "position_seconds": 3000}
    assert handed.items() >= expected.items()
    assert (await tv.hear("device_command"))["command"] == f"handoff:{FILM}"


async def test_a_handoff_to_nobody_is_404_and_to_who_is_away_400(daemon: DaemonProcess, phone: OriginalClient) -> None:
    tablet = OriginalClient(daemon, "original", "tablet")
    await tablet.open()
    await phone.listed("tablet")
    await tablet.close()
    path, body = "/api/v1/devices/handoff", {"content_id": FILM}
    async with asyncio.timeout(TIMEOUT_S):
        while (await phone.call("POST", path, {**body, "target_device_id": "tablet"}))[0] != 400:
            await asyncio.sleep(0.05)
    assert (await phone.call("POST", path, {**body, "target_device_id": "none"}))[0] == 404


async def test_a_command_reaches_one_device(phone: OriginalClient, tv: OriginalClient) -> None:
    await phone.send(type="device_command", target_device_id="tv", command_type="pause")
    assert (await tv.hear("device_command"))["command"] == "pause"


async def test_a_ping_is_answered(phone: OriginalClient) -> None:
    await phone.send(type="ping")
    await phone.hear("pong")
