"""Devices with a good token and bad intentions: what they cost is bounded, and theirs alone."""

import asyncio
import gc
import json
import re
import tracemalloc
from typing import Any

import aiohttp
import pytest
from uvicorn.server import ServerState
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request
from websockets.server import ServerProtocol

from fuzz.targets import Wire
from tests.daemon import FILM, WATCHLIST, DaemonProcess, StartDaemon, bearer, token
from tests.timeouts import TIMEOUT_S
from transport.websocket.frame_reader import FrameReader
from transport.websocket.handshake import SUBPROTOCOL
from transport.websocket.protocol import WebSocketProtocol
from transport.websocket.state import State

EMPTY_MASK = bytes(4)
PING = b"\x89\x81" + EMPTY_MASK
HANDSHAKE = (
    b"GET /ws HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
HANDSHAKE_FIELDS = [
    (name.lower(), value) for name, _, value in (line.partition(b": ") for line in HANDSHAKE.split(b"\r\n")[1:-2])
]


def test_endless_empty_fragments_are_not_collected() -> None:
    reader = FrameReader(1024)
    reader.feed(b"\x01\x81" + EMPTY_MASK + b"a")
    many = (b"\x00\x80" + EMPTY_MASK) * 25
    tracemalloc.start()
    for _ in range(2000):
        reader.feed(many)
        reader.output()
    kept_bytes, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert kept_bytes < 50_000
    assert reader.feed(b"\x80\x81" + EMPTY_MASK + b"b") == ["ab"]


class Listener(WebSocketProtocol):
    def handshake_received(self, request: Request) -> None:
        self.accept(SUBPROTOCOL)

    def messages_received(self, messages: list[str | bytes]) -> None:
        return


@pytest.fixture
def wire() -> Wire:
    """A connection to an open WebSocket."""
    wire = Wire()
    protocol = Listener(config=None, server_state=ServerState(), app_state=None)
    wire.set_protocol(protocol)
    protocol.connection_made(wire)
    protocol.request_received(b"GET", b"/ws", HANDSHAKE_FIELDS)
    wire.written.clear()
    return wire


def test_pongs_do_not_pile_up_behind_a_peer_that_does_not_read_and_the_newest_ping_is_answered(wire: Wire) -> None:
    wire.protocol.data_received(PING + b"1")
    assert wire.written == [b"\x8a\x011"]
    wire.protocol.pause_writing()
    for payload in (b"2", b"3", b"4"):
        wire.protocol.data_received(PING + payload)
    assert wire.written == [b"\x8a\x011"]
    wire.protocol.resume_writing()
    wire.protocol.data_received(PING + b"5")
    assert [pong for pong in wire.written if pong] == [b"\x8a\x011", b"\x8a\x014", b"\x8a\x015"]


def test_a_close_is_answered_even_when_the_peer_does_not_read(wire: Wire) -> None:
    async def close() -> None:
        wire.protocol.pause_writing()
        wire.protocol.data_received(b"\x88\x82" + EMPTY_MASK + b"\x03\xe8")
        wire.protocol.connection_lost(None)

    asyncio.run(close())
    assert wire.written == [b"\x88\x02\x03\xe8"]


def server_protocols() -> int:
    return sum(isinstance(found, ServerProtocol) for found in gc.get_objects())


def test_a_connection_that_broke_a_rule_leaves_nothing_for_the_collector(wire: Wire) -> None:
    async def violate() -> None:
        wire.protocol.data_received(b"\x8b\x80" + EMPTY_MASK)
        wire.protocol.connection_lost(None)

    gc.collect()
    gc.disable()
    before = server_protocols()
    try:
        asyncio.run(violate())
        assert server_protocols() == before
    finally:
        gc.enable()


@pytest.mark.usefixtures("bystander")
async def test_a_message_nested_deeper_than_the_parser_goes_is_malformed(daemon: DaemonProcess) -> None:
    async with connect(daemon.ws_url, additional_headers=bearer()) as socket:
        for message in ('{"type":"zap","x":' + "[" * 8000, "[" * 8000):
            await socket.send(message)
            assert json.loads(await socket.recv())["type"] == "error"
        await socket.send('{"type":"ping"}')
        assert json.loads(await socket.recv()) == {"type": "pong"}


@pytest.mark.usefixtures("bystander")
@pytest.mark.parametrize(
    "name",
    [
        "../../etc/passwd",
        "ann.sync",
        "*",
        "ann,bob",
        "user.ann.sync",
        ">",
        "ann%2Ebob",
        "a'; DROP TABLE entries --",
        "=2E",
    ],
)
async def test_a_user_id_with_meaning_elsewhere_is_just_a_name(daemon: DaemonProcess, http: Any, name: str) -> None:
    async with connect(daemon.ws_url, additional_headers=bearer(name)) as socket:
        body = {"operation": "add", "content_id": FILM}
        async with http.post(daemon.url + WATCHLIST, json=body, headers=bearer(name, "other")) as response:
            assert response.status == 200
        assert json.loads(await socket.recv())["content_id"] == FILM
    async with http.get(daemon.url + WATCHLIST, headers=bearer("ann")) as response:
        assert (await response.json())["items"] == []
    async with http.get(daemon.url + WATCHLIST, headers=bearer(name)) as response:
        assert [item["content_id"] for item in (await response.json())["items"]] == [FILM]


@pytest.mark.parametrize(
    "frame",
    [
        PING + b"x",
        b"\x8a\x80" + EMPTY_MASK,
        b"\x00\x80" + EMPTY_MASK,
        b"\x80\x80" + EMPTY_MASK + b"\x01\x80" + EMPTY_MASK,
    ],
    ids=["pings", "pongs", "fragments", "messages"],
)
def test_a_read_full_of_frames_that_say_nothing_ends_the_connection_at_once(frame: bytes) -> None:
    reader = FrameReader(16 * 1024)
    reader.feed(b"\x01\x80" + EMPTY_MASK + frame * 250)
    reader.output()
    before = reader.state
    reader.feed(frame * 10_000)
    assert (before, reader.state) == (State.OPEN, State.CLOSING)
    assert reader.frames < 1000
    assert b"".join(reader.output()).endswith(b"\x0f\xa3sends too fast")


async def refused_messages(http: aiohttp.ClientSession, daemon: DaemonProcess) -> float:
    async with http.get(daemon.url + "/metrics") as response:
        found = re.search(r'^syncd_refusals_total{reason="messages"} (\S+)$', await response.text(), re.MULTILINE)
    assert found
    return float(found[1])


FEW_MESSAGES = ("--messages-per-second", "0.001", "--message-burst", "5")
"""So that however slow the machine is, a handful is a flood."""


async def test_a_flood_that_begins_after_our_close_frame_is_not_heard_either(
    start_daemon: StartDaemon, http: aiohttp.ClientSession
) -> None:
    daemon = start_daemon(*FEW_MESSAGES)
    reader, writer = await asyncio.open_connection("127.0.0.1", daemon.port)
    authorized = b"\r\nAuthorization: Bearer %b\r\n\r\n" % token("flooding").encode()
    writer.write(HANDSHAKE.replace(b"\r\n\r\n", authorized))
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"\x82\x80" + bytes(4))  # binary, against the protocol
    async with asyncio.timeout(TIMEOUT_S):
        close = await reader.readexactly(4)
        assert close[0] == 0x88
        assert int.from_bytes(close[2:]) == 4502
        ended = asyncio.create_task(reader.read())
        writer.write((b"\x89\x80" + bytes(4)) * 10)
        while await refused_messages(http, daemon) == 0:
            await asyncio.sleep(0.01)
        while not ended.done():
            writer.write((b"\x89\x80" + bytes(4)) * 100)
            await asyncio.sleep(0.01)
        await ended
    writer.close()
    assert await refused_messages(http, daemon) == 1


async def test_pings_count_as_messages_do(start_daemon: StartDaemon) -> None:
    daemon = start_daemon(*FEW_MESSAGES)
    async with connect(daemon.ws_url, additional_headers=bearer("pinging"), ping_interval=None) as socket:
        async with asyncio.timeout(TIMEOUT_S):
            try:
                while True:
                    await socket.ping()
                    await asyncio.sleep(0)  # so that the end is read
            except ConnectionClosed:
                pass
        assert socket.close_code == 4003


@pytest.mark.usefixtures("bystander")
async def test_half_a_handshake_left_open_disturbs_nobody(daemon: DaemonProcess) -> None:
    pairs = [await asyncio.open_connection("127.0.0.1", daemon.port) for _ in range(50)]
    for _, writer in pairs:
        writer.write(b"GET /ws HTTP/1.1\r\nHost: x\r\nUpgr")
        await writer.drain()
    async with connect(daemon.ws_url, additional_headers=bearer()):
        pass
    for _, writer in pairs:
        writer.close()
        await writer.wait_closed()


@pytest.mark.usefixtures("bystander")
@pytest.mark.parametrize(
    ("message", "code", "named"),
    [
        ("{not json", "malformed", "JSON"),
        ("[]", "malformed", ""),
        ("{}", "unknown_type", "type"),
        ('{"type":"nonsense"}', "unknown_type", "nonsense"),
        ('{"type":"watchlist_update","operation":"add","content_id":"123","id":7}', "invalid_field", "content_id"),
        ('{"type":"watchlist_update","operation":"zap","content_id":"123","id":7}', "invalid_field", "operation"),
    ],
)
async def test_a_bad_message_gets_an_error_that_names_the_field_and_the_connection_stays(
    daemon: DaemonProcess, message: str, code: str, named: str
) -> None:
    async with connect(daemon.ws_url, additional_headers=bearer()) as socket:
        await socket.send(message)
        error = json.loads(await socket.recv())
        assert (error["type"], error["code"]) == ("error", code)
        assert named in str(error)
        await socket.send('{"type":"ping"}')
        assert json.loads(await socket.recv()) == {"type": "pong"}


@pytest.mark.usefixtures("bystander")
@pytest.mark.parametrize(("frame", "close_code"), [(b"binary", 4502), ("x" * (16 * 1024 + 1), 1009)])
async def test_binary_and_over_long_messages_close_with_their_code(
    daemon: DaemonProcess, frame: str | bytes, close_code: int
) -> None:
    async with connect(daemon.ws_url, additional_headers=bearer()) as socket:
        await socket.send(frame)
        with pytest.raises(ConnectionClosed):
            await socket.recv()
        assert socket.close_code == close_code
