"""A user's devices over HTTP: listed, renamed and forgotten."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import aiohttp
import pytest
from websockets.asyncio.client import connect

from actors.messages.device_registers import description
from actors.messages.devices import DeviceFields, Devices, KnownDevice, KnownFields, ReadDevices
from actors.messages.failures import ReadFailed
from actors.messages.journal import DeviceWrite, Outcome, Status
from actors.messages.registers import RegisterChange
from tests.daemon import FILM, DaemonProcess, bearer
from tests.timeouts import TIMEOUT_S
from tests.transport.http.conftest import Ask
from tests.transport.http.lone_api import api_deps, client
from transport.http.api import http_api

DEVICES = "/api/v1/devices"
HANDOFF = f"{DEVICES}/handoff"
NAMED = KnownFields(device_name="TV", device_type="tv", platform="webos", capabilities=b'{"can_cast":true}')
TV = KnownDevice(device_id="tv", fields=NAMED, last_seen_ms=1_764_000_000_250, nodes=("a",))
PHONE = KnownDevice(device_id="my phone/ü", fields=KnownFields(), last_seen_ms=1_764_000_000_000, nodes=())


def asking(**replacements: Any) -> Ask:
    """``await ask(method, path, body)``: status and answer of an API over stand-ins that answer at once."""

    def journal(read: Any) -> None:
        assert isinstance(read, ReadDevices)
        read.reply_to(replacements.get("found", Devices((PHONE, TV))))

    deps = api_deps(
        journal=journal,
        **{name: value for name, value in replacements.items() if name != "found"},
    )

    async def ask(method: str, path: str, body: Any = None) -> tuple[int, Any]:
        async with client(http_api(deps).app) as http:
            response = await http.request(method, path, json=body, headers=bearer())
            return response.status_code, response.json() if response.content else None

    return ask


async def test_devices_are_listed_as_documented() -> None:
    assert await asking()("GET", DEVICES) == (
        200,
        {
            "devices": [
                {
                    "device_id": "my phone/ü",
                    "device_type": "unknown",
                    "platform": "unknown",
                    "is_online": False,
                    "last_seen": "2025-11-24T16:00:00.000+00:00",
                    "device_name": "my phone/ü",
                },
                {
                    "device_id": "tv",
                    "device_type": "tv",
                    "platform": "webos",
                    "is_online": True,
                    "last_seen": "2025-11-24T16:00:00.250+00:00",
                    "device_name": "TV",
                    "capabilities": {"can_cast": True},
                },
            ],
            "total": 2,
        },
    )


def answering(outcome: Outcome, writes: list[DeviceWrite] | None = None) -> Callable[[DeviceWrite], None]:
    """Return what takes writes, and answers each so."""

    def write(asked: DeviceWrite) -> None:
        if writes is not None:
            writes.append(asked)
        assert asked.answer is not None
        asked.answer(outcome)

    return write


@pytest.mark.parametrize(("path", "device_id"), [("tv", "tv"), ("my%20phone%2F%C3%BC", "my phone/ü")])
async def test_a_device_is_renamed_and_forgotten_by_its_path_whatever_it_is_called(path: str, device_id: str) -> None:
    writes: list[DeviceWrite] = []
    known = KnownDevice(device_id=device_id, fields=NAMED, last_seen_ms=0, nodes=())
    ask = asking(write=answering(Outcome(status=Status.UPDATED), writes), found=Devices((known,)))
    status, body = await ask("PUT", f"{DEVICES}/{path}", {"device_name": "TV", "platform": "webos"})
    assert (status, body["device_id"], body["device_name"]) == (200, device_id, "TV")
    assert await ask("DELETE", f"{DEVICES}/{path}") == (204, None)
    described = description(device_id, DeviceFields(device_name="TV", platform="webos"))
    assert [write.change for write in writes] == [described, RegisterChange(key=device_id, says=None)]
    assert {(write.user_id, write.device_id, write.collection) for write in writes} == {("ann", "phone", "devices")}


@pytest.mark.parametrize(
    ("outcome", "status"),
    [
        (Outcome(status=Status.NOT_FOUND), 404),
        (Outcome(status=Status.REFUSED, reason="away", retry_after_s=2.0), 503),
        (Outcome(status=Status.REFUSED, reason="never"), 400),
    ],
)
async def test_a_device_that_is_not_known_or_cannot_be_written_is_not_changed(outcome: Outcome, status: int) -> None:
    ask = asking(write=answering(outcome))
    assert (await ask("PUT", f"{DEVICES}/tv", {"device_name": "TV"}))[0] == status
    assert (await ask("DELETE", f"{DEVICES}/tv"))[0] == status


async def test_a_device_that_was_forgotten_meanwhile_is_not_there() -> None:
    ask = asking(write=answering(Outcome(status=Status.UPDATED)), found=Devices(()))
    assert (await ask("PUT", f"{DEVICES}/tv", {}))[0] == 404


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("tv", {"device_name": ""}),
        ("tv", {"device_name": "a\nb"}),
        ("tv", {"capabilities": {"all": "x" * 1024}}),
        ("x" * 129, {"device_name": "TV"}),
        ("%FF", {"device_name": "TV"}),
        ("tv%C3", {"device_name": "TV"}),
    ],
)
async def test_what_no_device_is_called_or_says_is_refused(path: str, body: Any) -> None:
    assert (await asking()("PUT", f"{DEVICES}/{path}", body))[0] == 400


async def test_devices_that_cannot_be_read_now_are_503() -> None:
    assert (await asking(found=ReadFailed("away"))("GET", DEVICES))[0] == 503


@pytest.mark.integration
async def test_a_device_is_online_says_what_it_is_is_renamed_forgotten_and_gone(
    daemon: DaemonProcess, api: aiohttp.ClientSession, user: str
) -> None:
    async def ask(method: str, path: str = DEVICES, body: Any = None) -> Any:
        async with api.request(method, path, json=body, headers=bearer(user, "phone")) as response:
            return await response.json() if response.status == 200 else response.status

    async def listed(*expected: tuple[str, str, bool]) -> None:
        async with asyncio.timeout(TIMEOUT_S):
            while await states() != list(expected):
                await asyncio.sleep(0.02)

    async def states() -> list[tuple[str, str, bool]]:
        devices = (await ask("GET"))["devices"]
        return [(device["device_name"], device["device_type"], device["is_online"]) for device in devices]

    async with connect(daemon.ws_url, additional_headers=bearer(user, "tv")) as socket:
        await listed(("tv", "unknown", True))
        await socket.send('{"type":"device_heartbeat","device_type":"tv","id":"h1"}')
        async with asyncio.timeout(TIMEOUT_S):
            assert json.loads(await socket.recv()) == {"type": "ack", "id": "h1", "status": "updated"}
        assert (await ask("PUT", f"{DEVICES}/tv", {"device_name": "Wohnzimmer ☃"}))["device_type"] == "tv"
        assert await states() == [("Wohnzimmer ☃", "tv", True)]
        assert await ask("PUT", f"{DEVICES}/radio", {"device_name": "Radio"}) == 404
    await listed(("Wohnzimmer ☃", "tv", False))
    assert await ask("POST", HANDOFF, {"target_device_id": "tv", "content_id": FILM}) == 400
    assert [await ask("DELETE", f"{DEVICES}/tv") for _ in range(2)] == [204, 404]
    assert await states() == []
    async with connect(daemon.ws_url, additional_headers=bearer(user, "tv")):  # it may be a network that is gone
        await listed(("tv", "unknown", True))
        assert await ask("DELETE", f"{DEVICES}/tv") == 204
        async with connect(daemon.ws_url, additional_headers=bearer(user, "tv")):
            await listed(("tv", "unknown", True))
