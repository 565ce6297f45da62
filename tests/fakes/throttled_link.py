"""A slow network between a device and the service, which can be cut."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from math import inf

from tests.fakes.slow_device import small_socket

CHUNK_BYTES = 4096


class ThrottledLink:
    """A TCP proxy before ``service_port`` that brings ``bytes_per_s`` to all its devices together.

    Its buffers are small, so that what is not brought waits in the service. A connection breaks when it has brought
    ``bytes_each``.
    """

    def __init__(self, service_port: int, bytes_per_s: float, bytes_each: float = inf) -> None:
        self._service_port = service_port
        self._bytes_per_s = bytes_per_s
        self._bytes_each = bytes_each
        self.connections = 0
        """That were made."""
        self._writers: set[asyncio.StreamWriter] = set()
        self._links: set[asyncio.Task[None]] = set()
        self._turn = asyncio.Lock()
        self.port = 0

    @asynccontextmanager
    async def listening(self) -> AsyncIterator["ThrottledLink"]:
        """Carry connections that are made to ``port``, for the length of the context."""
        server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            self.cut()
            await asyncio.gather(*self._links)

    def cut(self) -> None:
        """Break every connection, without a word to either end."""
        for writer in self._writers:
            writer.transport.abort()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        link = asyncio.current_task()
        assert link is not None
        self._links.add(link)
        service = small_socket()
        service.connect(("127.0.0.1", self._service_port))
        from_service, to_service = await asyncio.open_connection(sock=service, limit=CHUNK_BYTES)
        self._writers |= {writer, to_service}
        await asyncio.gather(self._carry(reader, to_service), self._bring(from_service, writer))
        self._writers -= {writer, to_service}
        self._links.discard(link)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(CHUNK_BYTES):
                writer.write(data)
        writer.transport.abort()

    async def _bring(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        left = self._bytes_each
        with suppress(OSError):
            while left > 0 and (data := await reader.read(CHUNK_BYTES)):
                left -= len(data)
                async with self._turn:
                    await asyncio.sleep(len(data) / self._bytes_per_s)
                writer.write(data)
                await writer.drain()
        writer.transport.abort()
