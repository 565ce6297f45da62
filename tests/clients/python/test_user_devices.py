"""Devices as an app sees them, on a service that says yes, and on a daemon."""

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest
from syncd_client import Client, Command, Confirmed, Event, NotSignedInError, RequestFailedError, State, sync
from websockets.exceptions import ConnectionClosed
from websockets.sync.server import ServerConnection, serve

from tests.daemon import DaemonProcess, token
from tests.timeouts import TIMEOUT_S

STAMP = {"physical": 1, "logical": 0, "node": "s"}


def talk(connection: ServerConnection) -> None:
    """Follow the watchlist and devices; the phone is online, and what is said of others is kept."""
    assert connection.request is not None
    assert connection.request.path == "/ws?snapshot=pieces&since=watchlist:0&since=devices:0"
    phone = {"type": "device_update", "device_id": "phone"}
    for message in (
        {"type": "resumed", "recovered": True, "revision": 0, "epoch": "e1"},
        {"type": "resumed", "recovered": True, "revision": 1, "epoch": "e1", "collection": "devices"},
        phone | {"is_online": True, "last_seen": "2026-11-26T12:00:00.000+00:00"},
        phone | {"action": "update", "platform": "ios", "revision": 1, "timestamp": STAMP},
    ):
        connection.send(json.dumps(message))
    with suppress(ConnectionClosed):
        for revision, text in enumerate(connection, 2):
            write = json.loads(text)
            operation, number = write.pop("operation"), write.pop("id")
            status = "updated" if operation == "update" else "removed"
            connection.send(json.dumps(write | {"action": operation, "revision": revision}))
            ack = {"type": "ack", "id": number, "status": status, "revision": revision}
            connection.send(json.dumps(ack | {"timestamp": write["timestamp"]}))


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with serve(talk, "127.0.0.1", 0, ping_interval=None) as server:
        serving = threading.Thread(target=server.serve_forever)
        serving.start()
        yield f"http://127.0.0.1:{server.socket.getsockname()[1]}"
        server.shutdown()
        serving.join()


def test_what_a_device_is_and_whether_it_is_online_is_shown_and_changed(url: str) -> None:
    with sync.Client(url) as client:
        devices = client.devices
        assert client.devices is devices
        client.sign_in("alice", lambda: "a-token")
        client.wait_until(lambda: client.state is State.LIVE, TIMEOUT_S)
        phone = devices.get("phone")
        assert phone is not None
        assert (phone.platform, phone.is_online, phone.last_seen) == ("ios", True, "2026-11-26T12:00:00.000+00:00")
        named = devices.update("tv", device_name="Kitchen", capabilities={"can_cast": True})
        assert named is not None
        assert (named.wait(TIMEOUT_S), named.operation, named.device_id, named.content_id) == (
            "memory",
            "update",
            "tv",
            "",
        )
        assert "device_id='tv'" in repr(named)
        client.wait_until(lambda: client.queued == 0, TIMEOUT_S)
        assert [(device.device_id, device.is_online) for device in devices.items] == [("phone", True), ("tv", False)]
        assert devices.update("tv", device_name="Kitchen") is None
        assert devices.update("tv", device_type="tv", platform="webos") is not None
        assert devices.forget("phone").wait(TIMEOUT_S) == "memory"
        assert devices.get("phone") is None
        client.disconnect()
        assert [device.is_online for device in devices.items] == [None]


async def test_mistakes_are_told_before_anything_changes() -> None:
    async with Client("http://127.0.0.1:1") as client:
        with pytest.raises(NotSignedInError):
            client.devices.forget("tv")
        client.sign_in("alice", lambda: "a-token")
        with pytest.raises(ValueError, match=r"^device_name: must be 1 to 128"):
            client.devices.update("tv", device_name="")
        with pytest.raises(ValueError, match=r"^capabilities: has 1\d{3} bytes"):
            client.devices.update("tv", capabilities={"a": "b" * 1_100})
        with pytest.raises(ValueError, match=r"^device_id: must be"):
            client.devices.forget("a\nb")
        assert client.queued == 0


@pytest.mark.integration
async def test_on_a_daemon_a_device_names_itself_another_renames_it_sees_it_come_and_go_and_sends_it_commands(
    daemon: DaemonProcess, user: str
) -> None:
    async def until(condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(TIMEOUT_S):
            await phone.wait_until(condition)

    def is_online(device_id: str) -> bool | None:
        item = phone.devices.get(device_id)
        return None if item is None else item.is_online

    async with Client(daemon.url) as phone:
        assert phone.devices.items == ()
        phone.sign_in(user, lambda: token(user, "phone"))
        await until(lambda: is_online("phone") is True)
        async with Client(daemon.url) as tv:
            commands = tv.events()
            tv.sign_in(user, lambda: token(user, "tv"))
            tv.devices.update("tv", device_name="TV", device_type="tv", capabilities={"can_cast": True})
            await until(lambda: is_online("tv") is True and phone.devices.items[1].device_name == "TV")
            phone.devices.update("tv", device_name="Kitchen ☃")
            await until(lambda: not phone.devices.items[1].pending and phone.queued == 0)
            async with asyncio.timeout(TIMEOUT_S):
                await tv.wait_until(lambda: tv.devices.items[1].device_name == "Kitchen ☃")
                await phone.send("tv", "seek", {"position_seconds": 90})
                told = await anext(event async for event in commands if isinstance(event, Command))
            said = (told.command, told.target_device, told.payload, told.from_device_id)
            assert said == ("seek", "tv", {"position_seconds": 90}, "phone")
        await until(lambda: is_online("tv") is False)
        with pytest.raises(RequestFailedError) as refused:
            await phone.send("tv", "play")
        assert refused.value.code == "device_offline"
        phone.devices.forget("tv")
        await until(lambda: phone.devices.get("tv") is None and phone.queued == 0)
        with pytest.raises(RequestFailedError) as unknown:
            await phone.send("tv", "play")
        assert unknown.value.status == 404


@pytest.mark.integration
async def test_what_a_device_said_before_its_first_connection_is_answered_as_it_is(
    daemon: DaemonProcess, user: str
) -> None:
    async with Client(daemon.url) as tv, Client(daemon.url) as same, Client(daemon.url) as phone:
        told: list[Event] = []
        tv.subscribe(told.append)
        tv.sign_in(user, lambda: token(user, "tv"))
        tv.disconnect()
        tv.devices.update("tv", device_type="tv")
        tv.devices.update("tv", device_name="TV")
        assert phone.devices.items == same.devices.items == ()
        same.sign_in(user, lambda: token(user, "tv"))
        async with asyncio.timeout(TIMEOUT_S):
            await same.wait_until(lambda: same.devices.get("tv") is not None)  # by a connection's word
            phone.sign_in(user, lambda: token(user, "phone"))
            await phone.wait_until(lambda: phone.devices.get("tv") is not None)
            phone.devices.update("tv", device_name="Bedroom")
            await phone.wait_until(lambda: phone.queued == 0)
            tv.connect()
            await tv.wait_until(lambda: tv.queued == 0)
        answers = [event for event in told if isinstance(event, Confirmed)]
        assert [(answer.operation, answer.status) for answer in answers] == [
            ("update", "updated"),
            ("update", "superseded"),
        ]
        shown = tv.devices.get("tv")
        assert shown is not None
        assert (shown.device_type, shown.device_name) == ("tv", "Bedroom"), "a later word holds"
