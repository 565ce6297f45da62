"""What stands between a device and the service in real networks: it passes HTTP on, and does something to it."""

import asyncio
import re
from collections.abc import Callable
from contextlib import suppress
from typing import Literal

from typing_extensions import override

from tests.fakes.relay import Relay

Trick = Literal["nothing", "refuses", "strips", "swallows", "buffers"]
"""To an upgrade: it is answered with ``Middlebox.refusal``, its header is left out, or it succeeds and nothing comes
through afterwards. ``buffers``: the first, and every answer is kept until it is whole."""

_CHUNK = 65_536


class Middlebox(Relay):
    """Listens in place of the service. Each request has a connection of its own."""

    def __init__(self, service_port: int) -> None:
        super().__init__(service_port)
        self.trick: Trick = "nothing"
        self.refusal = (403, "text/html", "<h1>Blocked by your network</h1>")
        self.requests: list[str] = []
        """First lines, as they came."""

    @override
    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            head = await reader.readuntil(b"\r\n\r\n")
            self.requests.append(head.partition(b"\r\n")[0].decode())
            await self._pass_on(head, reader, writer)
        writer.close()

    async def _pass_on(self, head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        is_upgrade = re.search(rb"(?im)^upgrade:", head) is not None
        if is_upgrade and self.trick in ("refuses", "buffers"):
            status, content_type, body = self.refusal
            answer = f"HTTP/1.1 {status} No\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\n"
            writer.write(f"{answer}Location: http://127.0.0.1:9/\r\nConnection: close\r\n\r\n{body}".encode())
            await writer.drain()
            return
        if is_upgrade and self.trick == "strips":
            head = re.sub(rb"(?im)^(upgrade|connection):.*\r\n", b"", head)
            is_upgrade = False
        if not is_upgrade:
            head = head[:-2] + b"Connection: close\r\n\r\n"

        def is_dropped() -> bool:
            return is_upgrade and self.trick == "swallows"

        up_reader, up_writer = await asyncio.open_connection("127.0.0.1", self._service_port)
        self._writers.add(up_writer)
        try:
            up_writer.write(head)
            upwards = asyncio.ensure_future(_copy(reader, up_writer, is_dropped))
            if self.trick == "buffers":
                writer.write(await up_reader.read())
                await writer.drain()
            else:
                if is_dropped():
                    writer.write(await up_reader.readuntil(b"\r\n\r\n"))
                await _copy(up_reader, writer, is_dropped)
            upwards.cancel()
        finally:
            self._writers.discard(up_writer)
            up_writer.close()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, is_dropped: Callable[[], bool]) -> None:
    with suppress(ConnectionError):
        while data := await reader.read(_CHUNK):
            if not is_dropped():
                writer.write(data)
                await writer.drain()
