"""An HTTP connection that carries an answer without an end, which is written as there is something to say."""

from typing import Any, Final, Protocol

from typing_extensions import override

from transport.http.http1.answering import AnsweringProtocol
from transport.http.http1.slow_reader_guard import SlowReaderGuard

CARRIER: Final = "syncd.carrier"
"""Among the extensions of a request's ASGI scope: a weak reference to its ``Carrier``, which holds the scope."""


class Carried(Protocol):
    """What the connection tells while it carries it. Thread: the event loop."""

    def congestion_ended(self) -> None:
        """Write again: the peer has caught up."""

    def connection_ended(self) -> None:
        """Do without the connection from now on."""

    def shutdown(self) -> None:
        """Come to an end: the server stops."""


class Carrier(Protocol):
    """What an answer without an end needs of its connection."""

    transport: Any
    """A ``HeadCoalescer``."""
    flow: Any
    """The answer reads its ``write_paused``: whether the peer is congested."""
    connections: set[Any]
    """All of the server's."""
    pipeline: Any
    """Requests that wait for the end of this one's answer."""

    def carry(self, carried: Carried) -> None:
        """Tell ``carried``, and leave to it whether the peer reads."""

    def put_down(self) -> None:
        """Go on as with any other answer."""

    def end_by_closing(self) -> None:
        """Let the end of the connection be the answer's: HTTP/1.0 has no chunks (RFC 9112 section 6.1)."""


class CarryingProtocol(AnsweringProtocol):
    """uvicorn's HTTP protocol as a ``Carrier``; no answer but one that it carries may be unread for long."""

    _slow_reader: SlowReaderGuard
    _carried: Carried | None = None
    _is_stopping = False

    def carry(self, carried: Carried) -> None:
        """Tell ``carried``, and leave to it whether the peer reads."""
        self._carried = carried
        self._slow_reader.end()
        if self._is_stopping:
            carried.shutdown()

    def put_down(self) -> None:
        """Go on as with any other answer."""
        self._carried = None
        if not self.transport.is_closing():
            self._slow_reader.begin()

    def end_by_closing(self) -> None:
        """Let the end of the connection be the answer's."""
        self.cycle.chunked_encoding = False

    @override
    def eof_received(self) -> None:
        """Have the peer read what is unsent, also of an answer that is carried: nothing more will be written."""
        if not self.transport.is_closing():
            self._slow_reader.begin()

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        if self._carried is not None:
            self._carried.connection_ended()

    @override
    def pause_writing(self) -> None:
        super().pause_writing()
        if self._carried is None:
            self._slow_reader.begin()  # what is unsent must not stay so for ever

    @override
    def resume_writing(self) -> None:
        super().resume_writing()
        if self._carried is not None:
            self._carried.congestion_ended()

    @override
    def shutdown(self) -> None:
        self._is_stopping = True
        super().shutdown()
