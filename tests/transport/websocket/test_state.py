"""Every event in every state of a WebSocket, as two tables: what it writes and where it then stands; who is told."""

import asyncio
import struct
from collections.abc import Awaitable, Callable, Iterator
from http import HTTPStatus
from types import SimpleNamespace
from typing import Final

import pytest
from websockets.http11 import Request

from actors.connection.deps import HandshakeResult
from actors.errors import IllegalStepError
from actors.messages.close_codes import TOO_FAST
from actors.messages.connection import ConnectionMessage
from actors.ports import DeviceSocket
from actors.runtime.tell import Tell
from tests.fakes.late_keys import LateKeys
from tests.fakes.recording_transport import RecordingTransport
from tests.timeouts import TIMEOUT_S
from transport.access.authentication import Authenticator
from transport.access.limits import Limits, Quotas
from transport.access.minting import mint
from transport.access.signing_keys import SigningKeys, shared_secret
from transport.connection.device_connection import DeviceDeps
from transport.errors import Problem
from transport.websocket.device_protocol import DeviceProtocol
from transport.websocket.protocol import WebSocketProtocol
from transport.websocket.state import State
from transport.wire.frames import frame

SECRET = "a secret of more than thirty-two bytes"


def masked(first: int, payload: bytes) -> bytes:
    """Return a client's frame with a mask of zeros."""
    return bytes((first, 0x80 | len(payload))) + bytes(4) + payload


def ask(protocol: WebSocketProtocol, token: str = "token") -> None:
    headers = {
        b"host": b"h",
        b"connection": b"Upgrade",
        b"upgrade": b"websocket",
        b"authorization": b"Bearer %b" % token.encode(),
        b"sec-websocket-version": b"13",
        b"sec-websocket-key": b"dGhlIHNhbXBsZSBub25jZQ==",
    }
    protocol.request_received(b"GET", b"/ws", headers.items())


def told(done: list[bytes | str]) -> list[str]:
    """Name what was written: answers by their status, frames by their kind."""
    names: list[str] = []
    for what in done:
        if isinstance(what, str):
            names.append(what)
        elif what.startswith(b"HTTP/"):
            names.append(what.split()[1].decode())
        else:
            names += map(frame_name, frames(what))
    return names


def frames(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Return the opcode and payload of each of our own short frames."""
    while data:
        end = 2 + data[1]
        yield data[0] & 0x0F, data[2:end]
        data = data[end:]


def frame_name(frame: tuple[int, bytes]) -> str:
    opcode, payload = frame
    if opcode == 8:
        return f"close-{int.from_bytes(payload[:2])}"
    return {1: "text", 9: "ping", 10: "pong"}[opcode]


class Echo(WebSocketProtocol):
    """Leaves the answer to the test, and sends every message back."""

    def __init__(self) -> None:
        super().__init__(None, SimpleNamespace(connections=set()), None)
        self.transport = RecordingTransport()
        self.connection_made(self.transport)

    def handshake_received(self, request: Request) -> None:
        """Wait."""

    def messages_received(self, messages: list[str | bytes]) -> None:
        for message in messages:
            assert isinstance(message, str)
            self.write(frame(message.encode()))


def asked() -> Echo:
    echo = Echo()
    ask(echo)
    return echo


def opened() -> Echo:
    echo = asked()
    echo.accept(None)
    return echo


def refused() -> Echo:
    echo = asked()
    echo.refuse(REFUSAL)
    return echo


def closing() -> Echo:
    echo = opened()
    echo.close(4002, "slow")
    return echo


def closed_by_peer() -> Echo:
    echo = opened()
    echo.data_received(CLOSE)
    return echo


def lost() -> Echo:
    echo = opened()
    echo.connection_lost(None)
    return echo


def catch_up(echo: Echo) -> None:
    """A ping comes while the peer is congested; then it reads again."""
    echo.pause_writing()
    echo.data_received(PING)
    echo.resume_writing()


REFUSAL: Final = Problem(HTTPStatus.FORBIDDEN, "No.")
CLOSE: Final = masked(0x88, struct.pack("!H", 1000))
PING: Final = masked(0x89, b"")

STARTS: Final = (asked, opened, closing, closed_by_peer, refused, lost)
TABLE: Final[dict[str, tuple[Callable[[Echo], None], tuple[str, ...]]]] = {
    "another request": (
        lambda echo: echo.data_received(b"GET /ws HTTP/1.1\r\n\r\n"),
        ("CLOSED 400 end", "CLOSING close-1002 end", "CLOSING end", "CLOSING", "CLOSED", "CLOSED"),
    ),
    "accept": (
        lambda echo: echo.accept(None),
        ("OPEN 101", "illegal", "illegal", "illegal", "illegal", "illegal"),
    ),
    "refuse": (
        lambda echo: echo.refuse(REFUSAL),
        ("CLOSED 403 end", "OPEN", "CLOSING", "CLOSING", "CLOSED", "CLOSED"),
    ),
    "a text": (
        lambda echo: echo.data_received(masked(0x81, b"hello")),
        ("CLOSED 400 end", "OPEN text", "CLOSING", "CLOSING", "CLOSED", "CLOSED"),
    ),
    "a ping": (
        lambda echo: echo.data_received(PING),
        ("CLOSED 400 end", "OPEN pong", "CLOSING", "CLOSING", "CLOSED", "CLOSED"),
    ),
    "a text and a close frame": (
        lambda echo: echo.data_received(masked(0x81, b"hello") + CLOSE),
        ("CLOSED 400 end", "CLOSING text close-1000 end", "CLOSING end", "CLOSING", "CLOSED", "CLOSED"),
    ),
    "a broken rule": (
        lambda echo: echo.data_received(b"\xf1\x80" + bytes(4)),
        ("CLOSED 400 end", "CLOSING close-1002 end", "CLOSING end", "CLOSING", "CLOSED", "CLOSED"),
    ),
    "write": (
        lambda echo: echo.write(frame(b"news")),
        ("OPENING", "OPEN text", "CLOSING", "CLOSING", "CLOSED", "CLOSED"),
    ),
    "send a ping": (
        lambda echo: echo.ping(),
        ("OPENING", "OPEN ping", "CLOSING", "CLOSING", "CLOSED", "CLOSED"),
    ),
    "close": (
        lambda echo: echo.close(4001, "silent"),
        ("CLOSED gone", "CLOSING close-4001", "CLOSING", "CLOSING", "CLOSED", "CLOSED"),
    ),
    "close, too fast": (
        lambda echo: echo.close(TOO_FAST.code, TOO_FAST.reason),
        ("CLOSED gone", "CLOSING close-4003 end", "CLOSING end", "CLOSING", "CLOSED", "CLOSED"),
    ),
    "shutdown": (
        lambda echo: echo.shutdown(),
        ("CLOSED gone", "CLOSING close-1001", "CLOSING", "CLOSING", "CLOSED", "CLOSED"),
    ),
    "catch up": (
        catch_up,
        ("CLOSED 400 end", "OPEN pong", "CLOSING", "CLOSING", "CLOSED", "CLOSED"),
    ),
    "connection lost": (
        lambda echo: echo.connection_lost(None),
        ("CLOSED", "CLOSED", "CLOSED", "CLOSED", "CLOSED", "CLOSED"),
    ),
}  # fmt: skip
"""By event: for each of the starts the state that follows, and what the transport was asked to do."""


@pytest.mark.parametrize(
    ("start", "event", "expected"),
    [
        pytest.param(start, event, expected, id=f"{name}, {start.__name__}")
        for name, (event, row) in TABLE.items()
        for start, expected in zip(STARTS, row, strict=True)
    ],
)
async def test_every_event_in_every_state_does_what_the_table_says(
    start: Callable[[], Echo], event: Callable[[Echo], None], expected: str
) -> None:
    echo = start()
    before = len(echo.transport.done)
    if expected == "illegal":
        with pytest.raises(IllegalStepError, match=echo.state.value):
            event(echo)
    else:
        event(echo)
        assert " ".join([echo.state.name, *told(echo.transport.done[before:])]) == expected


async def test_the_table_begins_in_every_state() -> None:
    assert {start().state for start in STARTS} == set(State)


class Device(DeviceProtocol):
    """Writes down what its actor is told."""

    def __init__(self, keys: SigningKeys) -> None:
        self.told: list[str] = []
        self.quotas = Quotas(Limits(max_connections=1))
        deps = DeviceDeps(authenticator=Authenticator(keys), quotas=self.quotas, spawn=self._spawn)
        super().__init__(deps, None, SimpleNamespace(connections=set()), None)
        self.connection_made(RecordingTransport())
        ask(self, mint(SECRET, "ann", "tv", 600, token_id="jti"))

    def _spawn(self, _socket: DeviceSocket, _handshake: HandshakeResult) -> Tell[ConnectionMessage]:
        return lambda message: self.told.append(type(message).__name__)


async def waiting_device() -> Device:
    keys = LateKeys()
    device = Device(keys)
    await asyncio.wait_for(keys.asked.wait(), TIMEOUT_S)
    return device


async def open_device() -> Device:
    return Device(shared_secret(SECRET))


async def closing_device() -> Device:
    device = await open_device()
    device.close(4002, "slow")
    return device


async def lost_device() -> Device:
    device = await open_device()
    device.connection_lost(None)
    await asyncio.sleep(0)  # its end is told in the loop's next turn
    device.told.clear()
    return device


DEVICES: Final = (waiting_device, open_device, closing_device, lost_device)
TOLD: Final[dict[str, tuple[Callable[[Device], object], tuple[str, ...]]]] = {
    "a sign of life": (lambda device: device.data_received(PING), ("", "SignOfLife", "SignOfLife", "")),
    "a text": (lambda device: device.data_received(masked(0x81, b"{}")), ("", "Received", "SignOfLife", "")),
    "caught up": (lambda device: device.resume_writing(), ("", "SocketWritable", "SocketWritable", "")),
    "shutdown": (lambda device: device.shutdown(), ("", "Shutdown", "Shutdown", "")),
    "revoked": (lambda device: device.disconnect_if_revoked({"jti"}), ("", "Disconnect", "Disconnect", "")),
    "connection lost": (lambda device: device.connection_lost(None), ("", "SocketLost", "SocketLost", "")),
}
"""By event: what each device's actor is told."""


@pytest.mark.parametrize(
    ("start", "event", "expected"),
    [
        pytest.param(start, event, expected, id=f"{name}, {start.__name__}")
        for name, (event, row) in TOLD.items()
        for start, expected in zip(DEVICES, row, strict=True)
    ],
)
async def test_an_actor_is_told_what_happens_between_its_sockets_opening_and_its_end(
    start: Callable[[], Awaitable[Device]], event: Callable[[Device], object], expected: str
) -> None:
    device = await start()
    event(device)
    await asyncio.sleep(0)
    assert " ".join(device.told) == expected
    device.connection_lost(None)
    device.quotas.connect("another")  # there is room: each connection was counted once, or not at all
