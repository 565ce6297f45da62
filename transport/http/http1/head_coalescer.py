"""A response in one system call: uvicorn writes its head and its body one by one."""

import asyncio
from typing import Any

from transport.connection.kernel_buffer import bytes_in_kernel


class HeadCoalescer:
    """A transport that sends a response's head together with what follows, and counts what it was given.

    A head is kept back until the next write, until ``flush``, or until the connection is to end. A second system call
    would be a tenth of what a small response costs.
    """

    def __init__(self, transport: asyncio.Transport) -> None:
        self.transport = transport
        self.is_closing = transport.is_closing  # asked for each response: ``__getattr__`` would take longer
        self.written_bytes = 0
        self._head = b""
        self._has_ended = False

    def write(self, data: bytes) -> None:
        """Write ``data``, behind the head that waits if there is one; behind the end of the stream, drop it."""
        if self._has_ended:  # by a refusal, while answers to requests before it were still on their way
            return
        if self._head:
            data, self._head = self._head + data, b""
        elif data.startswith(b"HTTP/1.1 ") and not data.startswith(b"HTTP/1.1 100"):
            self._head = data
            return
        self._write_now(data)

    def flush(self) -> None:
        """Write the head of a response without a body."""
        if self._head:
            head, self._head = self._head, b""
            self._write_now(head)

    def write_eof(self) -> None:
        """As the transport's, behind what waits."""
        self.flush()
        self._has_ended = True
        self.transport.write_eof()

    def close(self) -> None:
        """As the transport's, behind what waits."""
        self.flush()
        self.transport.close()

    def read_bytes(self) -> int:
        """Return how much the peer has read; the kernel alone holds megabytes, and accepts more in large steps only."""
        return self.written_bytes - self.transport.get_write_buffer_size() - bytes_in_kernel(self.transport)

    def _write_now(self, data: bytes) -> None:
        self.written_bytes += len(data)
        self.transport.write(data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.transport, name)
