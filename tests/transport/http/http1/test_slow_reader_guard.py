"""Over real sockets: what a peer has read is for the kernel to say."""

import asyncio
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.timeouts import TIMEOUT_S
from transport.http.http1 import slow_reader_guard
from transport.http.http1.head_coalescer import HeadCoalescer
from transport.http.http1.slow_reader_guard import MIN_READ_BYTES, SlowReaderGuard

LARGE = 4 * 2**20
"""More than the kernel accepts for a peer that does not read."""


class Served(asyncio.Protocol):
    """Our side of a connection."""

    def __init__(self) -> None:
        self.lost = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.writer = HeadCoalescer(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost.set_result(exc)


@asynccontextmanager
async def connection() -> AsyncIterator[tuple[Served, socket.socket]]:
    """Return our side and the peer's, with buffers so small that they hide nothing."""
    loop = asyncio.get_running_loop()
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.socket() as peer:
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 * 1024)
        peer.connect(listener.getsockname())
        peer.setblocking(False)
        accepted, _ = listener.accept()
        accepted.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 64 * 1024)
        transport, served = await loop.connect_accepted_socket(Served, accepted)
        yield served, peer
        transport.abort()
        async with asyncio.timeout(TIMEOUT_S):
            await served.lost


async def read(peer: socket.socket, size: int) -> None:
    while size > 0:
        size -= len(await asyncio.get_running_loop().sock_recv(peer, min(size, 64 * 1024)))


async def test_a_peer_that_reads_nothing_is_given_up() -> None:
    async with connection() as (served, _):
        guard = SlowReaderGuard(served.writer, timeout_s=0.05)
        served.writer.write(b"x" * LARGE)
        guard.begin()
        async with asyncio.timeout(TIMEOUT_S):
            await asyncio.shield(served.lost)


async def test_a_peer_that_reads_is_served_until_it_has_everything() -> None:
    async with connection() as (served, peer):
        guard = SlowReaderGuard(served.writer, timeout_s=0.5)
        served.writer.write(b"x" * LARGE)
        guard.begin()
        for _ in range(LARGE // (32 * MIN_READ_BYTES)):
            await read(peer, 32 * MIN_READ_BYTES)
            await asyncio.sleep(0.1)  # in all it takes longer than the time-out
        assert not served.lost.done()


async def test_the_daemons_own_pause_is_not_the_peers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slow_reader_guard, "PAUSED_S", 0.1)
    async with connection() as (served, _):
        guard = SlowReaderGuard(served.writer, timeout_s=0.05)
        served.writer.write(b"x" * LARGE)
        read_bytes = -1
        while read_bytes != served.writer.read_bytes():  # what its kernel takes counts as read
            read_bytes = served.writer.read_bytes()
            await asyncio.sleep(0.05)
        guard.begin()
        time.sleep(0.3)  # noqa: ASYNC251 - nothing runs
        for _ in range(5):  # it looks, and a connection that it had given up would be lost by now
            await asyncio.sleep(0)
        assert not served.lost.done()
        async with asyncio.timeout(TIMEOUT_S):
            await asyncio.shield(served.lost)


async def test_what_is_watched_no_more_is_left_alone() -> None:
    async with connection() as (served, peer):
        guard = SlowReaderGuard(served.writer, timeout_s=0.01)
        served.writer.write(b"x" * LARGE)
        guard.begin()
        guard.end()
        await asyncio.sleep(0.05)
        assert not served.lost.done()
        await read(peer, LARGE)


async def test_where_nothing_is_unsent_nothing_is_watched() -> None:
    async with connection() as (served, peer):
        guard = SlowReaderGuard(served.writer, timeout_s=0.01)
        served.writer.write(b"x")
        guard.begin()
        await asyncio.sleep(0.05)
        assert not served.lost.done()
        await read(peer, 1)
