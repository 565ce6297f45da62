"""A slow network between a device and the service, which can be cut."""

import asyncio
from contextlib import suppress
from math import inf

from typing_extensions import override

from tests.fakes.relay import Relay
from tests.fakes.slow_device import small_socket

CHUNK_BYTES = 4096


class ThrottledLink(Relay):
    """A TCP proxy before ``service_port`` that brings ``bytes_per_s`` to all its devices together.

    Its buffers are small, so that what is not brought waits in the service. A connection breaks when it has brought
    ``bytes_each``.
    """

    def __init__(self, service_port: int, bytes_per_s: float, bytes_each: float = inf) -> None:
        super().__init__(service_port)
        self._bytes_per_s = bytes_per_s
        self._bytes_each = bytes_each
        self.connections = 0
        """How many connections were made."""
        self._turn = asyncio.Lock()

    @override
    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        service = small_socket()
        service.connect(("127.0.0.1", self._service_port))
        from_service, to_service = await asyncio.open_connection(sock=service, limit=CHUNK_BYTES)
        self._writers.add(to_service)
        await asyncio.gather(self._take(reader, to_service), self._bring(from_service, writer))
        self._writers.discard(to_service)

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
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
