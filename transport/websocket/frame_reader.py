"""Cuts what a peer sends into messages, answers its pings, and knows where the WebSocket stands.

The frames of a stream in order are read here. A close frame, and whatever breaks a rule, goes to ``websockets``'
``ServerProtocol``, which knows RFC 6455 and says how the connection ends. It is made then, so that an open connection
keeps none (about 3 KB, and 7 µs a frame).
"""

import logging
from typing import Final

from websockets.frames import CloseCode
from websockets.protocol import State as RfcState
from websockets.server import ServerProtocol

from actors.errors import IllegalStepError
from actors.messages.close_codes import TOO_FAST
from transport.websocket.state import CLOSED, CLOSING, OPEN, OPENING, State
from transport.wire.frames import FIN, OPCODE, TEXT

try:
    from websockets.speedups import apply_mask
except ImportError:  # a platform without the C extension: ten times slower, otherwise the same
    from websockets.utils import apply_mask

_BYTES_PER_TEXT: Final = 4
"""Of ``max_size``, for each text in one read. Ten times as many would fit, but none of them could say anything."""
_TEXTS_PER_ODD_FRAME: Final = 8
"""What a fragment, a ping or a pong counts for there: nobody needs hundreds at once."""

_FIN_TEXT: Final = 0x81
_FIN_CLOSE: Final = 0x88
_FIN_PING: Final = 0x89
_FIN_PONG: Final = 0x8A
_CONTROL: Final = 0x08
_MASKED: Final = 0x80
_REGULAR: Final = frozenset({0x00, 0x01, 0x02, 0x80, 0x81, 0x82, 0x88, 0x89, 0x8A})
"""First bytes of frames without reserved bits, with a known opcode, and control frames unfragmented."""

rfc6455_logger: Final = logging.getLogger("transport.rfc6455")
"""``websockets`` logs requests and frames at DEBUG: tokens and contents, which must never be logged."""
rfc6455_logger.setLevel(logging.WARNING)


class FrameReader:
    """Reads one WebSocket; ``max_size`` bounds a message in bytes, whole or in fragments.

    Every step of its ``state`` is made here: by ``open``, ``feed``, ``close`` and ``end``.
    """

    __slots__ = (
        *("_fragments", "_is_irregular", "_is_text", "_max_size", "_pongs", "_rest", "_rfc"),
        *("frames", "is_writable", "state"),
    )

    def __init__(self, max_size: int, state: State = OPEN) -> None:
        self.state = state
        """To be read only."""
        self.is_writable = state is OPEN
        """Whether frames may be written: until ``output`` returns our close frame, which may be after the peer's."""
        self.frames = 0
        """How many the latest ``feed`` has read, of any kind."""
        self._max_size = max_size
        self._rest = b""  # the beginning of a frame, at most max_size and a header
        self._fragments: bytearray | None = None  # of a message that is not complete
        self._is_text = False
        self._pongs: list[bytes] | None = None  # a list only while there are some: most readers never have any
        self._rfc: ServerProtocol | None = None
        self._is_irregular = False  # a rule was broken: the rest is for the ServerProtocol to refuse or discard

    def open(self) -> None:
        """Let frames follow: the request is accepted. Raises: IllegalStepError, it was answered before."""
        if self.state is not OPENING:
            raise IllegalStepError(f"open in state {self.state.value}")
        self.state = OPEN
        self.is_writable = True

    def feed(self, data: bytes) -> list[str | bytes]:
        """Return the messages that ``data`` completes: text as ``str``, binary as ``bytes``.

        You must then send ``output()``.
        """
        messages: list[str | bytes] = []
        self.frames = 0
        room = self._max_size // _BYTES_PER_TEXT
        if self._rest:
            data = self._rest + data
            self._rest = b""
        at, end = 0, len(data)
        while end - at >= 2 and not self._is_irregular:
            head = data[at]
            length = data[at + 1] & 0x7F
            mask_at = at + 2
            if length >= 126:
                mask_at += 2 if length == 126 else 8
                if mask_at > end:
                    break
                length = int.from_bytes(data[at + 2 : mask_at], "big")
            if not self._is_regular(head, data[at + 1], length):
                self._is_irregular = True
                if self._fragments is not None:
                    self._open_rfc().current_size = len(self._fragments)  # it has not seen them
                break
            body_at = mask_at + 4
            next_at = body_at + length
            if next_at > end:
                break
            self.frames += 1
            room -= 1 if head == _FIN_TEXT else _TEXTS_PER_ODD_FRAME
            if head == _FIN_CLOSE:
                self._read_rfc(data[at:next_at])
            elif head != _FIN_PONG:
                payload = apply_mask(data[body_at:next_at], data[mask_at:body_at])
                if head == _FIN_TEXT:
                    self._add_text(payload, messages)
                elif head == _FIN_PING:
                    self._answer_ping(payload)
                else:
                    self._add_fragment(head, payload, messages)
            at = next_at
            if room < 0:
                self._fail(TOO_FAST.code, TOO_FAST.reason)
        if self._is_irregular:
            self._read_rfc(data[at:])
        else:
            self._rest = data[at:]
        return messages

    def output(self) -> list[bytes]:
        """Return what must be written now; an empty item at its end stands for the end of our stream."""
        if self._rfc is None and self._pongs is None:
            return []
        output, self._pongs = self._pongs or [], None
        if self._rfc is not None:
            output += self._rfc.data_to_send()
            self.is_writable = self.state is OPEN
        return output

    def close(self, code: int, reason: str) -> None:
        """Start the closing handshake: messages are no longer returned. You must then send ``output()``.

        A peer that sends too fast is not read any more, even if it began after a close frame: to look for its own close
        frame would cost as much as the flood.
        """
        if code == TOO_FAST.code:
            self._fail(code, reason)
        elif self.state is OPEN:
            rfc = self._open_rfc()
            rfc.send_close(code, reason)
            self._follow(rfc)

    def end(self) -> None:
        """Let go of everything: the request is refused, or the connection is lost."""
        self.state = CLOSED
        self.is_writable = False
        self._rest, self._fragments = b"", None
        if self._rfc is not None:  # it would hold itself, and wait for the collector
            self._rfc.parser.close()
            self._rfc.parser_exc = None
            self._rfc = None

    def _is_regular(self, head: int, masked_length: int, length: int) -> bool:
        if head not in _REGULAR or not masked_length & _MASKED:
            return False
        if head & _CONTROL:
            return length <= 125
        if self._fragments is None:
            return head & OPCODE != 0 and length <= self._max_size
        return head & OPCODE == 0 and length <= self._max_size - len(self._fragments)

    def _open_rfc(self) -> ServerProtocol:
        if self._rfc is None:
            self._rfc = ServerProtocol(state=RfcState.OPEN, max_size=self._max_size, logger=rfc6455_logger)
        return self._rfc

    def _read_rfc(self, data: bytes) -> None:
        rfc = self._open_rfc()
        rfc.receive_data(data)
        self._follow(rfc)

    def _fail(self, code: int, reason: str) -> None:
        rfc = self._open_rfc()
        rfc.fail(code, reason)
        self._follow(rfc)
        self._is_irregular = True

    def _follow(self, rfc: ServerProtocol) -> None:
        if rfc.state is not RfcState.OPEN:
            self.state = CLOSING

    def _answer_ping(self, payload: bytes) -> None:
        if self.state is OPEN:
            self._pongs = self._pongs or []
            self._pongs.append(bytes((_FIN_PONG, len(payload))) + payload)

    def _add_fragment(self, head: int, payload: bytes, messages: list[str | bytes]) -> None:
        if self._fragments is None:
            self._fragments = bytearray()
            self._is_text = head == TEXT
        self._fragments += payload
        if head & FIN:
            whole, self._fragments = bytes(self._fragments), None
            if self._is_text:
                self._add_text(whole, messages)
            elif self.state is OPEN:
                messages.append(whole)

    def _add_text(self, payload: bytes, messages: list[str | bytes]) -> None:
        if self.state is not OPEN:
            return
        try:
            messages.append(str(payload, "utf-8"))
        except UnicodeDecodeError as error:
            self._fail(CloseCode.INVALID_DATA, f"{error.reason} at position {error.start}")
