"""One port before several servers, as a load balancer is: each connection goes to the next server that accepts it."""

import asyncio
from collections.abc import Callable, Sequence
from itertools import count
from typing import Final, Self

Address = int | str
"""A port of the loopback, or the path of a Unix socket."""


class Front:
    """Listens on the loopback for the length of its context.

    Args:
        servers: where they listen now; asked at each connection, as a restarted one may have another port.
        port: its own; 0: any free one.
    """

    def __init__(self, servers: Callable[[], Sequence[Address]], port: int = 0) -> None:
        self.port = port
        self._servers = servers
        self._turns = count()
        self._halves: set[_Half] = set()
        self._connecting: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self._listener = await loop.create_server(self._accept, "127.0.0.1", self.port)
        self.port = self._listener.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._listener.close()
        connecting = [*self._connecting]
        for task in connecting:
            task.cancel()
        await asyncio.gather(*connecting, return_exceptions=True)
        self.cut()
        await asyncio.sleep(0)  # in which they are told that they are lost
        await self._listener.wait_closed()

    def cut(self) -> int:
        """Reset every connection, as a network does that fails; return how many there were."""
        halves = [*self._halves]
        for half in halves:
            half.transport.abort()
        return len(halves) // 2

    def silence(self) -> int:
        """Pass nothing more on over the connections that there are, which stay open; return how many there were."""
        for half in self._halves:
            half.transport.pause_reading()
        return len(self._halves) // 2

    def _accept(self) -> "_Half":
        def connect(device: _Half) -> None:
            task = asyncio.get_running_loop().create_task(self._connect(device))
            self._connecting.add(task)
            task.add_done_callback(self._connecting.discard)

        return _Half(self._halves, connect)

    async def _connect(self, device: "_Half") -> None:
        servers, loop = self._servers(), asyncio.get_running_loop()
        turn = next(self._turns)
        for number in range(len(servers)):
            address = servers[(turn + number) % len(servers)]
            server = _Half(self._halves, device.join)
            try:
                if isinstance(address, str):
                    await loop.create_unix_connection(lambda server=server: server, address)  # type: ignore[misc]
                else:
                    await loop.create_connection(lambda server=server: server, "127.0.0.1", address)  # type: ignore[misc]
            except OSError:
                continue
            return
        device.transport.abort()


class _Half(asyncio.Protocol):
    """A connection on one side; what it reads goes to the one on the other side, no faster than that one writes."""

    def __init__(self, halves: "set[_Half]", made: "Callable[[_Half], None]") -> None:
        self.transport: asyncio.Transport
        self._halves: Final = halves
        self._made: Final = made
        self._other: _Half | None = None

    def join(self, other: "_Half") -> None:
        """Become the other side of ``other``."""
        if self.transport.is_closing():
            other.transport.abort()
            return
        self._other, other._other = other, self
        self.transport.resume_reading()
        other.transport.resume_reading()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # a stream's
        """Called by the event loop. Nothing is read before there is another side."""
        self.transport = transport
        self._halves.add(self)
        transport.pause_reading()
        self._made(self)

    def data_received(self, data: bytes) -> None:
        """Called by the event loop."""
        assert self._other is not None
        self._other.transport.write(data)

    def pause_writing(self) -> None:
        """Called by the event loop."""
        if self._other is not None:
            self._other.transport.pause_reading()

    def resume_writing(self) -> None:
        """Called by the event loop."""
        if self._other is not None and not self._other.transport.is_closing():
            self._other.transport.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        """Called by the event loop: the other side gets what is on its way, then the end too."""
        self._halves.discard(self)
        if self._other is not None:
            if exc is None:
                self._other.transport.close()
            else:
                self._other.transport.abort()
