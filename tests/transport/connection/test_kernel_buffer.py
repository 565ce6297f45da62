"""Over real sockets: what the kernel holds is for it to say."""

import asyncio
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.fakes.recording_transport import RecordingTransport
from tests.timeouts import TIMEOUT_S
from transport.connection.kernel_buffer import UNSENT_IN_KERNEL_BYTES, bound_kernel_buffer, bytes_in_kernel


@asynccontextmanager
async def connection() -> AsyncIterator[tuple[asyncio.Transport, socket.socket]]:
    """Return the transport of our side, and the peer's socket."""
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.socket() as peer:
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        peer.connect(listener.getsockname())
        peer.setblocking(False)
        accepted, _ = listener.accept()
        transport, _ = await asyncio.get_running_loop().connect_accepted_socket(asyncio.Protocol, accepted)
        yield transport, peer
        transport.abort()


@pytest.mark.skipif(not hasattr(socket, "TCP_NOTSENT_LOWAT"), reason="the kernel has no such bound")
async def test_a_bound_is_set_for_the_connection() -> None:
    async with connection() as (transport, _):
        bound_kernel_buffer(transport)
        server_side = transport.get_extra_info("socket")
        assert server_side.getsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT) == UNSENT_IN_KERNEL_BYTES


def test_what_is_no_socket_has_no_bound_and_holds_nothing() -> None:
    bound_kernel_buffer(RecordingTransport())
    assert bytes_in_kernel(RecordingTransport()) == 0


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel does not say")
async def test_what_the_peer_has_not_taken_is_in_the_kernel() -> None:
    async with connection() as (transport, peer):
        transport.write(b"x" * 200_000)
        assert 0 < bytes_in_kernel(transport) <= 200_000 - transport.get_write_buffer_size()
        left, loop = 200_000, asyncio.get_running_loop()
        async with asyncio.timeout(TIMEOUT_S):
            while left:
                left -= len(await loop.sock_recv(peer, left))
            while bytes_in_kernel(transport):
                await asyncio.sleep(0.001)
