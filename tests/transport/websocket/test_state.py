"""Every event in every state of a WebSocket, as two tables: what it writes and where it then stands; who is told."""

import asyncio
import struct
from collections.abc import Awaitable, Callable, Sequence
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
from tests.timeouts import TIMEOUT_S
from transport.access.authentication import Authenticator
from transport.access.limits import Limits, Quotas
from transport.access.minting import mint
from transport.access.signing_keys import SigningKeys, shared_secret
from transport.errors import Problem, SigningKeyMissing
from transport.websocket.device_codec import frame
from transport.websocket.device_protocol import DeviceProtocol, DeviceProtocolDeps
from transport.websocket.protocol import WebSocketProtocol
from transport.websocket.state import State

SECRET = "a secret of more than thirty-two bytes"


def masked(first: int, payload: bytes) -> bytes:
    """Return a client's frame with a mask of zeros."""
    return bytes((first, 0x80 | len(payload))) + bytes(4) + payload


def request(token: str = "token") -> bytes:
    return (
        b"GET /ws HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nAuthorization: Bearer %b\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    ) % token.encode()


class RecordingTransport(asyncio.Transport):
    """Writes down what is done to it, and says what a TCP connection would."""

    def __init__(self) -> None:
        super().__init__()
        self.done: list[str] = []
        self._is_closing = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        data = bytes(data)
        if data.startswith(b"HTTP/"):
            self.done.append(data.split()[1].decode())
            return
        while data:
            opcode, length = data[0] & 0x0F, data[1]
            payload, data = data[2 : 2 + length], data[2 + length :]
            name = {1: "text", 8: "close", 9: "ping", 10: "pong"}[opcode]
            self.done.append(f"close-{int.from_bytes(payload[:2])}" if name == "close" else name)

    def write_eof(self) -> None:
        self.done.append("end")

    def can_write_eof(self) -> bool:
        return True

    def close(self) -> None:
        if not self._is_closing:
            self.done.append("gone")
        self._is_closing = True

    def abort(self) -> None:
        raise AssertionError("the test has ended long before")

    def is_closing(self) -> bool:
        return self._is_closing

    def pause_reading(self) -> None:
        """Do nothing: the test hands in what is read."""

    def resume_reading(self) -> None:
        """Do nothing."""

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Do nothing: the test says when the peer is congested."""


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
    echo.data_received(request())
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
        lambda echo: echo.data_received(request()),
        ("CLOSED 400 gone", "CLOSING close-1002 end", "CLOSING end", "CLOSING", "CLOSED", "CLOSED"),
    ),
    "accept": (
        lambda echo: echo.accept(None),
        ("OPEN 101", "illegal", "illegal", "illegal", "illegal", "illegal"),
    ),
    "refuse": (
        lambda echo: echo.refuse(REFUSAL),
        ("CLOSED 403 gone", "OPEN", "CLOSING", "CLOSING", "CLOSED", "CLOSED"),
    ),
    "a text": (
        lambda echo: echo.data_received(masked(0x81, b"hello")),
        ("CLOSED 400 gone", "OPEN text", "CLOSING", "CLOSING", "CLOSED", "CLOSED"),
    ),
    "a ping": (
        lambda echo: echo.data_received(PING),
        ("CLOSED 400 gone", "OPEN pong", "CLOSING", "CLOSING", "CLOSED", "CLOSED"),
    ),
    "a text and a close frame": (
        lambda echo: echo.data_received(masked(0x81, b"hello") + CLOSE),
        ("CLOSED 400 gone", "CLOSING text close-1000 end", "CLOSING end", "CLOSING", "CLOSED", "CLOSED"),
    ),
    "a broken rule": (
        lambda echo: echo.data_received(b"\xf1\x80" + bytes(4)),
        ("CLOSED 400 gone", "CLOSING close-1002 end", "CLOSING end", "CLOSING", "CLOSED", "CLOSED"),
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
        ("CLOSED 400 gone", "OPEN pong", "CLOSING", "CLOSING", "CLOSED", "CLOSED"),
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
async def test_every_event_in_every_state(
    start: Callable[[], Echo], event: Callable[[Echo], None], expected: str
) -> None:
    echo = start()
    before = len(echo.transport.done)
    if expected == "illegal":
        with pytest.raises(IllegalStepError, match=echo.state.value):
            event(echo)
    else:
        event(echo)
        assert " ".join([echo.state.name, *echo.transport.done[before:]]) == expected


async def test_the_table_begins_in_every_state() -> None:
    assert {start().state for start in STARTS} == set(State)


class SlowKeys:
    """Keys of an issuer that has not answered yet."""

    algorithms: Sequence[str] = ("HS256",)
    generation = 0

    def __init__(self) -> None:
        self.asked = asyncio.Event()

    def candidates(self, key_id: str | None) -> list[str]:
        raise SigningKeyMissing("not yet")

    async def refresh(self) -> None:
        self.asked.set()
        await asyncio.Event().wait()


class Device(DeviceProtocol):
    """Writes down what its actor is told."""

    def __init__(self, keys: SigningKeys) -> None:
        self.told: list[str] = []
        self.quotas = Quotas(Limits(max_connections=1))
        deps = DeviceProtocolDeps(authenticator=Authenticator(keys), quotas=self.quotas, spawn=self._spawn)
        super().__init__(deps, None, SimpleNamespace(connections=set()), None)
        self.connection_made(RecordingTransport())
        self.data_received(request(mint(SECRET, "ann", "tv", 600, token_id="jti")))

    def _spawn(self, _socket: DeviceSocket, _handshake: HandshakeResult) -> Tell[ConnectionMessage]:
        return lambda message: self.told.append(type(message).__name__)


async def waiting_device() -> Device:
    keys = SlowKeys()
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
