"""A device's requests over HTTP, each of which an intermediary may send twice."""

from typing import Final

import msgspec

from simulation.devices.device_port import DevicePort
from simulation.devices.http_connection import HttpConnection, Reader

_CONTENT_TYPE: Final = "content-type: application/json\r\n"


class Requests:
    """Of one device, with one token."""

    def __init__(self, device: DevicePort, token: str) -> None:
        self._device = device
        self._authorization = f"authorization: Bearer {token}\r\n"

    def new_line(self) -> HttpConnection:
        """Return a connection to any node."""
        device = self._device
        return HttpConnection(device.deps.network, device.deps.choose(), device.intermediary, lambda: device.is_online)

    def get(self, line: HttpConnection, target: str, reader: Reader, *, may_double: bool) -> None:
        """Ask for ``target`` on ``line``; what never ends is asked for once."""
        self._ask(line, f"GET {target}", reader, b"accept: text/event-stream\r\n\r\n", may_double=may_double)

    def post(self, line: HttpConnection, target: str, body: bytes, reader: Reader, *, may_double: bool) -> None:
        """Send ``body``, which is JSON; what twice is not the same as once is sent once."""
        rest = f"{_CONTENT_TYPE}content-length: {len(body)}\r\n\r\n".encode() + body
        self._ask(line, f"POST {target}", reader, rest, may_double=may_double)

    def _ask(self, line: HttpConnection, request_line: str, reader: Reader, rest: bytes, *, may_double: bool) -> None:
        request = f"{request_line} HTTP/1.1\r\nhost: node\r\n{self._authorization}".encode() + rest
        line.ask(request, reader)
        device = self._device
        if may_double and device.intermediary.doubles(device.deps.rng):
            other = self.new_line()
            device.deps.log.note(device.name, f"is repeated to {other.place}")
            other.ask(request, _Nobody(other))


class HttpAnswer(msgspec.Struct, frozen=True):
    """To a request, if it is whole."""

    status: int
    headers: dict[str, str]
    body: bytes


class WholeAnswer:
    """Reads an answer to its end, for who waits for all of it; ``read_all`` is told ``None`` if it does not come."""

    def __init__(self) -> None:
        self._status = 0
        self._headers: dict[str, str] = {}
        self._body = b""

    def began(self, status: int, headers: dict[str, str]) -> None:
        """Keep it."""
        self._status, self._headers = status, headers

    def read(self, data: bytes) -> None:
        """Keep it."""
        self._body += data

    def ended(self) -> None:
        """Tell of it."""
        self.read_all(HttpAnswer(self._status, self._headers, self._body))

    def lost(self) -> None:
        """Tell that it does not come."""
        self.read_all(None)

    def read_all(self, answer: HttpAnswer | None) -> None:
        """Take what was answered; for subclasses."""
        raise NotImplementedError


class _Nobody(WholeAnswer):
    """Nobody waits for the answer to what was sent twice."""

    def __init__(self, line: HttpConnection) -> None:
        super().__init__()
        self._line = line

    def read_all(self, answer: HttpAnswer | None) -> None:
        """Close."""
        self._line.drop(is_rude=False)
