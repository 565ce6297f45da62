"""The echo server as RFC 6455 suites drive it: what Autobahn's families 1 to 7, 9 and 10 ask, in our own words.

Here everything crosses a real socket; ``test_frame_reader.py`` asks the reader alone, and more.
"""

import asyncio
import os
import socket
import struct
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.timeouts import TIMEOUT_S

ECHO_SERVER = Path(__file__).parents[2] / "fakes" / "echo_server.py"
TEXT, BINARY, CONT, CLOSE, PING, PONG = 1, 2, 0, 8, 9, 10
NORMAL = struct.pack("!H", 1000)

pytestmark = pytest.mark.integration


def masked(opcode: int, payload: bytes, *, fin: bool = True) -> bytes:
    """Return a client's frame with a mask of zeros."""
    head = bytes((fin << 7 | opcode,))
    if len(payload) < 126:
        head += bytes((0x80 | len(payload),))
    elif len(payload) < 1 << 16:
        head += b"\xfe" + struct.pack("!H", len(payload))
    else:
        head += b"\xff" + struct.pack("!Q", len(payload))
    return head + bytes(4) + payload


def fragments(opcode: int, payload: bytes, size: int) -> bytes:
    parts = [payload[at : at + size] for at in range(0, len(payload), size)]
    last = len(parts) - 1
    return b"".join(masked(CONT if n else opcode, part, fin=n == last) for n, part in enumerate(parts))


class Peer:
    """A client that knows only frames."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def frame(self) -> tuple[int, bytes]:
        """Return the next frame's opcode and payload."""
        async with asyncio.timeout(TIMEOUT_S):
            head, length = await self.reader.readexactly(2)
            assert head & 0xF0 == 0x80, "the server has no reason to fragment"
            if length == 126:
                (length,) = struct.unpack("!H", await self.reader.readexactly(2))
            elif length == 127:
                (length,) = struct.unpack("!Q", await self.reader.readexactly(8))
            return head & 0x0F, await self.reader.readexactly(length)

    async def end(self) -> bytes:
        """Return what comes until the server ends the stream."""
        async with asyncio.timeout(TIMEOUT_S):
            return await self.reader.read()


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """A running echo server's port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        number: int = free.getsockname()[1]
    process = subprocess.Popen([sys.executable, ECHO_SERVER, "--port", str(number)], env=os.environ)
    yield number
    process.terminate()
    process.wait(TIMEOUT_S)


@pytest.fixture
async def peer(port: int) -> AsyncIterator[Peer]:
    async with asyncio.timeout(TIMEOUT_S):
        while True:
            try:
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                break
            except ConnectionRefusedError:  # it is still starting
                await asyncio.sleep(0.05)
        writer.write(
            b"GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
            b"Sec-WebSocket-Extensions: permessage-deflate\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )
        head = await reader.readuntil(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 101 ")
    assert b"extensions" not in head.lower()
    yield Peer(reader, writer)
    writer.close()


@pytest.mark.parametrize("opcode", [TEXT, BINARY])
@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 128, 65_535, 65_536, 4 << 20])
@pytest.mark.parametrize("chop", [None, 997])
async def test_messages_of_every_size_come_back_however_they_are_cut(
    peer: Peer, opcode: int, size: int, chop: int | None
) -> None:
    sent = masked(opcode, b"*" * size)
    for at in range(0, len(sent), chop or len(sent)):
        peer.writer.write(sent[at : at + (chop or len(sent))])
        await peer.writer.drain()
    assert await peer.frame() == (opcode, b"*" * size)


@pytest.mark.parametrize(("size", "fragment"), [(4 << 20, 64), (1 << 16, 1), (1 << 20, 1 << 18)])
async def test_messages_of_many_fragments_come_back_whole(peer: Peer, size: int, fragment: int) -> None:
    peer.writer.write(fragments(TEXT, b"*" * size, fragment))
    assert await peer.frame() == (TEXT, b"*" * size)


async def test_ten_pings_at_once_get_ten_pongs_in_order(peer: Peer) -> None:
    payloads = [b"payload-%d" % number for number in range(10)]
    peer.writer.write(b"".join(masked(PING, payload) for payload in payloads))
    assert [await peer.frame() for _ in payloads] == [(PONG, payload) for payload in payloads]


async def test_pongs_nobody_asked_for_are_ignored_and_pings_between_fragments_answered(peer: Peer) -> None:
    peer.writer.write(masked(PONG, b"unasked") + masked(TEXT, b"one, ", fin=False) + masked(PING, b"now"))
    assert await peer.frame() == (PONG, b"now")
    peer.writer.write(masked(PONG, b"unasked") + masked(CONT, b"two"))
    assert await peer.frame() == (TEXT, b"one, two")


async def test_a_character_may_be_cut_anywhere(peer: Peer) -> None:
    content = "κόσμε \U0010ffff \x00 \ufffe".encode()
    peer.writer.write(fragments(TEXT, content, 1))
    assert await peer.frame() == (TEXT, content)


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (b"\xc1\x80" + bytes(4), 1002),
        (b"\x83\x80" + bytes(4), 1002),
        (b"\x8b\x80" + bytes(4), 1002),
        (b"\x09\x80" + bytes(4), 1002),
        (masked(PING, b"*" * 126), 1002),
        (masked(CONT, b"*"), 1002),
        (masked(TEXT, b"*", fin=False) + masked(TEXT, b"*"), 1002),
        (masked(TEXT, b"\xce\xba\xed\xa0\x80"), 1007),
        (fragments(TEXT, b"\xf4\x90\x80\x80", 1), 1007),
        (masked(CLOSE, b"\x03"), 1002),
        *((masked(CLOSE, struct.pack("!H", code)), 1002) for code in (0, 999, 1004, 1005, 1006, 1015, 2999, 65_535)),
        (masked(CLOSE, NORMAL + b"\xce\xba\xed\xa0\x80"), 1007),
    ],
)
async def test_a_violation_ends_the_connection_behind_what_came_before_it(peer: Peer, sent: bytes, code: int) -> None:
    peer.writer.write(masked(TEXT, b"before") + sent + masked(TEXT, b"after"))
    assert await peer.frame() == (TEXT, b"before")
    opcode, payload = await peer.frame()
    assert (opcode, payload[:2]) == (CLOSE, struct.pack("!H", code))
    assert await peer.end() == b""


@pytest.mark.parametrize("code", [1000, 1001, 1002, 1003, 1007, 1011, 3000, 3999, 4000, 4999])
async def test_a_close_is_answered_in_kind_and_nothing_follows_it(peer: Peer, code: int) -> None:
    payload = struct.pack("!H", code) + b"*" * 123
    peer.writer.write(masked(CLOSE, payload) + masked(CLOSE, payload) + masked(PING, b"") + masked(TEXT, b"after"))
    assert await peer.frame() == (CLOSE, payload)
    assert await peer.end() == b""


async def test_a_close_may_come_between_fragments(peer: Peer) -> None:
    peer.writer.write(masked(TEXT, b"half", fin=False) + masked(CLOSE, NORMAL) + masked(CONT, b"half"))
    assert await peer.frame() == (CLOSE, NORMAL)
    assert await peer.end() == b""
