"""A WebSocket as an asyncio protocol: what ``HttpProtocol`` hands an upgraded connection to (``Config(ws=…)``).

Owns the opening and closing handshake, frames, backpressure and the end of the TCP connection; knows nothing of what
is said on it. ``DeviceProtocol`` does.
"""

import asyncio
import os
from collections.abc import Iterable
from http import HTTPStatus
from typing import Any, Final

from typing_extensions import override
from websockets.http11 import Request

from actors.messages.close_codes import GOING_AWAY
from actors.ports import DeviceSocket
from transport.connection.kernel_buffer import bound_kernel_buffer, bytes_in_kernel
from transport.errors import Problem
from transport.websocket.frame_reader import FrameReader
from transport.websocket.handshake import answer, opening_request
from transport.websocket.sliced_reads import CAN_POLL, sliced_reads
from transport.websocket.state import CLOSED, OPEN, OPENING, State
from transport.wire.problems import refusal

WRITE_HIGH_WATER_BYTES: Final = 64 * 1024
"""Unsent bytes in the process from which on a peer counts as congested."""
CLOSE_TIMEOUT_S: Final = 5.0
"""How long the peer has to answer our close frame and to end the TCP connection."""
MAX_MESSAGE_BYTES: Final = 16 * 1024
READ_BYTES: Final = 64 * 1024
"""The most that is read at once."""

_LOOP_READS: Final = -1
"""Stands in for a descriptor while the loop reads: until the WebSocket is open, and over TLS."""
_PING: Final = b"\x89\x00"


class WebSocketProtocol(asyncio.Protocol, DeviceSocket):
    """One WebSocket. Subclasses say who is admitted and what is done with messages.

    The contract: ``HttpProtocol`` makes the object, calls ``connection_made`` and then ``request_received``, once; the
    object keeps itself in ``server_state.connections`` and obeys ``shutdown()``, for uvicorn.
    Slots, because there is one per device. Thread: the event loop.
    """

    __slots__ = (
        *("_accept", "_close_timer", "_connections", "_descriptor", "_is_congested"),
        *("_late_pong", "_reader", "_transport"),
    )

    max_message_bytes = MAX_MESSAGE_BYTES

    def __init__(self, config: Any, server_state: Any, app_state: Any, _loop: Any = None) -> None:
        self._connections: set[Any] = server_state.connections
        self._transport: asyncio.Transport
        self._reader = FrameReader(self.max_message_bytes, OPENING)
        self._accept: str | None = None  # from the request to its answer: its Sec-WebSocket-Accept
        self._is_congested = False
        self._late_pong = b""  # to the newest ping of a congested peer
        self._close_timer: asyncio.TimerHandle | None = None
        self._descriptor = _LOOP_READS

    # For subclasses

    @property
    def frames_read(self) -> int:
        """How many frames the latest read held, of any kind: fragments and pings cost more than messages do."""
        return self._reader.frames

    @property
    def state(self) -> State:
        """Where the WebSocket stands; ``FrameReader`` makes every step."""
        return self._reader.state

    def handshake_received(self, request: Request) -> None:
        """Decide about ``request``: call ``accept`` now or later, or ``refuse``, or raise ``Problem``."""
        raise NotImplementedError

    def messages_received(self, messages: list[str | bytes]) -> None:
        """Handle what one TCP read completed: text as ``str``, binary as ``bytes``; an empty list is a sign of life."""
        raise NotImplementedError

    def congestion_ended(self) -> None:
        """Write again: the peer has caught up."""

    def accept(self, subprotocol: str | None) -> None:
        """Open the WebSocket. Raises: IllegalStepError, it is not ``OPENING``."""
        self._reader.open()
        accept, self._accept = self._accept, None
        assert accept is not None
        self._transport.write(answer(accept, subprotocol))
        self._read_in_slices()

    def refuse(self, problem: Problem) -> None:
        """Answer the request with an error and end the connection, unless it has ended."""
        if self.state is not OPENING:
            return
        self._end()
        self._transport.write(refusal(problem))
        self._end_stream()

    # The socket

    @override
    def write(self, frames: bytes) -> None:
        if self._reader.is_writable:  # nothing may follow a close frame
            self._transport.write(frames)

    @override
    def is_congested(self) -> bool:
        return self._is_congested

    @override
    def unsent_bytes(self) -> int:
        return self._transport.get_write_buffer_size()

    @override
    def unconfirmed_bytes(self) -> int:
        transport = self._transport
        return 0 if transport.is_closing() else transport.get_write_buffer_size() + bytes_in_kernel(transport)

    @override
    def ping(self) -> None:
        self.write(_PING)

    @override
    def pause_reading(self) -> None:
        if self._transport.is_closing():
            return
        if self._descriptor == _LOOP_READS:
            self._transport.pause_reading()
        else:
            sliced_reads().end(self._descriptor, self)

    @override
    def resume_reading(self) -> None:
        if self._transport.is_closing():
            return
        if self._descriptor == _LOOP_READS:
            self._transport.resume_reading()
        else:
            sliced_reads().begin(self._descriptor, self)

    @override
    def close(self, code: int, reason: str) -> None:
        reader = self._reader
        if reader.state is OPENING:
            self._end()
            self._transport.close()
        elif reader.state is not CLOSED and not self._transport.is_closing():
            reader.close(code, reason)
            self.resume_reading()
            self._flush(reader)
            self._abort_later()  # unless the peer answers with its close frame

    # Called by the event loop, by HttpProtocol and by uvicorn

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's
        """Take the connection over from the HTTP protocol."""
        self._connections.add(self)
        self._transport = transport
        transport.set_write_buffer_limits(WRITE_HIGH_WATER_BYTES)
        bound_kernel_buffer(transport)

    def request_received(self, method: bytes, target: bytes, headers: Iterable[tuple[bytes, bytes]]) -> None:
        """Take the request, as its parser has found it: names in lower case."""
        try:
            request, self._accept = opening_request(method, target, headers)
            self.handshake_received(request)
        except Problem as problem:
            self.refuse(problem)

    def data_received(self, data: bytes) -> None:
        """Read frames."""
        reader = self._reader
        if reader.state is OPENING:  # RFC 6455 section 4.1
            self.refuse(Problem(HTTPStatus.BAD_REQUEST, "Wait for the answer before sending frames."))
            return
        if reader.state is CLOSED:
            return
        messages = reader.feed(data)
        if reader.state is OPEN:
            self._flush(reader)
            self.messages_received(messages)
        else:  # what came before a close frame may still be answered
            self.messages_received(messages)
            self._flush(reader)

    def read_ready(self) -> None:
        """Read once, in place of the loop."""
        transport = self._transport
        if transport.is_closing():  # the descriptor may be another's by now
            return
        try:
            data = os.read(self._descriptor, READ_BYTES)
        except BlockingIOError:
            return
        except OSError:  # the peer has reset the connection
            transport.abort()
            return
        if not data:
            self.pause_reading()  # nothing comes any more, and poll would tell it again and again
            self.eof_received()
            transport.close()
            return
        try:
            self.data_received(data)
        except Exception as error:  # noqa: BLE001 - as loops do
            context = {"message": "data_received failed", "exception": error, "protocol": self, "transport": transport}
            asyncio.get_running_loop().call_exception_handler(context)
            transport.abort()

    def eof_received(self) -> None:
        """Give what is unsent little time: a peer that has ended its half need not read, and may hold it for ever."""
        self._abort_later()

    def pause_writing(self) -> None:
        """Count as congested from here."""
        self._is_congested = True

    def resume_writing(self) -> None:
        """Count as caught up."""
        self._is_congested = False
        late_pong, self._late_pong = self._late_pong, b""
        self.write(late_pong)
        self.congestion_ended()

    def connection_lost(self, exc: Exception | None) -> None:
        """Let go of everything."""
        self._connections.discard(self)
        if self._descriptor != _LOOP_READS:
            sliced_reads().end(self._descriptor, self)
        if self._close_timer is not None:
            self._close_timer.cancel()
            self._close_timer = None
        self._end()

    def shutdown(self) -> None:
        """Close: the server stops."""
        self.close(GOING_AWAY.code, GOING_AWAY.reason)

    def _read_in_slices(self) -> None:
        """Take reading over from the loop, where that can be had."""
        sock = self._transport.get_extra_info("socket")
        if CAN_POLL and sock is not None and self._transport.can_write_eof():  # else it is TLS
            self._transport.pause_reading()
            self._descriptor = sock.fileno()
            sliced_reads().begin(self._descriptor, self)

    def _end(self) -> None:
        self._reader.end()
        self._accept = None

    def _flush(self, reader: FrameReader) -> None:
        """Write what RFC 6455 asks for: pongs, close frames, the end of the stream."""
        outputs = reader.output()
        if not outputs:
            return
        if self._is_congested and reader.is_writable:
            self._late_pong = outputs[-1]  # section 5.5.3 asks for no more; all of them would pile up
            return
        self._transport.write(b"".join(outputs))
        if not outputs[-1]:
            self._end_stream()

    def _end_stream(self) -> None:
        """End our half and wait for the peer's: closing at once, with bytes unread, could destroy our close frame."""
        if self._transport.can_write_eof():
            self._transport.write_eof()
        else:
            self._transport.close()
        self._abort_later()

    def _abort_later(self) -> None:
        if self._close_timer is None:
            self._close_timer = asyncio.get_running_loop().call_later(CLOSE_TIMEOUT_S, self._transport.abort)
