"""A TCP relay before a service, which can be cut."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Self


class Relay(ABC):
    """Listens in place of ``service_port``; subclasses say how a connection is carried."""

    def __init__(self, service_port: int) -> None:
        self._service_port = service_port
        self._writers: set[asyncio.StreamWriter] = set()
        """Of both ends of every connection; ``cut`` breaks them."""
        self._links: set[asyncio.Task[None]] = set()
        self.port = 0

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[Self]:
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

    @abstractmethod
    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry a connection to its end."""

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        link = asyncio.current_task()
        assert link is not None
        self._links.add(link)
        self._writers.add(writer)
        await self._carry(reader, writer)
        self._writers.discard(writer)
        self._links.discard(link)
