"""The AsyncAPI document is well formed, its examples are true, and so is every message of a scripted session."""

import asyncio
import json
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import aiohttp
import jsonschema_rs
import pytest
from websockets.asyncio.client import ClientConnection, connect

from actors.messages.close_codes import CLOSES
from tests.daemon import DaemonProcess, StartDaemon, bearer, token
from tests.server_sent_events import EventReader
from tests.timeouts import TIMEOUT_S
from transport.apidocs.asyncapi import FROM_DEVICE, STREAMED, TO_DEVICE, asyncapi_document
from transport.http.streams.stream_route import STREAM
from transport.websocket.device_codec import decode

DOCUMENT = asyncapi_document("1")
MESSAGES: dict[str, dict[str, Any]] = DOCUMENT["components"]["messages"]


def validator(*names: str) -> jsonschema_rs.Validator:
    """Of whatever is one of the messages ``names``."""
    schema = {"anyOf": [MESSAGES[name]["payload"] for name in names], "components": DOCUMENT["components"]}
    return jsonschema_rs.Draft202012Validator(schema, validate_formats=True)


SENT = validator(*(kind.__name__ for kind in TO_DEVICE))
TAKEN = validator(*(kind.__name__ for kind in FROM_DEVICE))


def references(node: Any) -> Iterator[str]:
    match node:
        case {"$ref": str(reference)}:
            yield reference
        case dict():
            for child in node.values():
                yield from references(child)
        case list():
            for child in node:
                yield from references(child)


def resolved(reference: str) -> Any:
    node: Any = DOCUMENT
    for part in reference.removeprefix("#/").split("/"):
        node = node[part]
    return node


def test_the_document_has_the_parts_of_asyncapi_3() -> None:
    assert DOCUMENT["asyncapi"] == "3.0.0"
    assert {"title", "version"} <= set(DOCUMENT["info"])
    channels = DOCUMENT["channels"]
    assert {name: channel["address"] for name, channel in channels.items()} == {"device": "/ws", "stream": STREAM}
    for operation in DOCUMENT["operations"].values():
        assert operation["action"] in ("send", "receive")
        channel = operation["channel"]["$ref"]
        assert resolved(channel) in channels.values()
        for message in [*operation["messages"], *operation.get("reply", {}).get("messages", [])]:
            assert message["$ref"].startswith(f"{channel}/messages/")  # and not components: the standard's rule


def test_clients_find_the_servers_where_a_proxy_has_them() -> None:
    assert all("pathname" not in server for server in DOCUMENT["servers"].values())
    servers = asyncapi_document("1", "/sync-service")["servers"]
    assert [server["pathname"] for server in servers.values()] == ["/sync-service", "/sync-service"]


def test_every_reference_leads_somewhere() -> None:
    found = set(references(DOCUMENT))
    assert len(found) > 20
    assert all(resolved(reference) for reference in found)


def test_every_message_has_a_true_example() -> None:
    for name, message in MESSAGES.items():
        for example in message["examples"]:
            validator(name).validate(example["payload"])
    for kind in FROM_DEVICE:
        (example,) = MESSAGES[kind.__name__]["examples"]
        assert isinstance(decode(json.dumps(example["payload"])), kind)


def test_the_close_codes_are_the_tables() -> None:
    stated = DOCUMENT["channels"]["device"]["x-close-codes"]
    assert [(row["code"], row["may_reconnect"]) for row in stated] == [(c.code, c.may_reconnect) for c in CLOSES]


@pytest.mark.parametrize(
    "message",
    [
        {"type": "watchlist_update", "content_id": "0b0e6a4e-52a5-4a5b-9a1f-000000000001", "action": "toggle"},
        {"type": "watchlist_update", "action": "add"},
        {"type": "ack"},
        {"type": "ack", "status": "not_found"},
        {"type": "unheard_of"},
        {},
    ],
)
def test_the_schemas_refuse_what_is_never_sent(message: dict[str, Any]) -> None:
    assert not SENT.is_valid(message)


class Device:
    """A device whose every message, in and out, is held against the document."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self.seen: set[str] = set()

    async def send(self, message: dict[str, Any]) -> None:
        TAKEN.validate(message)
        await self._socket.send(json.dumps(message))

    async def send_wrong(self, text: str) -> None:
        await self._socket.send(text)

    async def receive(self, *kinds: str) -> dict[str, Any]:
        """Return the next message, the last of as many as there are ``kinds``; their order among them is free."""
        expected = list(kinds)
        while expected:
            message = await self.receive_any()
            expected.remove(message["type"])
        return message

    async def receive_any(self) -> dict[str, Any]:
        """Return the next message."""
        async with asyncio.timeout(TIMEOUT_S):
            message: dict[str, Any] = json.loads(await self._socket.recv())
        SENT.validate(message)
        self.seen.add(message["type"])
        return message


async def follow_a_list(daemon: DaemonProcess, write: dict[str, Any]) -> set[str]:
    """Use every message of lists, and return those that came."""
    kids = "since=list:kids:9&since=watchlist:3"
    async with connect(f"{daemon.ws_url}?{kids}", additional_headers=bearer("ann", "radio")) as socket:
        radio = Device(socket)
        assert (await radio.receive("resumed"))["list"] == "kids"
        assert (await radio.receive("list_snapshot"))["list"] == "kids"
        await radio.receive("resumed")
        await radio.send(write | {"type": "list_update", "list": "kids", "position": "a0", "data": {"n": 1}})
        await radio.receive("ack", "list_update")
        await radio.send_wrong(json.dumps(write | {"type": "list_update", "list": "kids", "position": ""}))
        assert (await radio.receive("error"))["field"] == "position"
    async with connect(f"{daemon.ws_url}?{kids}&snapshot=pieces", additional_headers=bearer("ann", "mast")) as socket:
        mast = Device(socket)
        await mast.receive("resumed")
        assert (await mast.receive("list_snapshot_piece"))["items"][0]["data"] == {"n": 1}
    return radio.seen | mast.seen


async def follow_progress(daemon: DaemonProcess) -> set[str]:
    """Use every message of progress, and return those that came."""
    played = {"type": "progress_update", "content_id": str(uuid4()), "position_seconds": 5.5, "id": 1}
    since = "since=progress:9"
    async with connect(f"{daemon.ws_url}?{since}", additional_headers=bearer("ann", "radio")) as socket:
        radio = Device(socket)
        assert (await radio.receive("resumed"))["collection"] == "progress"
        assert (await radio.receive("progress_snapshot"))["items"] == []
        await radio.send(played)
        await radio.receive("ack", "progress_update")
    async with connect(f"{daemon.ws_url}?{since}&snapshot=pieces", additional_headers=bearer("ann", "mast")) as socket:
        mast = Device(socket)
        await mast.receive("resumed")
        assert (await mast.receive("progress_snapshot_piece"))["items"][0]["position"] == 5.5
    return radio.seen | mast.seen


async def follow_devices(daemon: DaemonProcess) -> set[str]:
    """Use every message of devices, and return those that came."""
    since = "since=devices:99"
    async with connect(f"{daemon.ws_url}?{since}", additional_headers=bearer("ann", "car")) as socket:
        car = Device(socket)
        assert (await car.receive("resumed"))["collection"] == "devices"
        assert {"device_id", "timestamp"} <= (await car.receive("devices_snapshot"))["items"][0].keys()
        await car.send({"type": "device_update", "device_id": "tv", "device_name": "TV", "id": 1})
        while not {"ack", "device_update"} <= car.seen:
            await car.receive_any()
    async with connect(f"{daemon.ws_url}?{since}&snapshot=pieces", additional_headers=bearer("ann", "van")) as socket:
        van = Device(socket)
        await van.receive("resumed")
        await van.receive("devices_snapshot_piece")
    return car.seen | van.seen


async def follow_lists(daemon: DaemonProcess) -> set[str]:
    """Ask which lists there are, and return the messages that came."""
    async with connect(f"{daemon.ws_url}?since=lists:0", additional_headers=bearer("ann", "car")) as socket:
        car = Device(socket)
        assert (await car.receive("resumed"))["collection"] == "lists"
        assert {"list": "kids", "name": "kids"} in (await car.receive("lists"))["lists"]
    return car.seen


@pytest.mark.integration
async def test_a_whole_session_speaks_as_documented(start_daemon: StartDaemon) -> None:
    daemon = start_daemon()
    async with connect(f"{daemon.ws_url}?since=9", additional_headers=bearer("ann", "tv")) as socket:
        tv = Device(socket)
        resumed = await tv.receive("resumed")
        assert (resumed["recovered"], resumed["reason"]) == (False, "epoch_changed")
        assert (await tv.receive("watchlist_snapshot"))["items"] == []
        write = {"type": "watchlist_update", "operation": "add", "content_id": str(uuid4()), "id": 1}
        await tv.send(write | {"operation_id": "once", "timestamp": 12})
        await tv.receive("ack", "watchlist_update")
        await tv.send(write | {"operation": "remove", "id": "gone", "observed": 1})
        await tv.receive("ack", "watchlist_update")
        await tv.send(write | {"operation": "remove"})
        assert (await tv.receive("error"))["code"] == "not_found"
        await tv.send(write | {"tag": "syncd:99"})
        assert (await tv.receive("error"))["code"] == "refused"
        for text, code in (("{", "malformed"), ('{"type":"zap"}', "unknown_type")):
            await tv.send_wrong(text)
            assert (await tv.receive("error"))["code"] == code
        await tv.send_wrong(json.dumps(write | {"tag": "a\x00"}))
        assert (await tv.receive("error"))["field"] == "tag"
        await tv.send({"type": "authenticate", "token": token("ann", "tv"), "id": "t"})
        await tv.receive("authenticated")
        await tv.send({"type": "authenticate", "token": "nonsense"})
        assert (await tv.receive("error"))["code"] == "unauthorized"
        await tv.send({"type": "device_heartbeat", "capabilities": {"can_cast": True}})
        await tv.send({"type": "ping"})
        await tv.receive("pong")
        await add_over_http(daemon, "ann")
        await tv.receive("watchlist_update")
    async with connect(f"{daemon.ws_url}?since=9&snapshot=pieces", additional_headers=bearer("bob", "tv")) as socket:
        bobs = Device(socket)
        await bobs.receive("resumed")
        assert (await bobs.receive("watchlist_snapshot_piece"))["start"]
    of_others = await follow_a_list(daemon, write) | await follow_progress(daemon) | await follow_devices(daemon)
    of_others |= await follow_lists(daemon)
    async with connect(f"{daemon.ws_url}?since=0", additional_headers=bearer("ann", "tablet")) as socket:
        tablet = Device(socket)
        assert (await tablet.receive("resumed"))["recovered"]
        for _ in range(3):
            await tablet.receive("watchlist_update")
        daemon.process.terminate()
        await tablet.receive("goodbye")
    begin_elsewhere = {"device_command", "notice"}  # on the bus, and with an operator
    assert {
        MESSAGES[kind.__name__]["name"] for kind in TO_DEVICE
    } == tv.seen | bobs.seen | tablet.seen | of_others | begin_elsewhere


@pytest.mark.integration
async def test_a_poll_speaks_as_documented(daemon: DaemonProcess, user: str) -> None:
    query = {"since": "9", "epoch": "gone", "snapshot": "pieces", "poll": "0"}
    async with (
        aiohttp.ClientSession(daemon.url) as http,
        http.get(STREAM, params=query, headers=bearer(user)) as response,
    ):
        *told, last = await EventReader(response).rest()
    for event in told:
        validator(*(kind.__name__ for kind in STREAMED)).validate(event.content)
    assert [event.content["type"] for event in told] == ["resumed", "watchlist_snapshot_piece"]
    validator("Closing").validate(last.content)
    assert last.name == MESSAGES["Closing"]["name"]


async def add_over_http(daemon: DaemonProcess, user: str) -> None:
    write = {"operation": "add", "content_id": str(uuid4())}
    async with (
        aiohttp.ClientSession(daemon.url) as http,
        http.post("/api/v1/sync/watchlist", json=write, headers=bearer(user, "phone")) as response,
    ):
        assert response.status == 200


@pytest.mark.integration
async def test_the_daemon_serves_the_document(daemon: DaemonProcess) -> None:
    async with aiohttp.ClientSession(daemon.url) as http, http.get("/asyncapi.json") as response:
        assert response.content_type == "application/json"
        assert await response.json() | {"info": DOCUMENT["info"]} == DOCUMENT
