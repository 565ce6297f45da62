"""A network in virtual time: byte streams that take their time, stop for a while, are cut, or fall silent unnoticed.

What TCP promises holds: bytes arrive in order, once, or not at all.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from math import log
from random import Random
from typing import Any, Final, Protocol

from typing_extensions import override

from simulation.clock.loop import SimulatedLoop

KERNEL_BYTES: Final = 16 * 1024
"""What a stalled link takes before its sender's buffer fills."""


class Listener(Protocol):
    """What clients connect to."""

    @property
    def loop(self) -> SimulatedLoop:
        """Where it runs."""
        ...

    def accept(self) -> asyncio.Protocol | None:
        """Return the protocol of a new connection; ``None``: nobody listens."""
        ...

    def made(self, connection: "Connection") -> None:
        """Know the connection that was accepted."""


class Delay:
    """How long what is sent is under way: drawn again each time."""

    def __init__(self, rng: Random, least_s: float, mean_extra_s: float) -> None:
        self._random = rng.random
        self._least_s = least_s
        self._mean_extra_s = mean_extra_s

    def __call__(self) -> float:
        """Return seconds."""
        return self._least_s - self._mean_extra_s * log(1 - self._random())  # Random.expovariate takes thrice as long


class End(asyncio.Transport):
    """One end of a connection, as asyncio's own transports behave. ``peer`` is the other end."""

    peer: "End"

    def __init__(self, loop: SimulatedLoop, protocol: Any, delay: Delay) -> None:
        super().__init__()
        self._loop = loop
        self._protocol = protocol
        self._delay = delay
        self._under_way: deque[bytes | None] = deque()
        """What the timers that are set will bring to the peer; ``None``: the end of the stream."""
        self._arrives_s = 0.0
        self._held: list[bytes | None] = []
        """What waits here while the link is stalled."""
        self._held_bytes = 0
        self._lost_bytes = 0
        self._unread: list[bytes | None] = []
        """What has come and waits for a reader that pauses."""
        self._high_bytes = 64 * 1024
        self._is_writing_paused = self._is_reading_paused = False
        self._is_stalled = self._is_silent = False
        self._is_closing = self._has_ended = self._is_lost = False

    @property
    def link_state(self) -> str:
        """Return what becomes of what is sent: ``flows``, ``stalls``, or ``silent``: it is lost."""
        return "silent" if self._is_silent else "stalls" if self._is_stalled else "flows"

    @property
    def is_lost(self) -> bool:
        """Whether it has ended here."""
        return self._is_lost

    @property
    def unconfirmed_bytes(self) -> int:
        """What a kernel would say that the peer's has not confirmed, of what it has taken."""
        under_way = sum(len(data or b"") for data in self._under_way)
        return under_way + min(self._held_bytes, KERNEL_BYTES) + self._lost_bytes

    # What the world does to it

    def stall(self) -> None:
        """Let nothing through to the peer for now."""
        self._is_stalled = True

    def choke(self) -> None:
        """Let nothing through to the peer, and have no room for what is written."""
        self.stall()
        self._held_bytes += KERNEL_BYTES + self._high_bytes

    def go_on(self) -> None:
        """Let everything through again."""
        self._is_stalled = False
        held, self._held, self._held_bytes = self._held, [], 0
        for data in held:
            self._send(data)
        self._loop.call_soon(self._check_congestion)

    def silence(self) -> None:
        """Lose everything from now on, and tell nobody."""
        self._is_silent = True

    def lose(self, reason: Exception | None) -> None:
        """Tell this end that the connection is lost, soon."""
        if not self._is_lost:
            self._is_lost = self._is_closing = True
            self._loop.call_soon(self._tell_lost, reason)

    # asyncio.Transport

    @override
    def write(self, data: bytes | bytearray | memoryview) -> None:
        if not self._is_closing and not self._has_ended:
            self._send(bytes(data))

    @override
    def write_eof(self) -> None:
        if not self._has_ended:
            self._has_ended = True
            self._send(None)

    @override
    def can_write_eof(self) -> bool:
        return True

    @override
    def is_closing(self) -> bool:
        return self._is_closing

    @override
    def close(self) -> None:
        if not self._is_closing:
            self.write_eof()
            self._is_closing = True
            self._lose_when_sent()

    @override
    def abort(self) -> None:
        if self._is_lost:
            return
        self._held.clear()
        self._held_bytes = 0
        if not self._is_silent:
            self.peer._loop.call_later(self._delay(), self.peer.lose, ConnectionResetError("reset by the peer"))
        self.lose(None)

    @override
    def pause_reading(self) -> None:
        self._is_reading_paused = True

    @override
    def resume_reading(self) -> None:
        if self._is_reading_paused:
            self._is_reading_paused = False
            self._loop.call_soon(self._read_on)

    @override
    def is_reading(self) -> bool:
        return not self._is_reading_paused

    @override
    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        self._high_bytes = 64 * 1024 if high is None else high

    @override
    def get_write_buffer_size(self) -> int:
        return max(0, self._held_bytes - KERNEL_BYTES)

    @override
    def get_protocol(self) -> Any:
        return self._protocol

    @override
    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self._protocol = protocol

    # Within

    def _send(self, data: bytes | None) -> None:
        if self._is_silent:
            self._lost_bytes += len(data or b"")
            return
        if self._is_stalled:
            self._held.append(data)
            self._held_bytes += len(data or b"")
            self._check_congestion()
            return
        self._under_way.append(data)
        self._arrives_s = max(self._arrives_s, self._loop.time() + self._delay())
        self.peer._loop.call_at(self._arrives_s, self._arrive)

    def _arrive(self) -> None:
        data = self._under_way.popleft()
        if self._is_silent:
            self._lost_bytes += len(data or b"")
        else:
            self.peer._receive(data)

    def _receive(self, data: bytes | None) -> None:
        if self._is_lost or (self._is_closing and data is not None):
            return
        if self._is_reading_paused or self._unread:
            self._unread.append(data)
        elif data is not None:
            self._protocol.data_received(data)
        elif not self._protocol.eof_received():
            self.close()

    def _read_on(self) -> None:
        while self._unread and not self._is_reading_paused and not self._is_lost:
            (first, *rest), self._unread = self._unread, []
            self._receive(first)
            self._unread += rest

    def _check_congestion(self) -> None:
        if self._is_lost:
            return
        is_over = self.get_write_buffer_size() > self._high_bytes
        if is_over and not self._is_writing_paused:
            self._is_writing_paused = True
            self._protocol.pause_writing()
        elif self._is_writing_paused and self.get_write_buffer_size() <= self._high_bytes // 4:
            self._is_writing_paused = False
            self._protocol.resume_writing()
        if self._is_closing:
            self._lose_when_sent()

    def _lose_when_sent(self) -> None:
        if not self._held:
            self.lose(None)

    def _tell_lost(self, reason: Exception | None) -> None:
        self._protocol.connection_lost(reason)


class Connection:
    """Two ends, and what may happen between them."""

    def __init__(self, client: End, server: End) -> None:
        self.is_fine = True
        """Whether everything has come through so far."""
        self.client = client
        self.server = server
        client.peer, server.peer = server, client

    @property
    def state(self) -> str:
        """Return what becomes of what the server sends."""
        return self.server.link_state

    def cut(self) -> None:
        """Reset it at both ends."""
        self.client.lose(ConnectionResetError("cut"))
        self.server.lose(ConnectionResetError("cut"))

    def silence(self) -> None:
        """Let either end believe that it is still there."""
        self.is_fine = False
        self.client.silence()
        self.server.silence()

    def answer_instead(self, answer: bytes) -> None:
        """Let something between the two answer in the server's place, which is told that the connection is lost."""
        self.silence()
        self.server.lose(ConnectionResetError("taken over"))
        for data in (answer, None):
            self.client._loop.call_soon(self.client._receive, data)

    def stall(self) -> None:
        """Let nothing through, for now, from the server to the client."""
        self.is_fine = False
        self.server.stall()

    def choke(self) -> None:
        """The same, with buffers that are full already."""
        self.is_fine = False
        self.server.choke()

    def go_on(self) -> None:
        """End that."""
        self.server.go_on()


class Network:
    """Connects clients to whoever listens."""

    def __init__(self, loop: SimulatedLoop, delay: Delay) -> None:
        self._loop = loop
        self._delay = delay

    def connect(
        self, listener: Listener, client: asyncio.Protocol, connected: Callable[[Connection | None], None]
    ) -> None:
        """Tell ``connected`` the connection, after a while; ``None``: nobody listened."""
        listener.loop.call_later(self._delay(), self._connect, listener, client, connected)

    def _connect(
        self, listener: Listener, client: asyncio.Protocol, connected: Callable[[Connection | None], None]
    ) -> None:
        server = listener.accept()
        if server is None:
            self._loop.call_later(self._delay(), connected, None)
            return
        ends = End(self._loop, client, self._delay), End(listener.loop, server, self._delay)
        connection = Connection(*ends)
        listener.made(connection)
        server.connection_made(connection.server)
        self._loop.call_later(self._delay(), self._made, client, connection, connected)

    def _made(
        self, client: asyncio.Protocol, connection: Connection, connected: Callable[[Connection | None], None]
    ) -> None:
        connected(connection)
        client.connection_made(connection.client)
