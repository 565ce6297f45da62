"""An issuer of keys that answers a single request: an HTTP server with the answer that a test gives it."""

import asyncio
import time
from email.utils import formatdate


class Issuer:
    """Any number of servers, each with its own answer; ``close`` ends them."""

    def __init__(self) -> None:
        self._servers: list[asyncio.Server] = []

    async def start(self, body: bytes, ahead_s: float = 0.0, status: str = "200 OK") -> str:
        """Return the URL of a server that answers with ``body``; its clock is ``ahead_s`` before ours."""

        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            date = formatdate(time.time() + ahead_s, usegmt=True)
            writer.write(f"HTTP/1.1 {status}\r\nDate: {date}\r\nConnection: close\r\n\r\n".encode() + body)
            await writer.drain()
            writer.close()

        self._servers.append(await asyncio.start_server(answer, "127.0.0.1", 0))
        return f"http://127.0.0.1:{self._servers[-1].sockets[0].getsockname()[1]}/keys"

    def close(self) -> None:
        for server in self._servers:
            server.close()
