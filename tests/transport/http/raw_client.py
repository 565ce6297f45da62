"""An HTTP client that sends bytes as they are, on a connection of its own."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

from msgspec import Struct

from tests.timeouts import TIMEOUT_S


class Answer(Struct, frozen=True):
    """One response; of a header sent twice, the last line."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        """Return the body's content."""
        return json.loads(self.body)


class RawConnection:
    """What is written goes out in a packet of its own; answers are read one by one."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def send(self, *packets: bytes) -> None:
        """Send each packet when the one before it has probably been read: nothing hangs on it."""
        for number, packet in enumerate(packets):
            if number:
                await asyncio.sleep(0.02)
            self.writer.write(packet)

    async def answer(self) -> Answer:
        """Read the next answer; it has a length."""
        async with asyncio.timeout(TIMEOUT_S):
            start, *lines = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")[:-2]
            headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
            body = await self.reader.readexactly(int(headers["content-length"]))
        return Answer(int(start.split()[1]), headers, body)

    async def rest(self) -> bytes:
        """Return what still comes until the service hangs up, be it before it has read what we sent last."""
        came = b""
        async with asyncio.timeout(TIMEOUT_S):
            with suppress(ConnectionResetError):
                while block := await self.reader.read(65_536):
                    came += block
        return came


@asynccontextmanager
async def streams(port: int) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """Connect for the length of the context."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield reader, writer
    finally:
        writer.close()
        with suppress(ConnectionResetError):
            await writer.wait_closed()


@asynccontextmanager
async def connected(port: int) -> AsyncIterator[RawConnection]:
    """Connect for the length of the context."""
    async with streams(port) as (reader, writer):
        yield RawConnection(reader, writer)
