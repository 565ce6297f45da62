"""What must hold for any bytes: a target is given some, and raises if the code that it tests breaks a rule."""

import asyncio
import base64
import hashlib
import hmac
import json
import logging
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import cache, partial
from typing import Any, Final, cast

import uvicorn
from uvicorn.server import ServerState
from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.protocol import OPEN
from websockets.server import ServerProtocol

from actors.errors import BusMessageRefused
from actors.messages.journal import DeviceWrite, Outcome, Status
from actors.messages.names import is_name
from transport.access.authentication import Authenticator
from transport.access.limits import Limits, Quotas
from transport.access.minting import mint
from transport.access.origins import AllowedOrigins
from transport.access.signing_keys import shared_secret
from transport.bus.channels import channel_of, user_of
from transport.bus.codec import BusCodec
from transport.bus.control_codec import ControlCodec
from transport.errors import TokenRefused
from transport.http.api import http_api
from transport.http.direct_writes import NO_WRITES
from transport.http.http1.request_limits import RequestLimits
from transport.http.protocol import HttpProtocol
from transport.http.routes.deps import ApiDeps
from transport.websocket.device_codec import decode
from transport.websocket.frame_reader import FrameReader, rfc6455_logger
from transport.websocket.handshake import connect_request
from transport.websocket.protocol import WebSocketProtocol
from transport.websocket.state import State

SECRET: Final = "a secret of the fuzzers, and long enough"  # noqa: S105 - it guards nothing
TOKEN: Final = mint(SECRET, "ann", "tv", 10**9)
MAX_SIZE: Final = 300
"""Of a message in bytes: small, so that short inputs reach beyond it."""


def frames(data: bytes) -> None:
    """``FrameReader``, whatever the network's cuts, finds what ``websockets`` finds in the whole stream."""
    cut, stream = 1 + data[0] % 32 if data else 1, data[1:]  # no read holds more frames than one may
    reader, found = FrameReader(MAX_SIZE), list[str | bytes]()
    for at in range(0, len(stream), cut):
        found += reader.feed(stream[at : at + cut])
        reader.output()
    expected, is_open = _reference(stream)
    assert found == expected
    if not is_open and reader.state is State.OPEN:
        reader.feed(bytes(8))  # the rest of the header that breaks a rule
    assert (reader.state is State.OPEN) == is_open


def _reference(stream: bytes) -> tuple[list[str | bytes], bool]:
    rfc = ServerProtocol(state=OPEN, max_size=MAX_SIZE, logger=rfc6455_logger)
    rfc.receive_data(stream)
    messages: list[str | bytes] = []
    payload, is_text = b"", False
    for frame in cast("list[Frame]", rfc.events_received()):
        if frame.opcode in (Opcode.TEXT, Opcode.BINARY):
            payload, is_text = bytes(frame.data), frame.opcode is Opcode.TEXT
        elif frame.opcode is Opcode.CONT:
            payload += frame.data
        else:
            continue
        if frame.fin:
            try:
                messages.append(payload.decode() if is_text else payload)
            except UnicodeDecodeError:
                return messages, False
    return messages, rfc.state is OPEN


def device_message(data: bytes) -> None:
    """A device's text is decoded or ``Malformed``."""
    decode(data.decode(errors="replace"))


def token(data: bytes) -> None:
    """A token, invalid or signed with garbage claims, authenticates a user with a name, or is refused."""
    signed = _b64(b'{"alg":"HS256"}') + "." + _b64(data)
    signed += "." + _b64(hmac.digest(SECRET.encode(), signed.encode(), hashlib.sha256))
    authenticator = Authenticator(shared_secret(SECRET))
    for text in (signed, data.decode("latin-1"), data.decode(errors="surrogateescape")):
        with suppress(TokenRefused):
            claims = authenticator.authenticate(text)
            assert is_name(claims.user_id)
            json.dumps(claims.expires_at + 0.5)


def _b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def channel(data: bytes) -> None:
    """A channel belongs to one user, who has no other; its message is decoded or refused, signed or not."""
    name = data.decode(errors="replace")
    user = user_of(name)
    assert user is None or user_of(channel_of(user)) == user
    if name:
        assert user_of(channel_of(name)) == name
    for codec in (BusCodec(), BusCodec(b"key"), BusCodec(b"key", are_foreign_allowed=False)):
        with suppress(BusMessageRefused):
            codec.encode(name, codec.decode(name, data))
    with suppress(BusMessageRefused):
        ControlCodec(b"key").decode(data)


def http(data: bytes) -> None:
    """A connection that sends ``data`` gets well-formed answers, none a 5xx, and nothing is logged as an error."""
    cut, stream = 1 + data[0] * 4 if data else 1, data[1:]
    loop, config = _server()
    wire = Wire()
    loop.run_until_complete(_converse(config, wire, [stream[at : at + cut] for at in range(0, len(stream), cut)]))
    written = b"".join(wire.written)
    assert not written or written.startswith(b"HTTP/1.1 "), written
    assert not written.startswith(b"HTTP/1.1 5"), written
    assert not _problems, _problems


def writes(data: bytes) -> None:
    """The API answers the same bytes whether the protocol answers writes or the application does."""
    stream = data[1:]
    cut = max(1 + data[0] * 16 if data else 1, len(stream) // 32)  # a piece costs many turns
    loop, configs = _apis()
    answers: list[bytes] = []
    for config in configs:
        wire = Wire()
        pieces = [stream[at : at + cut] for at in range(0, len(stream), cut)]
        loop.run_until_complete(_converse(config, wire, pieces, turns=40))
        answers.append(b"".join(wire.written))
    direct, asgi = answers
    assert direct == asgi, (direct, asgi)
    assert not _problems, _problems


async def _converse(config: uvicorn.Config, wire: "Wire", pieces: list[bytes], turns: int = 3) -> None:
    """Let each piece arrive when the loop has made ``turns``."""
    state = ServerState()
    http_protocol = cast("Callable[..., asyncio.Protocol]", config.http_protocol_class)
    wire.set_protocol(http_protocol(config=config, server_state=state, app_state={}))
    wire.protocol.connection_made(wire)
    for piece in pieces:
        if not wire.is_over:
            wire.protocol.data_received(piece)
        for _ in range(turns):
            await asyncio.sleep(0)
    wire.protocol.connection_lost(None)
    for _ in range(turns):
        await asyncio.sleep(0)
    assert not state.connections
    assert not state.tasks


class Wire(asyncio.Transport):
    """A TCP connection whose peer reads everything."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[bytes] = []
        self.is_over = False
        self.protocol: asyncio.Protocol

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Remember ``data``."""
        self.written.append(bytes(data))

    def get_write_buffer_size(self) -> int:
        """Nothing is ever unsent."""
        return 0

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """Hand the connection to ``protocol``."""
        self.protocol = cast("asyncio.Protocol", protocol)

    def get_protocol(self) -> asyncio.Protocol:
        """Return whose the connection is."""
        return self.protocol

    def close(self) -> None:
        """End."""
        self.is_over = True

    def abort(self) -> None:
        """End."""
        self.is_over = True

    def write_eof(self) -> None:
        """End our half; twice, or a write after it, would be an error of ours."""

    def can_write_eof(self) -> bool:
        """As TCP."""
        return True

    def is_closing(self) -> bool:
        """Whether it has ended."""
        return self.is_over

    def pause_reading(self) -> None:
        """Do nothing: there is no flood here."""

    def resume_reading(self) -> None:
        """Do nothing."""

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Do nothing: nothing waits."""


_NO_ORIGINS: Final = AllowedOrigins()


class _Guest(WebSocketProtocol):
    """Lets in who has a token of any kind, and listens."""

    def handshake_received(self, request: Request) -> None:
        self.accept(connect_request(request, _NO_ORIGINS).subprotocol)

    def messages_received(self, messages: list[str | bytes]) -> None:
        self.write(b"".join(message if isinstance(message, bytes) else message.encode() for message in messages))


async def _app(scope: Any, receive: Any, send: Any) -> None:
    """Read the body and answer."""
    more_body = True
    while more_body:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        more_body = message["more_body"]
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
    await send({"type": "http.response.body"})


_problems: list[str] = []


class _Collect(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        _problems.append(self.format(record))


@cache
def _server() -> tuple[asyncio.AbstractEventLoop, uvicorn.Config]:
    http_class = partial(HttpProtocol, RequestLimits(head_bytes=MAX_SIZE))
    config = uvicorn.Config(_app, http=cast("Any", http_class), ws=_Guest, lifespan="off", log_config=None)
    config.load()
    logging.getLogger().addHandler(_Collect(logging.ERROR))
    logging.getLogger("uvicorn.error").setLevel(logging.ERROR)
    return asyncio.new_event_loop(), config


@cache
def _apis() -> tuple[asyncio.AbstractEventLoop, list[uvicorn.Config]]:
    loop, _ = _server()
    api = http_api(
        ApiDeps(
            name="syncd",
            version="0",
            authenticator=Authenticator(shared_secret(SECRET)),
            quotas=Quotas(Limits(messages_per_second=1e9, message_burst=10**9)),
            write=_accept,
            journal=lambda _message: None,
            bus_status=lambda: None,
            prometheus=lambda: b"",
            figures=dict,
            allowed_origins=AllowedOrigins(("https://tv.example",)),
        )
    )
    configs = []
    for direct_writes in (api.direct_writes, NO_WRITES):
        http_class = partial(HttpProtocol, RequestLimits(), direct_writes)
        config = uvicorn.Config(
            api.app, http=cast("Any", http_class), ws=_Guest, lifespan="off", log_config=None, access_log=False
        )
        config.load()
        configs.append(config)
    return loop, configs


def _accept(write: DeviceWrite) -> None:
    assert write.answer is not None
    write.answer(Outcome(status=Status.EXISTING))


TARGETS: Final[Mapping[str, Callable[[bytes], None]]] = {
    "http": http,
    "writes": writes,
    "frames": frames,
    "device-message": device_message,
    "token": token,
    "channel": channel,
}
