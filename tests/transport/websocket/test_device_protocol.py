"""A device's socket and its actor together, over real TCP, on both event loops (see conftest.py)."""

import asyncio
import os
import socket
import struct
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Any

import msgspec
import pytest
import uvicorn
from msgspec import structs
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.frames import Frame, Opcode

from actors.connection.deps import ConnectionDeps, HandshakeResult
from actors.connection.sync_websocket import SyncWebSocket
from actors.messages.connection import (
    ConnectionInfo,
    ConnectionMessage,
    Deliver,
    Listed,
)
from actors.ports import DeviceSocket
from tests.fakes.late_keys import LateKeys
from tests.fakes.lone_watchlist import LoneWatchlist, part
from tests.timeouts import TIMEOUT_S
from transport.access.authentication import Authenticator
from transport.access.limits import Limits, Quotas
from transport.access.minting import mint
from transport.access.signing_keys import FixedKeys, SigningKeys, shared_secret
from transport.connection.device_connection import DeviceDeps
from transport.connection.kernel_buffer import UNSENT_IN_KERNEL_BYTES
from transport.http.http1 import phases as http_phases
from transport.http.http1.request_limits import RequestLimits
from transport.http.protocol import HttpProtocol
from transport.websocket import protocol as websocket
from transport.websocket.device_codec import encode
from transport.websocket.device_protocol import DeviceProtocol
from transport.wire.frames import frame

SECRET = "a secret of more than thirty-two bytes"
FILM = "550e8400-e29b-41d4-a716-446655440000"
Serve = Callable[..., Any]


class Clock:
    """The loop's, which a test puts forward."""

    def __init__(self) -> None:
        self.ahead_s = 0.0

    def __call__(self) -> float:
        return asyncio.get_running_loop().time() + self.ahead_s


class Service:
    def __init__(self, port: int, watchlist: LoneWatchlist) -> None:
        self.port = port
        self.watchlist = watchlist

    def connect(self, query: str = "", ttl_s: int = 600, **options: Any) -> connect:
        token = mint(SECRET, "ann", "tv", ttl_s, token_id="jti")
        options.setdefault("additional_headers", {"Authorization": f"Bearer {token}"})
        return connect(f"ws://127.0.0.1:{self.port}/ws{query}", **options)

    async def open_raw(self, query: str = "") -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Return a device that speaks in bytes, after its handshake."""
        reader, writer = await self.ask_raw(query)
        await reader.readuntil(b"\r\n\r\n")
        return reader, writer

    async def ask_raw(self, query: str = "") -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Return a device that speaks in bytes and whose handshake is not answered yet."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port, limit=1024)
        writer.write(
            b"GET /ws%b HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
            b"Authorization: Bearer %b\r\n\r\n"
            % (query.encode(), mint(SECRET, "ann", "tv", 600, token_id="jti").encode())
        )
        return reader, writer

    async def next_joined(self) -> ConnectionInfo:
        return await asyncio.wait_for(self.watchlist.joined.get(), TIMEOUT_S)

    async def next_left(self) -> ConnectionInfo:
        return await asyncio.wait_for(self.watchlist.left.get(), TIMEOUT_S)


Start = Callable[..., Any]


def make_deps(
    watchlist: LoneWatchlist, keys: SigningKeys | None = None, clock: Clock | None = None, **heartbeat: Any
) -> DeviceDeps:
    deps = ConnectionDeps(tell_watchlist=watchlist.tell, frame=encode, now_s=clock or Clock(), **heartbeat)
    return DeviceDeps(
        authenticator=Authenticator(keys or shared_secret(SECRET)),
        quotas=Quotas(Limits()),
        spawn=partial(SyncWebSocket.launch, deps),
        reconnect_spread_ms=100,
    )


@pytest.fixture
def start(serve: Serve) -> Start:
    async def start(**options: Any) -> Service:
        watchlist = LoneWatchlist()
        port = await serve(partial(DeviceProtocol, make_deps(watchlist, **options)))
        return Service(port, watchlist)

    return start


@pytest.fixture
async def service(start: Start) -> Service:
    started: Service = await start()
    return started


async def say(client: ClientConnection, **message: Any) -> Any:
    await client.send(msgspec.json.encode(message).decode())
    return await hear(client)


async def hear(client: ClientConnection) -> Any:
    return msgspec.json.decode(await asyncio.wait_for(client.recv(), TIMEOUT_S))


async def closed(client: ClientConnection) -> int | None:
    """Wait for the end and return the service's close code."""
    await asyncio.wait_for(client.wait_closed(), TIMEOUT_S)
    return client.close_code


async def read_frames(reader: asyncio.StreamReader) -> AsyncIterator[Frame]:
    """Read a service's frames up to its close frame or the end of the stream."""
    opcode = None
    while opcode is not Opcode.CLOSE:
        try:
            head, length = await asyncio.wait_for(reader.readexactly(2), TIMEOUT_S)
            if length == 126:
                (length,) = struct.unpack("!H", await reader.readexactly(2))
            elif length == 127:
                (length,) = struct.unpack("!Q", await reader.readexactly(8))
            opcode = Opcode(head & 0x0F)
            yield Frame(opcode, await reader.readexactly(length))
        except asyncio.IncompleteReadError:
            return


def masked(first: int, payload: bytes) -> bytes:
    mask = os.urandom(4)
    return bytes((first, 0x80 | len(payload))) + mask + bytes(b ^ mask[i % 4] for i, b in enumerate(payload))


async def test_a_device_is_shown_what_is_delivered_and_nothing_before(service: Service) -> None:
    async with service.connect() as client:
        connection = await service.next_joined()
        connection.tell(Deliver(1, (frame(b'"one"'), frame(b'"two"'))))
        assert [await hear(client), await hear(client)] == ["one", "two"]
    assert await service.next_left() is connection


async def test_a_device_with_since_is_shown_resumed_first(service: Service) -> None:
    service.watchlist.missed = (frame(b'"six"'),)
    async with service.connect("?since=5") as client:
        (await service.next_joined()).tell(Deliver(7, (frame(b'"seven"'),)))
        resumed = {"type": "resumed", "recovered": True, "revision": 6, "epoch": "e"}
        assert [await hear(client) for _ in range(3)] == [resumed, "six", "seven"]


async def test_what_a_device_says_is_answered(service: Service) -> None:
    async with service.connect() as client:
        assert await say(client, type="ping") == {"type": "pong"}
        written = await say(client, type="watchlist_update", operation="add", content_id=FILM, id=1)
        assert written == {"type": "ack", "id": 1, "status": "existing"}
        refused = await say(client, type="watchlist_update", operation="add", content_id="123", id=2)
        assert (refused["type"], refused["field"], refused["id"]) == ("error", "content_id", 2)
        assert (await say(client, type="dance"))["code"] == "unknown_type"
        await client.send("not json")
        assert (await hear(client))["code"] == "malformed"
        assert await say(client, type="ping") == {"type": "pong"}


async def test_the_time_outs_of_http_are_not_those_of_a_websocket(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_phases, "LINGER_S", 0.01)
    async with service.connect() as client:
        await asyncio.sleep(0.05)
        assert await say(client, type="ping") == {"type": "pong"}


async def test_what_a_device_says_before_it_closes_is_accepted(service: Service) -> None:
    reader, writer = await service.open_raw()
    write = b'{"type":"watchlist_update","operation":"add","content_id":"%b"}' % FILM.encode()
    writer.write(masked(0x81, write) + masked(0x88, struct.pack("!H", 1000)))
    (close,) = [received async for received in read_frames(reader)]
    assert struct.unpack("!H", close.data) == (1000,)
    writer.close()
    await service.next_left()
    assert service.watchlist.writes == 1


async def test_a_fragmented_text_is_understood(service: Service) -> None:
    async with service.connect() as client:
        await client.send(['{"type"', ':"pi', 'ng"}'])
        assert await hear(client) == {"type": "pong"}


async def test_ten_thousand_writes_at_once_are_all_answered(service: Service) -> None:
    reader, writer = await service.open_raw()
    message = b'{"type":"watchlist_update","operation":"add","content_id":"%b"}' % FILM.encode()
    writer.write(masked(0x81, message) * 10_000)
    answers = 0
    async for answer in read_frames(reader):
        assert answer.data == b'{"type":"ack","status":"existing"}'
        answers += 1
        if answers == 10_000:
            writer.close()
            break
    await service.next_left()


@pytest.mark.parametrize(
    ("message", "code"),
    [(b"\x00binary", 4502), ("x" * (websocket.MAX_MESSAGE_BYTES + 1), 1009)],
)
async def test_a_message_that_is_not_allowed_ends_the_connection(
    service: Service, message: str | bytes, code: int
) -> None:
    async with service.connect() as client:
        await client.send(message)
        assert await closed(client) == code
    await service.next_left()


async def test_a_binary_message_among_others_ends_the_connection_behind_what_came_before_it(service: Service) -> None:
    reader, writer = await service.open_raw()
    writer.write(masked(0x81, b'{"type":"ping"}') + masked(0x82, b"binary") + masked(0x81, b'{"type":"ping"}'))
    pong, close = [received async for received in read_frames(reader)]
    assert pong.data == b'{"type":"pong"}'
    assert struct.unpack("!H", close.data[:2]) == (4502,)
    writer.close()
    await service.next_left()


async def test_a_large_message_is_refused_while_it_is_still_being_sent(service: Service) -> None:
    reader, writer = await service.open_raw()
    length = 50 << 20
    writer.write(b"\x81\xff" + struct.pack("!Q", length) + b"mask" + bytes(1 << 20))
    frames = [received async for received in read_frames(reader)]
    assert struct.unpack("!H", frames[-1].data[:2]) == (1009,)
    writer.close()
    await service.next_left()


@pytest.mark.parametrize(
    ("sent", "code"), [(b"\x81\x02hi", 1002), (masked(0x81, b"\xff\xff"), 1007)], ids=["unmasked", "not UTF-8"]
)
async def test_a_broken_rule_is_answered_with_its_code(service: Service, sent: bytes, code: int) -> None:
    reader, writer = await service.open_raw()
    writer.write(sent)
    frames = [received async for received in read_frames(reader)]
    assert struct.unpack("!H", frames[-1].data[:2]) == (code,)
    writer.close()
    await service.next_left()


async def test_a_device_that_closes_is_answered_and_leaves(service: Service) -> None:
    client = await service.connect()
    connection = await service.next_joined()
    await client.close(1000, "bye")
    assert (client.close_code, client.close_reason) == (1000, "bye")
    assert await service.next_left() is connection


async def test_a_device_that_vanishes_without_a_word_leaves(service: Service) -> None:
    _, writer = await service.open_raw()
    connection = await service.next_joined()
    writer.transport.abort()
    assert await service.next_left() is connection


async def test_a_device_that_does_not_read_is_closed_with_4002_and_holds_up_nobody(service: Service) -> None:
    reader, writer = await service.open_raw()
    slow = await service.next_joined()
    async with service.connect() as quick:
        quick_connection = await service.next_joined()
        slow.tell(Deliver(1, (frame(b"x" * 65_000),) * 200))
        quick_connection.tell(Deliver(1, (frame(b'"after the slow one\'s turn"'),)))
        await hear(quick)
        slow.tell(Deliver(201, (frame(b"small"),) * 257))
        assert await service.next_left() is slow
        quick_connection.tell(Deliver(2, (frame(b'"hello"'),)))
        assert await hear(quick) == "hello"
    *read, last = [received async for received in read_frames(reader)]
    assert struct.unpack("!H", last.data[:2]) == (4002,)
    assert len(read) == 200
    writer.close()


async def test_a_device_that_never_answers_our_close_is_cut_off(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(websocket, "CLOSE_TIMEOUT_S", 0.05)
    reader, writer = await service.open_raw()
    writer.write(masked(0x82, b"binary"))
    (close,) = [received async for received in read_frames(reader)]
    assert struct.unpack("!H", close.data[:2]) == (4502,)
    assert await asyncio.wait_for(reader.read(1), TIMEOUT_S) == b""
    writer.close()


@pytest.mark.skipif(not hasattr(socket, "TCP_NOTSENT_LOWAT"), reason="the kernel has no such bound")
async def test_the_kernel_takes_little_more_of_a_device_than_it_is_about_to_send(serve: Serve) -> None:
    bounds: list[int] = []

    class Bounded(DeviceProtocol):
        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            server_side = transport.get_extra_info("socket")
            bounds.append(server_side.getsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT))

    service = Service(await serve(partial(Bounded, make_deps(LoneWatchlist()))), LoneWatchlist())
    async with service.connect():
        assert bounds == [UNSENT_IN_KERNEL_BYTES]


async def test_pings_are_answered_in_the_midst_of_a_list_and_messages_behind_it(service: Service) -> None:
    service.watchlist.parts.append(part(b"[" + b"1," * 100_000, opens=True, closes=False))
    async with service.connect("?since=0", max_size=None) as client:
        assert (await hear(client))["recovered"] is False
        listing = asyncio.create_task(client.recv())
        connection = await asyncio.wait_for(service.watchlist.asked_on.get(), TIMEOUT_S)
        connection.tell(Deliver(10, (frame(b'"ten"'),)))
        await client.send('{"type":"ping"}')
        for _ in range(3):
            await asyncio.wait_for(await client.ping(), TIMEOUT_S)
        assert not listing.done()
        connection.tell(Listed(part(b"2]", opens=False, closes=True), 9))
        assert len(msgspec.json.decode(await asyncio.wait_for(listing, TIMEOUT_S))) == 100_001
        assert [await hear(client) for _ in range(2)] == [{"type": "pong"}, "ten"]


async def test_a_list_is_taken_as_the_device_reads_it(service: Service) -> None:
    whole = b"[" + b"1," * 10_000_000 + b"2]"
    service.watchlist.parts.append(part(whole, opens=True, closes=True))
    async with service.connect("?since=0", max_size=None) as client:
        assert (await hear(client))["recovered"] is False
        assert await asyncio.wait_for(client.recv(decode=False), TIMEOUT_S) == whole


STEP_S = 0.9
"""Of a clock that is put forward: a look that is a second late would be the service's own absence."""


async def test_a_silent_device_is_pinged_and_closed_with_4001(start: Start) -> None:
    clock = Clock()
    service = await start(clock=clock, heartbeat_interval_s=0.01, heartbeat_timeout_s=2 * STEP_S)
    reader, writer = await service.open_raw()
    frames = read_frames(reader)
    for _ in range(4):  # two until it is silent, two until the second look
        assert (await anext(frames)).opcode is Opcode.PING
        clock.ahead_s += STEP_S
    *pings, close = [received async for received in frames]
    assert {received.opcode for received in pings} <= {Opcode.PING}
    assert struct.unpack("!H", close.data[:2]) == (4001,)
    writer.close()
    await service.next_left()


async def test_a_device_that_takes_nothing_of_what_it_asked_for_is_let_go(start: Start) -> None:
    clock, closes = Clock(), Counter[int]()
    service = await start(
        clock=clock, heartbeat_interval_s=0.01, heartbeat_timeout_s=6_000, unread_timeout_s=5 * STEP_S, closes=closes
    )
    service.watchlist.parts.append(part(bytes(20_000_000), opens=True, closes=True))
    _, writer = await service.open_raw("?since=0")
    writer.transport.pause_reading()
    left = asyncio.create_task(service.next_left())
    while not left.done():
        clock.ahead_s += STEP_S
        await asyncio.sleep(0.01)
    assert closes == {4002: 1}
    writer.close()


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel does not say")
async def test_what_a_device_has_not_confirmed_is_in_the_process_or_in_the_kernel(serve: Serve) -> None:
    watchlist = LoneWatchlist()
    deps = make_deps(watchlist)
    sockets: list[DeviceSocket] = []

    def spawn(socket: DeviceSocket, handshake: HandshakeResult) -> Callable[[ConnectionMessage], None]:
        sockets.append(socket)
        return deps.spawn(socket, handshake)

    service = Service(await serve(partial(DeviceProtocol, structs.replace(deps, spawn=spawn))), watchlist)
    _, writer = await service.open_raw()  # which takes little ahead of who reads it
    (device,) = sockets
    device.write(frame(bytes(20_000_000)))
    async with asyncio.timeout(TIMEOUT_S):
        while device.unconfirmed_bytes() <= device.unsent_bytes():
            await asyncio.sleep(0.001)
    writer.transport.abort()
    await service.next_left()
    assert device.unconfirmed_bytes() == 0


async def test_a_device_that_answers_pings_stays(start: Start) -> None:
    clock = Clock()
    service = await start(clock=clock, heartbeat_interval_s=0.01, heartbeat_timeout_s=2 * STEP_S)
    reader, writer = await service.open_raw()
    frames = read_frames(reader)
    for _ in range(8):
        assert (await anext(frames)).opcode is Opcode.PING
        writer.write(masked(0x8A, b""))
        clock.ahead_s += STEP_S
    writer.close()
    await service.next_left()


async def test_a_connection_ends_with_its_token_unless_it_is_renewed(start: Start) -> None:
    clock = Clock()
    service = await start(clock=clock, heartbeat_interval_s=0.01, heartbeat_timeout_s=60_000)
    async with service.connect(ttl_s=600) as ends, service.connect(ttl_s=600) as lasts:
        renewed = await say(lasts, type="authenticate", token=mint(SECRET, "ann", "tv", 6_000), id="r")
        assert (renewed["type"], renewed["id"]) == ("authenticated", "r")
        clock.ahead_s = 600
        assert await closed(ends) == 4500
        assert await say(lasts, type="ping") == {"type": "pong"}
        clock.ahead_s = 6_000
        assert await closed(lasts) == 4500


async def test_a_bad_token_is_refused_and_anothers_ends_the_connection(service: Service) -> None:
    async with service.connect() as client:
        refused = await say(client, type="authenticate", token="nonsense", id="r")
        assert (refused["type"], refused["code"], refused["id"]) == ("error", "unauthorized", "r")
        await client.send(f'{{"type":"authenticate","token":"{mint(SECRET, "bob", "tv", 60)}"}}')
        assert await closed(client) == 4503


async def test_a_revoked_token_ends_its_connection_once(serve: Serve) -> None:
    watchlist = LoneWatchlist()
    deps = make_deps(watchlist)
    sockets: list[DeviceSocket] = []

    def spawn(socket: DeviceSocket, handshake: HandshakeResult) -> Callable[[ConnectionMessage], None]:
        sockets.append(socket)
        return deps.spawn(socket, handshake)

    service = Service(await serve(partial(DeviceProtocol, structs.replace(deps, spawn=spawn))), watchlist)
    async with service.connect() as client:
        (protocol,) = sockets
        assert isinstance(protocol, DeviceProtocol)
        revoked = [protocol.disconnect_if_revoked({token_id}) for token_id in ("another", "jti", "jti")]
        assert revoked == [False, True, False]
        assert await closed(client) == 4501
    await service.next_left()


async def test_a_token_whose_key_was_withdrawn_ends_its_connection_and_another_does_not(serve: Serve) -> None:
    watchlist = LoneWatchlist()
    deps = make_deps(watchlist, shared_secret(SECRET, previous=SECRET[::-1]))
    sockets: list[DeviceSocket] = []

    def spawn(socket: DeviceSocket, handshake: HandshakeResult) -> Callable[[ConnectionMessage], None]:
        sockets.append(socket)
        return deps.spawn(socket, handshake)

    service = Service(await serve(partial(DeviceProtocol, structs.replace(deps, spawn=spawn))), watchlist)
    async with service.connect() as client:
        (protocol,) = sockets
        assert isinstance(protocol, DeviceProtocol)
        known = ({"jwt-secret", "another"}, {"another"})
        assert [protocol.is_of_other_key_than(left) for left in known] == [False, True]
        protocol.disconnect_if_withdrawn({"jwt-secret", "another"})
        renewed = await say(client, type="authenticate", token=mint(SECRET[::-1], "ann", "tv", 600))
        assert renewed["type"] == "authenticated"
        protocol.disconnect_if_withdrawn({"jwt-previous-secret"})
        assert await say(client, type="ping") == {"type": "pong"}
        for _ in range(2):
            protocol.disconnect_if_withdrawn({"jwt-secret"})
        assert await closed(client) == 4500
        assert not protocol.is_of_other_key_than(set())
    await service.next_left()


@pytest.mark.parametrize(
    ("found", "status"), [(shared_secret(SECRET), b"101"), (shared_secret(SECRET[::-1]), b"401"), (None, b"503")]
)
async def test_a_handshake_waits_for_the_issuers_keys(start: Start, found: FixedKeys | None, status: bytes) -> None:
    keys = LateKeys()
    service = await start(keys=keys)
    reader, writer = await service.ask_raw()
    await asyncio.wait_for(keys.asked.wait(), TIMEOUT_S)
    assert service.watchlist.joined.empty()
    keys.found = found
    keys.answered.set()
    answer = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), TIMEOUT_S)
    assert answer.split()[1] == status
    assert (b"Retry-After: 2\r\n" in answer) == (status == b"503")
    if status != b"101":  # what comes after a refusal is read: the client's end would not be noticed else
        writer.write(bytes(8 << 20))
        await asyncio.wait_for(writer.drain(), TIMEOUT_S)
    writer.close()
    if status == b"101":
        await service.next_left()


async def test_a_renewal_that_nobody_can_judge_now_may_be_tried_again_and_the_old_token_stays(start: Start) -> None:
    keys = LateKeys()
    keys.found = shared_secret(SECRET)
    keys.answered.set()
    service = await start(keys=keys)
    async with service.connect() as client:
        keys.found = None
        answer = await say(client, type="authenticate", token=mint(SECRET[::-1], "ann", "tv", 600), id="r")
        assert answer == {
            "type": "error",
            "id": "r",
            "code": "try_again_later",
            "field": "token",
            "message": "The issuer is away.",
            "retry_after_ms": 2000,
        }
        keys.found = shared_secret(SECRET[::-1])
        renewed = await say(client, type="authenticate", token=mint(SECRET[::-1], "ann", "tv", 600), id="s")
        assert (renewed["type"], renewed["id"]) == ("authenticated", "s")


async def test_one_renewal_waits_for_the_issuers_keys_and_another_beside_it_is_refused(start: Start) -> None:
    keys = LateKeys(shared_secret(SECRET))
    keys.answered.set()
    service = await start(keys=keys)
    async with service.connect() as client:
        keys.asked.clear()
        keys.answered.clear()
        token = mint(SECRET[::-1], "ann", "tv", 600)
        await client.send(msgspec.json.encode({"type": "authenticate", "token": token, "id": "r"}).decode())
        await asyncio.wait_for(keys.asked.wait(), TIMEOUT_S)
        beside = await say(client, type="authenticate", token=token, id="s")
        assert (beside["code"], beside["id"]) == ("unauthorized", "s")
        keys.answered.set()  # and the token's key is not among them
        waited = await hear(client)
        assert (waited["code"], waited["id"]) == ("unauthorized", "r")
        keys.found = shared_secret(SECRET[::-1])
        renewed = await say(client, type="authenticate", token=token, id="t")
        assert (renewed["type"], renewed["id"]) == ("authenticated", "t")


async def test_a_handshake_that_has_waited_for_the_issuers_keys_is_refused_if_a_limit_is_reached(serve: Serve) -> None:
    watchlist, keys = LoneWatchlist(), LateKeys(shared_secret(SECRET))
    deps = structs.replace(make_deps(watchlist, keys), quotas=Quotas(Limits(max_connections_per_user=1)))
    service = Service(await serve(partial(DeviceProtocol, deps)), watchlist)
    handshakes = [await service.ask_raw() for _ in range(2)]
    await asyncio.wait_for(keys.asked.wait(), TIMEOUT_S)
    keys.answered.set()
    answers = [await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), TIMEOUT_S) for reader, _ in handshakes]
    assert sorted(answer.split()[1] for answer in answers) == [b"101", b"429"]
    for _, writer in handshakes:
        writer.close()
    await service.next_left()


async def test_what_a_device_says_before_the_issuers_keys_are_there_is_read_after_its_handshake(start: Start) -> None:
    keys = LateKeys()
    service = await start(keys=keys)
    reader, writer = await service.ask_raw()
    await asyncio.wait_for(keys.asked.wait(), TIMEOUT_S)
    writer.write(masked(0x81, b'{"type":"ping"}'))
    other, another_writer = await asyncio.open_connection("127.0.0.1", service.port)
    another_writer.write(b"GET /ws HTTP/1.1\r\nHost: h\r\n\r\n")
    await other.readline()  # the server has been through every socket that had something for it
    another_writer.close()
    keys.found = shared_secret(SECRET)
    keys.answered.set()
    assert (await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), TIMEOUT_S)).startswith(b"HTTP/1.1 101 ")
    pong = await anext(read_frames(reader))
    assert pong.data == b'{"type":"pong"}'
    writer.close()
    await service.next_left()


def start_stoppable(deps: DeviceDeps) -> tuple[uvicorn.Server, asyncio.Task[None], int]:
    """Return a server that stops once it is told to, its end, and its port."""
    protocol: Any = partial(DeviceProtocol, deps)
    http: Any = partial(HttpProtocol, RequestLimits())
    server = uvicorn.Server(uvicorn.Config(lambda: None, http=http, ws=protocol, lifespan="off", log_config=None))
    listener = socket.create_server(("127.0.0.1", 0))
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    return server, serving, listener.getsockname()[1]


async def test_a_stopping_server_lets_nobody_in_whose_issuers_keys_are_still_fetched() -> None:
    watchlist, keys = LoneWatchlist(), LateKeys()
    server, serving, port = start_stoppable(make_deps(watchlist, keys))
    _, writer = await Service(port, watchlist).ask_raw()
    await asyncio.wait_for(keys.asked.wait(), TIMEOUT_S)
    server.should_exit = True
    await asyncio.wait_for(keys.given_up.wait(), TIMEOUT_S)
    await asyncio.wait_for(serving, TIMEOUT_S)
    writer.close()
    assert watchlist.joined.empty()


async def test_a_handshake_whose_keys_come_as_its_server_stops_is_counted_by_nobody() -> None:
    watchlist, keys = LoneWatchlist(), LateKeys(shared_secret(SECRET))
    deps = structs.replace(make_deps(watchlist, keys), quotas=Quotas(Limits(max_connections=1)))
    server, serving, port = start_stoppable(deps)
    _, writer = await Service(port, watchlist).ask_raw()
    await asyncio.wait_for(keys.asked.wait(), TIMEOUT_S)
    (connection,) = server.server_state.connections
    keys.answered.set()
    connection.shutdown()
    server.should_exit = True
    await asyncio.wait_for(serving, TIMEOUT_S)
    writer.close()
    assert watchlist.joined.empty()
    deps.quotas.connect("ann")  # there is room


async def test_a_stopping_server_says_goodbye_and_waits_for_its_devices() -> None:
    watchlist = LoneWatchlist()
    server, serving, port = start_stoppable(make_deps(watchlist))
    service = Service(port, watchlist)
    async with service.connect() as client:
        connection = await service.next_joined()
        server.should_exit = True
        goodbye = await hear(client)
        assert goodbye["type"] == "goodbye"
        assert 0 <= goodbye["reconnect_in_ms"] <= 100
        with pytest.raises(ConnectionClosed):
            await client.recv()
        assert client.close_code == 1001
    await asyncio.wait_for(serving, TIMEOUT_S)
    assert await service.next_left() is connection
