"""Devices on two nodes of a cluster: what they are, who is online, and what one has another do."""

import json
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import aiohttp
import pytest
from websockets.asyncio.client import ClientConnection, connect

from tests.scenarios.conftest import Bearer, BusServer, ClusterNode, StartNode
from tests.sockets import next_message

pytestmark = pytest.mark.integration

FILM = "0b0e6a4e-52a5-4a5b-9a1f-000000000001"
KEY = "a bus key of the scenarios, and long enough"


async def order(socket: ClientConnection, target: str, **more: Any) -> dict[str, Any]:
    """Send a command, and return what it is answered."""
    await socket.send(json.dumps({"type": "device_command", "target_device_id": target, **more}))
    return await next_message(socket)


class Follower:
    """A device that follows the user's devices, and what it shows of them."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.names: dict[str, str | None] = {}
        self.online: dict[str, bool] = {}
        self.revision = 0

    async def until_it_shows(self, names: dict[str, str | None], online: dict[str, bool]) -> None:
        """Take in what comes until both are shown; ``online`` of those alone that it names."""
        while self.names != names or not online.items() <= self.online.items():
            self._take_in(await next_message(self.socket))

    def _take_in(self, message: dict[str, Any]) -> None:
        if message["type"] != "device_update":
            assert message["type"] in ("resumed", "ack")
            return
        device_id = message["device_id"]
        if "revision" not in message:
            self.online[device_id] = message["is_online"]
            return
        assert message["revision"] > self.revision
        self.revision = message["revision"]
        if message["action"] == "update":
            self.names[device_id] = message.get("device_name")
        else:
            del self.names[device_id]


async def test_devices_are_seen_and_commanded_wherever_they_are(
    bus: BusServer,
    start_node: StartNode,
    bearer: Bearer,
    http: aiohttp.ClientSession,
    until: Callable[[Callable[[], Awaitable[bool]]], Awaitable[None]],
) -> None:
    here = await start_node(*bus.flags, "--bus-key", KEY)
    there = await start_node(*bus.flags, "--bus-key", KEY)

    async def online() -> dict[str, bool]:
        async with http.get(f"{here.url}/api/v1/devices", headers=bearer("ann")) as response:
            listed = (await response.json())["devices"]
            return {device["device_id"]: device["is_online"] for device in listed}

    async def hand_off(target: str) -> tuple[int, Any]:
        body = {"target_device_id": target, "content_id": FILM}
        url = f"{here.url}/api/v1/devices/handoff"
        async with http.post(url, json=body, headers=bearer("ann")) as response:
            return response.status, await response.json(content_type=None)

    async with AsyncExitStack() as stack:

        async def device(node: ClusterNode, device_id: str, user_id: str = "ann", query: str = "") -> ClientConnection:
            url, headers = node.ws_url + query, bearer(user_id, device_id)
            return await stack.enter_async_context(connect(url, additional_headers=headers, compression=None))

        phone, tv, tablet = await device(here, "phone"), await device(there, "tv"), await device(there, "tablet")
        stranger = await device(there, "tv", "bob")
        followers = [Follower(await device(node, "pc", query="?since=devices:0")) for node in (here, there)]
        names: dict[str, str | None] = dict.fromkeys(("pc", "phone", "tablet", "tv"))
        everybody = dict.fromkeys(names, True)
        await until(lambda: _is(online, everybody))
        for follower in followers:
            await follower.until_it_shows(names, everybody)

        ack = await order(phone, "tv", command_type="seek", payload={"position_seconds": 1.0}, id="c1")
        assert ack == {"type": "ack", "id": "c1", "status": "sent"}
        assert await next_message(tv) == {
            "type": "device_command",
            "command": "seek",
            "target_device": "tv",
            "payload": {"position_seconds": 1.0},
            "from_device_id": "phone",
        }
        assert (await order(phone, "radio", command_type="play"))["code"] == "not_found"
        assert await hand_off("tablet") == (
            200,
            {"success": True, "target_device_id": "tablet", "content_id": FILM, "position_seconds": None},
        )
        handed = await next_message(tablet)  # the first that it is told
        assert (handed["command"], handed["target_device"]) == (f"handoff:{FILM}", "tablet")
        assert (await order(tv, "tv", command_type="pause", id=1))["command"] == "pause"  # to itself, on one node
        await stranger.send('{"type":"ping"}')
        assert await next_message(stranger) == {"type": "pong"}

        await tv.close()
        await until(lambda: _is(online, everybody | {"tv": False}))
        rename = {"type": "device_update", "device_id": "tv", "device_name": "Küche"}
        await followers[0].socket.send(json.dumps(rename))
        for follower in followers:
            await follower.until_it_shows(names | {"tv": "Küche"}, everybody | {"tv": False})
        assert (await order(phone, "tv", command_type="play"))["code"] == "device_offline"
        assert [(await hand_off(target))[0] for target in ("tv", "radio")] == [400, 404]
        async with http.delete(f"{here.url}/api/v1/devices/tv", headers=bearer("ann")) as response:
            assert response.status == 204
        del names["tv"]
        for follower in followers:
            await follower.until_it_shows(names, {"tablet": True})


async def _is(look: Callable[[], Awaitable[dict[str, bool]]], expected: dict[str, bool]) -> bool:
    return await look() == expected
