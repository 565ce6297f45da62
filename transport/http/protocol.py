"""uvicorn's HTTP protocol with time-outs and bounds: for slow, oversized and garbled requests."""

import asyncio
from http import HTTPStatus
from typing import Any
from weakref import ref

import httptools
from typing_extensions import override

from transport.errors import Problem
from transport.http.direct_writes import NO_WRITES, DirectWrite, DirectWrites
from transport.http.http1.carrying import CARRIER, CarryingProtocol
from transport.http.http1.forwarded import NO_PROXIES, Peer, TrustedProxies
from transport.http.http1.head_coalescer import HeadCoalescer
from transport.http.http1.hosts import SEVERAL_HOSTS, host_problem
from transport.http.http1.other_protocols import problem_of
from transport.http.http1.phases import Phase, PhaseDeadline
from transport.http.http1.request_head import TRAILERS, Field, RequestHead
from transport.http.http1.request_limits import MAX_ESCAPES, MAX_FIELDS, MAX_PIPELINED, RequestLimits
from transport.http.http1.slow_reader_guard import SlowReaderGuard
from transport.http.http1.upgrades import head_without_upgrade, offers_websocket, with_websocket_alone
from transport.loop.time_sliced_queue import Storm, time_sliced_queue
from transport.wire.problems import refusal


class _Refused(Exception):
    """Leaves a callback of the parser, which turns it into its own error; the answer is the ``_problem``."""


class HttpProtocol(CarryingProtocol):
    """Give uvicorn ``partial(HttpProtocol, limits, direct_writes)`` as ``Config(http=…)``."""

    cycle: Any
    """What answers the latest request: uvicorn's own cycle, or a ``DirectWrite``."""

    def __init__(
        self,
        limits: RequestLimits,
        direct_writes: DirectWrites = NO_WRITES,
        proxies: TrustedProxies = NO_PROXIES,
        *,
        config: Any,
        server_state: Any,
        app_state: Any,
        _loop: Any = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._limits = limits
        self._direct_writes = NO_WRITES if self.access_log else direct_writes  # uvicorn logs what it answers itself
        self._proxies = proxies
        self._peer: Peer | None = None  # if there is anything to know of it
        self._good_host: bytes | None = None  # the latest
        self._write: DirectWrite | None = None  # a direct one, until its body is complete
        self._phase = self._timed_phase = Phase.IDLE
        self._deadline = PhaseDeadline(self.loop, self._on_timeout, limits, self.timeout_keep_alive)
        self._head_bytes = 0  # of a head that is not complete yet
        self._read_bytes = 0  # of it and the latest read
        self._fields = 0  # headers and trailers of the request so far
        self._framing_bytes = 0  # since the latest part of a body: of trailers, or around the next part
        self._has_body = False  # whether the latest read has
        self._problem: Problem | None = None
        self._first_data: list[bytes] | None = []  # until its turn has come

    @override
    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's
        """Wait for a request, not for ever: who connects should say something."""
        super().connection_made(transport)
        if self._proxies is not NO_PROXIES or self.scheme == "https":
            self._peer = Peer(self.client, self.scheme == "https", self._proxies)
        self.transport = writer = HeadCoalescer(transport)  # type: ignore[assignment]  # a transport in every respect
        self._slow_reader = SlowReaderGuard(writer, self._limits.answer_s)
        self._phase = Phase.HEAD
        self._time_phase()

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        """Let go of everything that holds the connection: an answer to a write may come long after."""
        self._slow_reader.end()
        self._deadline.end()
        super().connection_lost(exc)
        self.cycle = self._write = None
        self.pipeline.clear()

    @override
    def data_received(self, data: bytes) -> None:
        """Parse ``data``; the first of a connection waits for its turn, as it may be one of a storm of handshakes."""
        if self._first_data is None:
            self._parse_in_pieces(data)
        else:
            self._first_data.append(data)
            if len(self._first_data) == 1:
                time_sliced_queue().run(self._parse_first, Storm.ARRIVALS)
            elif len(self._first_data) == 2:
                self.transport.pause_reading()

    def _parse_first(self) -> None:
        first_data, self._first_data = self._first_data or [], None
        try:
            if not self.transport.is_closing():
                if len(first_data) > 1:
                    self.transport.resume_reading()
                self._parse_in_pieces(b"".join(first_data))
        except BaseException:
            self.transport.abort()  # as the event loop does when a protocol fails
            raise

    def _parse_in_pieces(self, data: bytes) -> None:
        """Look after each piece whether it goes on too long: a large read holds 40,000 trailers."""
        piece = self._limits.head_bytes
        for at in range(0, len(data), piece):
            self._parse(data[at : at + piece])

    def _parse(self, data: bytes) -> None:
        """Parse ``data``; a request has a deadline only when it needs more than that."""
        if self._phase is Phase.UPGRADED:  # in the piece before
            self._pass_on(data)
            return
        self._read_bytes = self._head_bytes + len(data)
        if self._phase is Phase.REFUSED or self.transport.is_closing():
            return
        was_in_body, self._has_body = self._phase is Phase.BODY, False
        self._feed(data)
        if self._write is not None and self._write.proceed():
            self._write = None
        if self._phase is Phase.HEAD:
            self._head_bytes += len(data)
            if self._head_bytes > self._limits.head_bytes:
                self._refuse(self._head_too_large())
        elif was_in_body and self._phase is Phase.BODY:
            self._framing_bytes = 0 if self._has_body else self._framing_bytes + len(data)
            if self._framing_bytes > self._limits.head_bytes:
                self._refuse(Problem(HTTPStatus.BAD_REQUEST, "The trailers, or the chunks' extensions, are too large."))
        self._time_phase()

    def _feed(self, data: bytes) -> None:
        """Let the parser read ``data``. At an upgrade it stops, and takes a body for another protocol's bytes.

        A WebSocket takes the connection over. Any other upgrade is ignored, and the request read again without it.
        """
        while True:
            try:
                self.parser.feed_data(data)
            except httptools.HttpParserError:
                self._refuse(self._problem or problem_of(data))
            except httptools.HttpParserUpgrade as upgrade:
                rest = data[upgrade.args[0] :]
                if not self._should_upgrade():
                    parser = self.parser
                    version = parser.get_http_version()
                    data = head_without_upgrade(parser.get_method(), self.url, version, self.headers) + rest
                    self.parser = self._new_parser()
                    continue
                self.handle_websocket_upgrade()
                if rest and self._phase is Phase.UPGRADED:  # frames, as from the next packet
                    self._pass_on(rest)
            return

    def _pass_on(self, frames: bytes) -> None:
        websocket: Any = self.transport.get_protocol()
        websocket.data_received(frames)

    def _new_parser(self) -> httptools.HttpRequestParser:
        parser = httptools.HttpRequestParser(self)
        parser.set_dangerous_leniencies(lenient_data_after_close=True)  # as uvicorn's
        return parser

    @override
    def _should_upgrade(self) -> bool:
        is_possible = self.ws_protocol_class is not None and self.parser.get_http_version() == "1.1"
        return is_possible and offers_websocket(self.headers)

    @override
    def on_message_begin(self) -> None:
        """Begin with everything but the scope, which only ASGI needs."""
        self.url = b""
        self.headers = []
        self._host: bytes | None = None
        self._phase = Phase.HEAD
        self._head_bytes = self._fields = 0

    def _make_scope(self) -> None:
        url, headers = self.url, self._told_headers()
        super().on_message_begin()
        self.url = url
        is_expecting = RequestHead(headers).header(b"expect").lower() == "100-continue"
        self.expect_100_continue = is_expecting and self.parser.get_http_version() != "1.0"  # RFC 9110 section 10.1.1
        self.headers += headers  # the scope's
        self.scope["extensions"] = {CARRIER: ref(self)}  # type: ignore[dict-item]  # what it is, is for us to say

    def _told_headers(self) -> list[Field]:
        """Return the request's headers as its client sent them, as far as that is known."""
        if self._peer is not None:
            self.headers, self.client = self._peer.told(self.headers)
        return self.headers

    @override
    def on_header(self, name: bytes, value: bytes) -> None:  # called for trailers, too
        self._fields += 1
        if self._fields > MAX_FIELDS:
            status = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
            self._problem = Problem(status, f"The request has more than {MAX_FIELDS} headers and trailers.")
            raise _Refused
        name = name.lower()
        value = value.rstrip(b" \t")  # RFC 9112 section 5.1; the parser leaves out what is before it
        if name == b"host":
            self._host = value if self._host is None else SEVERAL_HOSTS
        self.headers.append((name, value))

    @override
    def on_headers_complete(self) -> None:
        # What came in one small read needs no sum.
        if self._read_bytes > self._limits.head_bytes and self._head_size() > self._limits.head_bytes:
            self._problem = self._head_too_large()
            raise _Refused
        if len(self.url) > MAX_ESCAPES and self.url.count(b"%") > MAX_ESCAPES:
            self._problem = Problem(HTTPStatus.BAD_REQUEST, f"The URL has more than {MAX_ESCAPES} escaped characters.")
            raise _Refused
        if len(self.pipeline) >= MAX_PIPELINED or self._carried is not None:  # which may go on for hours
            self._problem = Problem(HTTPStatus.BAD_REQUEST, "Wait for answers before sending more requests.")
            raise _Refused
        if self._host is None or self._host != self._good_host:
            self._problem = host_problem(self._host, self.parser.get_http_version)
            if self._problem is not None:
                raise _Refused
            self._good_host = self._host
        if self.parser.should_upgrade():
            if self.parser.get_method() == b"CONNECT":  # counts as an upgrade, whatever its headers
                self._problem = Problem(HTTPStatus.BAD_REQUEST, "CONNECT is for proxies, and this is none.")
                raise _Refused
            return
        write = self._direct_write()
        if write is None:
            self._make_scope()
            super().on_headers_complete()  # raises for a target that it cannot read
        else:
            self.cycle = self._write = self._answered = write
        self._phase = Phase.BODY
        self.headers = TRAILERS

    def _direct_write(self) -> DirectWrite | None:
        """Begin a direct write if this request is one, and nothing about it is unusual."""
        if (
            self.url not in self._direct_writes
            or self.parser.get_method() != b"POST"
            or self.parser.get_http_version() != "1.1"
            or self.flow.write_paused  # only a task can wait for a client to read its answers
            or self._is_answering()
        ):
            return None
        return self._direct_writes.begin(self.url, self.headers, self, keep_alive=self.parser.should_keep_alive())

    @override
    def on_body(self, body: bytes) -> None:
        self._has_body = True
        if self._write is not None and self._write is self.cycle:
            self._write.receive(body)
        else:
            super().on_body(body)

    @override
    def on_message_complete(self) -> None:
        if self.parser.should_upgrade():
            return  # ``_feed`` goes on
        self._phase = Phase.IDLE
        if self._write is not None and self._write is self.cycle:
            self._write.end()
        else:
            super().on_message_complete()

    @override
    def handle_websocket_upgrade(self) -> None:
        """Hand the request and the connection over, and let go of everything."""
        if self._is_answering():  # its answer would end up among the frames
            self._refuse(Problem(HTTPStatus.BAD_REQUEST, "Wait for the answer before opening a WebSocket."))
            return
        self._phase = Phase.UPGRADED
        self._slow_reader.end()
        self._time_phase()
        self.transport = self.transport.transport  # type: ignore[attr-defined]
        self.connections.discard(self)
        websocket: Any = self.ws_protocol_class(  # type: ignore[misc, call-arg]
            config=self.config, server_state=self.server_state, app_state=self.app_state
        )
        websocket.connection_made(self.transport)
        websocket.request_received(self.parser.get_method(), self.url, with_websocket_alone(self._told_headers()))
        self.transport.set_protocol(websocket)
        self.parser = None  # type: ignore[assignment]  # as uvicorn does when a connection is lost

    @override
    def on_response_complete(self) -> None:
        """Go on with the next request; as uvicorn's, but without a timer for each time that there is none."""
        self.transport.flush()  # type: ignore[attr-defined]
        self._slow_reader.begin()
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
        elif self._phase is Phase.IDLE:
            self._deadline.begin(Phase.IDLE)

    def _head_size(self) -> int:
        return len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)

    def _head_too_large(self) -> Problem:
        limit = self._limits.head_bytes
        status = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
        return Problem(status, f"The request line and headers are larger than {limit} bytes.")

    def _time_phase(self) -> None:
        if self._phase is not self._timed_phase:
            self._timed_phase = self._phase
            self._deadline.begin(self._phase)

    def _on_timeout(self) -> None:
        match self._phase:
            case Phase.IDLE if self._is_answering():
                return  # what answers has a deadline of its own
            case Phase.IDLE:
                self.transport.close()
            case Phase.REFUSED:
                self.transport.abort()
            case _:
                part = self._phase.value
                self._refuse(Problem(HTTPStatus.REQUEST_TIMEOUT, f"The request's {part} took too long to arrive."))

    def _refuse(self, problem: Problem) -> None:
        """Answer with ``problem``, unless the request's answer has begun, and end the connection."""
        if self.transport.is_closing():
            return
        is_answered = not self._is_answering() and self._phase is Phase.BODY
        if not is_answered and not self._has_answer_begun():
            self.transport.write(refusal(problem))
        self._phase = Phase.REFUSED
        self._write = None
        self.pipeline.clear()  # their answers would go nowhere
        self.flow.resume_reading()  # unread bytes would keep the client's end from being seen
        self._give_up_answer()
        if self.transport.can_write_eof():
            self.transport.write_eof()
            self._time_phase()
        else:
            self.transport.close()
