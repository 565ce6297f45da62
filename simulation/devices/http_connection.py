"""A device's connection over HTTP: one request after the other, and each answer as it comes."""

import asyncio
from collections.abc import Callable
from typing import Any, Final, Protocol

import httptools

from simulation.outside.intermediary import Intermediary
from simulation.outside.network import Connection, Listener, Network


class Server(Listener, Protocol):
    """What serves a connection."""

    place: str
    """How the log names it."""


class Reader(Protocol):
    """What reads one answer."""

    def began(self, status: int, headers: dict[str, str]) -> None:
        """The head came; names are in lower case."""

    def read(self, data: bytes) -> None:
        """A part of the body came."""

    def ended(self) -> None:
        """The answer is whole."""

    def lost(self) -> None:
        """Nothing more comes of it."""


_HEAD: Final = "head"
_BODY: Final = "body"
_END: Final = "end"


class HttpConnection(asyncio.Protocol):
    """Of one device.

    Args:
        server: who serves it.
        intermediary: what is between.
        is_online: whether anything comes through now.
    """

    def __init__(
        self,
        network: Network,
        server: Server,
        intermediary: Intermediary,
        is_online: Callable[[], bool] = lambda: True,
    ) -> None:
        self.place = server.place
        self.connection: Connection | None = None
        """What the world may cut."""
        self.is_idle = False
        """Whether the last answer is whole, and another request may follow."""
        self.is_cut_soon = False
        """Whether it is cut in the next event, of which half comes through."""
        self._is_buffering = intermediary.is_buffering
        self._is_online = is_online
        self._is_whole = False
        self._reader: Reader | None = None
        self._request = b""
        self._transport: Any = None
        self._has_ended = False
        self._headers: dict[str, str] = {}
        self._parsed: list[tuple[str, Any]] = []
        """Of the answer, what its reader was not told yet."""
        self._parser = httptools.HttpResponseParser(self)
        if is_online():
            network.connect(server, self, self._connected)

    def ask(self, request: bytes, reader: Reader) -> None:
        """Send a request, once the answer to the one before is whole."""
        self._reader, self._request, self._headers = reader, request, {}
        self.is_idle = self._is_whole = False
        if self._transport is not None:
            self._transport.write(request)

    def drop(self, *, is_rude: bool) -> None:
        """Tell nobody anything more, and end."""
        self._reader, self._has_ended = None, True
        if self._transport is not None:
            self._transport.abort() if is_rude else self._transport.close()

    # asyncio.Protocol

    def connection_made(self, transport: Any) -> None:
        """Send the request."""
        self._transport = transport
        if self._has_ended:
            transport.abort()
            return
        if not self._is_online() and self.connection is not None:
            self.connection.silence()
        transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        """Take what the service sends."""
        if self._has_ended:
            return
        is_cut = self.is_cut_soon and b"data:" in data
        if is_cut:
            data = data[: len(data) // 2]
        self._parser.feed_data(data)
        if self._is_whole or not self._is_buffering:
            self._tell()
        if is_cut and self.connection is not None:
            self.connection.cut()

    def eof_received(self) -> bool:
        """Close, too."""
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell of the end."""
        self._lose()

    def pause_writing(self) -> None:
        """Go on: what a device says is little."""

    def resume_writing(self) -> None:
        """Go on."""

    # httptools

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep it."""
        self._headers[name.decode().lower()] = value.decode()

    def on_headers_complete(self) -> None:
        """Know how the answer begins."""
        self._parsed.append((_HEAD, (self._parser.get_status_code(), self._headers)))

    def on_body(self, body: bytes) -> None:
        """Know a part of it."""
        self._parsed.append((_BODY, body))

    def on_message_complete(self) -> None:
        """Know its end."""
        self._is_whole, self.is_idle = True, self._parser.should_keep_alive()
        self._parsed.append((_END, None))

    # Within

    def _connected(self, connection: Connection | None) -> None:
        if connection is None:
            self._lose()
        else:
            self.connection = connection

    def _lose(self) -> None:
        reader, self._reader, self._has_ended, self.is_idle = self._reader, None, True, False
        if reader is not None:
            reader.lost()

    def _tell(self) -> None:
        parsed, self._parsed = self._parsed, []
        for kind, what in parsed:
            reader = self._reader
            if reader is None:
                return
            if kind == _HEAD:
                reader.began(*what)
            elif kind == _BODY:
                reader.read(what)
            else:
                self._reader = None
                reader.ended()
