"""Sockets are read a few in each turn of the loop, whichever loop it is, and nothing is read of what has ended."""

import asyncio
import gc
import os
import socket
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from itertools import pairwise
from types import SimpleNamespace
from typing import Any
from weakref import ref

import pytest
from websockets.http11 import Request

from tests.timeouts import TIMEOUT_S
from transport.figures.processes import open_files
from transport.websocket import protocol
from transport.websocket.protocol import WebSocketProtocol
from transport.websocket.sliced_reads import SLICE_READS, SlicedReads, sliced_reads
from transport.websocket.state import CLOSED
from transport.wire.frames import frame


class Pair:
    """Two connected sockets: one is read, the other is the peer's."""

    def __init__(self, told: "list[Pair]") -> None:
        self.ours, self.peer = socket.socketpair()
        self.ours.setblocking(False)
        self.told = told
        self.read = b""

    @property
    def descriptor(self) -> int:
        return self.ours.fileno()

    def read_ready(self) -> None:
        self.told.append(self)
        self.read += os.read(self.descriptor, 100)

    def close(self) -> None:
        self.ours.close()
        self.peer.close()


async def turns(count: int = 5) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


async def test_a_reader_is_told_of_what_comes_until_it_ends() -> None:
    reads, pair = SlicedReads(asyncio.get_running_loop()), Pair([])
    reads.begin(pair.descriptor, pair)
    reads.begin(pair.descriptor, pair)
    pair.peer.send(b"one")
    await turns()
    assert pair.read == b"one"
    reads.end(pair.descriptor, pair)
    reads.end(pair.descriptor, pair)
    pair.peer.send(b"two")
    await turns()
    assert pair.read == b"one"
    reads.begin(pair.descriptor, pair)
    await turns()
    assert pair.read == b"onetwo"
    reads.end(pair.descriptor, pair)
    pair.close()


async def test_of_many_that_are_ready_at_once_some_are_read_in_a_turn_and_none_is_forgotten() -> None:
    told: list[Pair] = []
    reads, pairs = SlicedReads(asyncio.get_running_loop()), [Pair(told) for _ in range(3 * SLICE_READS)]
    for pair in pairs:
        reads.begin(pair.descriptor, pair)
        pair.peer.close()
    seen = [0]
    async with asyncio.timeout(TIMEOUT_S):
        while len(set(map(id, told))) < len(pairs):
            await asyncio.sleep(0)
            seen.append(len(told))
    assert max(after - before for before, after in pairwise(seen)) <= SLICE_READS
    for pair in pairs:
        reads.end(pair.descriptor, pair)
        pair.close()


async def test_readers_that_take_long_give_the_turn_away() -> None:
    told: list[Pair] = []
    clock = iter(range(1_000))  # a second for each look
    reads, pairs = SlicedReads(asyncio.get_running_loop(), lambda: next(clock)), [Pair(told) for _ in range(4)]
    for pair in pairs:
        reads.begin(pair.descriptor, pair)
        pair.peer.send(b"x")
    reads._run_slice()
    assert len(told) == 1
    await turns(20)
    assert len(told) == 4
    for pair in pairs:
        reads.end(pair.descriptor, pair)
        pair.close()


async def test_one_that_ends_another_in_the_same_slice_is_the_last_to_be_told() -> None:
    reads = SlicedReads(asyncio.get_running_loop())

    class Ends(Pair):
        def read_ready(self) -> None:
            super().read_ready()
            for other in pairs:
                if other is not self:
                    reads.end(other.descriptor, other)

    told: list[Pair] = []
    pairs = [Ends(told), Ends(told)]
    for pair in pairs:
        reads.begin(pair.descriptor, pair)
        pair.peer.send(b"x")
    await turns()
    assert len(told) == 1
    for pair in pairs:
        reads.end(pair.descriptor, pair)
        pair.close()


async def test_who_has_closed_its_socket_does_not_end_the_next_one_with_its_descriptor() -> None:
    reads, told = SlicedReads(asyncio.get_running_loop()), list[Pair]()
    old, other = Pair(told), Pair(told)
    descriptor = old.descriptor
    reads.begin(descriptor, old)
    old.close()
    os.dup2(other.descriptor, descriptor)
    reads.begin(descriptor, other)
    reads.end(descriptor, old)
    other.peer.send(b"x")
    await turns()
    assert told == [other]
    reads.end(descriptor, other)
    os.close(descriptor)
    other.close()


async def test_nothing_is_open_while_there_are_no_readers() -> None:
    reads, pair = SlicedReads(asyncio.get_running_loop()), Pair([])
    before = open_files()
    for _ in range(2):
        reads.begin(pair.descriptor, pair)
        assert open_files() != before
        reads.end(pair.descriptor, pair)
        await turns()
        assert open_files() == before
    pair.close()


async def test_what_waits_for_a_reader_that_has_ended_keeps_nobody_busy() -> None:
    looks: list[None] = []

    def now_s() -> float:
        looks.append(None)
        return 0.0

    reads, pair, other = SlicedReads(asyncio.get_running_loop(), now_s), Pair([]), Pair([])
    reads.begin(pair.descriptor, pair)
    reads.begin(other.descriptor, other)
    pair.peer.send(b"x")
    reads.end(pair.descriptor, pair)
    await turns()
    assert (looks, pair.read) == ([], b"")
    reads.begin(pair.descriptor, pair)
    await turns()
    assert pair.read == b"x"
    for one in (pair, other):
        reads.end(one.descriptor, one)
        one.close()


async def test_a_closed_socket_can_be_ended() -> None:
    reads, pair, other = SlicedReads(asyncio.get_running_loop()), Pair([]), Pair([])
    descriptor = pair.descriptor
    reads.begin(descriptor, pair)
    reads.begin(other.descriptor, other)
    pair.close()
    reads.end(descriptor, pair)
    other.peer.send(b"x")
    await turns()
    assert other.read == b"x"
    reads.end(other.descriptor, other)
    other.close()


async def test_all_reads_of_a_loop_share_one_queue() -> None:
    assert sliced_reads() is sliced_reads()


class Echo(WebSocketProtocol):
    """Sends every message back, and raises at some."""

    def handshake_received(self, request: Request) -> None:
        self.accept(None)

    def messages_received(self, messages: list[str | bytes]) -> None:
        for message in messages:
            if message == "fail":
                raise ValueError("as it was told")
            self.write(frame(str(message).encode()))


class Upgraded(asyncio.Protocol):
    """Becomes an open WebSocket with the first bytes."""

    def __init__(self) -> None:
        self.echo = Echo(None, SimpleNamespace(connections=set()), None)

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.transport.set_protocol(self.echo)
        self.echo.connection_made(self.transport)
        headers = {
            b"host": b"h",
            b"connection": b"Upgrade",
            b"upgrade": b"websocket",
            b"sec-websocket-version": b"13",
            b"sec-websocket-key": b"dGhlIHNhbXBsZSBub25jZQ==",
        }
        self.echo.request_received(b"GET", b"/ws", headers.items())


@asynccontextmanager
async def open_websocket() -> AsyncIterator[tuple[Echo, socket.socket]]:
    """Yield a WebSocket that is open, and its peer."""
    made: list[Upgraded] = []

    def upgraded() -> Upgraded:
        made.append(Upgraded())
        return made[-1]

    loop = asyncio.get_running_loop()
    server = await loop.create_server(upgraded, "127.0.0.1", 0)
    with socket.socket() as peer:
        peer.setblocking(False)
        await loop.sock_connect(peer, server.sockets[0].getsockname())
        peer.send(b"GET")
        await received(peer)  # the answer
        yield made[0].echo, peer
    await until(lambda: made[0].echo.state is CLOSED)  # whatever became of it
    server.close()
    await server.wait_closed()


async def received(peer: socket.socket) -> bytes:
    async with asyncio.timeout(TIMEOUT_S):
        return await asyncio.get_running_loop().sock_recv(peer, 1_000)


async def until(is_so: Callable[[], object]) -> None:
    async with asyncio.timeout(TIMEOUT_S):
        while not is_so():
            await asyncio.sleep(0.01)


def masked(payload: bytes, first: int = 0x81) -> bytes:
    return bytes((first, 0x80 | len(payload))) + bytes(4) + payload


async def test_a_websocket_that_is_paused_reads_nothing_until_it_goes_on() -> None:
    async with open_websocket() as (echo, peer):
        echo.pause_reading()
        echo.pause_reading()
        peer.send(masked(b"hello"))
        await asyncio.sleep(0.05)
        with pytest.raises(BlockingIOError):
            peer.recv(1)
        echo.resume_reading()
        echo.resume_reading()
        assert (await received(peer)).endswith(b"hello")


async def test_a_peer_that_ends_its_stream_ends_the_websocket() -> None:
    async with open_websocket() as (_, peer):
        peer.shutdown(socket.SHUT_WR)
        assert await received(peer) == b""


async def test_a_peer_that_ends_its_stream_and_reads_nothing_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "CLOSE_TIMEOUT_S", 0.05)
    async with open_websocket() as (echo, peer):
        while not echo.is_congested():
            echo.write(frame(b"x" * 60_000))
            await asyncio.sleep(0)
        peer.shutdown(socket.SHUT_WR)
        await until(lambda: echo.state is CLOSED)


async def test_a_peer_that_resets_the_connection_ends_the_websocket() -> None:
    async with open_websocket() as (_, peer):
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


async def test_a_websocket_that_fails_is_told_of_and_aborted() -> None:
    told: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context["exception"]))
    async with open_websocket() as (echo, peer):
        peer.send(masked(b"fail"))
        await until(lambda: echo.state is CLOSED)
        assert [str(error) for error in told] == ["as it was told"]


async def test_nothing_is_read_of_a_websocket_that_is_closing(monkeypatch: pytest.MonkeyPatch) -> None:
    async with open_websocket() as (echo, peer):
        peer.send(masked(b"late"))
        echo._transport.close()
        monkeypatch.setattr(os, "read", lambda *_: pytest.fail("its descriptor may be another's by now"))
        echo.read_ready()


async def test_a_websocket_that_is_closed_while_it_is_paused_reads_the_answer_to_its_close_frame(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(protocol, "CLOSE_TIMEOUT_S", 2 * TIMEOUT_S)
    async with open_websocket() as (echo, peer):
        echo.pause_reading()
        echo.close(1000, "")
        close = await received(peer)
        peer.send(masked(close[2:], 0x88))
        assert await received(peer) == b""
        peer.shutdown(socket.SHUT_WR)


def grows_beyond(echo: Echo, unsent_bytes: int) -> bool:
    return echo.unsent_bytes() > unsent_bytes


async def test_of_the_pings_of_a_peer_that_does_not_read_the_newest_is_answered_when_it_does() -> None:
    async with open_websocket() as (echo, peer):
        while not echo.is_congested():
            echo.write(frame(b"x" * 60_000))
            await asyncio.sleep(0)
        for number in (b"1", b"2", b"3"):
            unsent_bytes = echo.unsent_bytes()
            peer.send(masked(number, 0x89) + masked(b"and a text"))
            await until(partial(grows_beyond, echo, unsent_bytes))
        read = bytearray()
        while not read.endswith(b"\x8a\x013"):
            read += await received(peer)
        assert read.count(b"\x8a\x01") == 1
        assert read.count(frame(b"and a text")) == 3


async def test_a_websocket_that_has_ended_is_held_by_nobody_and_can_be_told_to_read() -> None:
    async def ended() -> ref[Echo]:
        async with open_websocket() as (echo, _):
            echo._transport.abort()
            await until(lambda: echo.state is CLOSED)
            echo.resume_reading()
            echo.pause_reading()
            return ref(echo)

    gone = await ended()
    await until(lambda: gc.collect() >= 0 and gone() is None)
