"""A device's connection over an HTTP answer: the socket of a ``SyncWebSocket`` whose frames leave as events.

The answer is a *stream*, which goes on for as long as its connection does, or a *poll*, which ends with what it says.
"""

import asyncio
from typing import Final

from typing_extensions import override

from actors.messages.close_codes import POLL_ANSWERED
from actors.messages.connection import Disconnect, SignOfLife, SocketWritable
from transport.access.authentication import Claims
from transport.connection.device_connection import BaseDeviceConnection, DeviceDeps, to_nobody
from transport.connection.kernel_buffer import bound_kernel_buffer
from transport.http.http1.carrying import Carrier
from transport.http.streams.server_sent_events import COMMENT, Events
from transport.wire.query import ResumeQuery

_SIGN_OF_LIFE: Final = SignOfLife()
_SOCKET_WRITABLE: Final = SocketWritable()
_POLL_ANSWERED: Final = Disconnect(POLL_ANSWERED)


class EventStream(BaseDeviceConnection):
    """One answer. Congested until ``open``, over with ``close`` or the connection; ``end`` is due in any case.

    Args:
        deps: of all devices.
        carrier: the connection that the answer is written to.
        poll_s: for how long it waits for something to say; ``None``: it is a stream.

    Thread: the event loop.
    """

    __slots__ = (
        *("_carrier", "_deps", "_events", "_followed", "_has_chunks", "_is_poll_over"),
        *("_is_writable", "_poll_s", "_read_bytes", "_tell", "_thumbprint", "_timer"),
        *("_token_id", "_user_id", "over"),
    )

    def __init__(self, deps: DeviceDeps, carrier: Carrier, poll_s: int | None) -> None:
        self._deps = deps
        self._tell = to_nobody
        self._token_id = self._thumbprint = None
        self._carrier = carrier
        self._events = Events()
        self._has_chunks = True
        self._is_writable = False  # between the answer's head and its last event
        self._read_bytes = 0  # by the peer, when it was last looked at
        self._poll_s = poll_s
        self._is_poll_over = poll_s == 0
        self._followed = 0  # collections
        self._timer: asyncio.TimerHandle | None = None
        self.over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        """Done when nothing more will be written."""

    def begin(self, claims: Claims, resume: ResumeQuery) -> None:
        """Be a connection of this device. Raises: Problem, a limit is reached; then there is nothing to ``end``."""
        self._count_in(claims, resume)
        self._followed = len(resume.follows)
        transport = self._carrier.transport
        bound_kernel_buffer(transport)
        if self._poll_s is not None:
            transport.set_write_buffer_limits(0)  # what it says is to be out before it ends
        self._launch(claims, resume, polls=self._poll_s is not None)
        self._carrier.connections.add(self)
        self._carrier.carry(self)

    def open(self, *, has_chunks: bool) -> None:
        """Write from now on, behind the head: in chunks, if the answer has them."""
        if self.over.done():
            return
        self._has_chunks = has_chunks
        self._is_writable = True
        self._put(COMMENT)
        if self._poll_s:
            self._timer = asyncio.get_running_loop().call_later(self._poll_s, self._end_waiting)
        self._tell(_SOCKET_WRITABLE)

    def put_down(self) -> None:
        """Leave the rest of the answer to its connection."""
        if not self._carrier.transport.is_closing():
            self._carrier.transport.set_write_buffer_limits()
        self._carrier.put_down()

    def end(self) -> None:
        """Let go of everything."""
        self._set_over()
        self.put_down()
        self._carrier.connections.discard(self)
        self._leave()

    # The socket

    @override
    def write(self, frames: bytes) -> None:
        if not self._is_writable:
            return
        self._put(self._events.of(frames))
        if self._poll_s is not None:
            self._end_poll_soon()

    @override
    def is_congested(self) -> bool:
        return not self._is_writable or self._carrier.flow.write_paused

    @override
    def unsent_bytes(self) -> int:
        transport = self._carrier.transport
        return 0 if transport.is_closing() else int(transport.get_write_buffer_size())

    @override
    def unconfirmed_bytes(self) -> int:
        transport = self._carrier.transport
        return 0 if transport.is_closing() else transport.written_bytes - transport.read_bytes()

    @override
    def ping(self) -> None:
        """Write a comment; that the peer has confirmed something since the last one stands for its pong."""
        if not self._is_writable or self._carrier.transport.is_closing():
            return
        read_bytes = self._carrier.transport.read_bytes()
        if read_bytes != self._read_bytes:
            self._read_bytes = read_bytes
            self._tell(_SIGN_OF_LIFE)
        if not self._events.is_message_open:
            self._put(COMMENT)

    @override
    def close(self, code: int, reason: str) -> None:
        if self.over.done():
            return
        if self._is_writable:
            self._put(self._events.closing(code, reason))
            self._set_over()
        else:
            self._carrier.transport.abort()  # not even the head has left

    @override
    def pause_reading(self) -> None:
        """Do nothing: a device says nothing here."""

    @override
    def resume_reading(self) -> None:
        """Do nothing."""

    # Called by the connection

    def congestion_ended(self) -> None:
        """Let the actor write what has waited."""
        self._tell(_SOCKET_WRITABLE)
        if self._poll_s is not None:
            self._end_poll_soon()

    def connection_ended(self) -> None:
        """Be over."""
        self._set_over()

    def shutdown(self) -> None:
        """Say goodbye, with a moment to come back at that differs from device to device."""
        self._say_goodbye()

    # A poll's end

    def _end_waiting(self) -> None:
        self._is_poll_over = True
        self._end_poll_if_due()

    def _end_poll_soon(self) -> None:
        """Look once the actor has had its turn: what it says with one message belongs to the same answer."""
        asyncio.get_running_loop().call_soon(self._end_poll_if_due)

    def _end_poll_if_due(self) -> None:
        """End the poll if it has said what it can: of each collection the first message is ``resumed``."""
        beyond = self._events.messages - self._followed
        is_due = beyond > 0 or (beyond == 0 and self._is_poll_over)
        if is_due and not self._events.is_message_open and not self.is_congested():
            self._tell(_POLL_ANSWERED)

    def _put(self, events: bytes) -> None:
        transport = self._carrier.transport
        transport.write(b"%x\r\n%b\r\n" % (len(events), events) if self._has_chunks else events)

    def _set_over(self) -> None:
        self._is_writable = False
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if not self.over.done():
            self.over.set_result(None)
