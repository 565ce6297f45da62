"""Cuts what a peer sends into messages.

Complete, unfragmented text frames and pongs, nearly all there is, are cut here. Every other frame goes, whole, to
``websockets``' ``ServerProtocol``, which knows RFC 6455 and decides what is answered and what is a violation. One is
made when it is needed and let go when it holds nothing, so that an idle connection keeps none (about 3 KB).
"""

import logging
from typing import Final

from websockets.frames import CloseCode, Frame, Opcode
from websockets.protocol import OPEN
from websockets.server import ServerProtocol

try:
    from websockets.speedups import apply_mask
except ImportError:  # a platform without the C extension: ten times slower, otherwise the same
    from websockets.utils import apply_mask

_FIN_TEXT: Final = 0x81
_FIN_PONG: Final = 0x8A
_MASKED: Final = 0x80
_REGULAR: Final = frozenset({0x00, 0x01, 0x02, 0x80, 0x81, 0x82, 0x88, 0x89, 0x8A})
"""First bytes of frames without reserved bits, with a known opcode, and control frames unfragmented."""

rfc6455_logger: Final = logging.getLogger("transport.rfc6455")
"""``websockets`` logs requests and frames at DEBUG: tokens and contents, which must never be logged."""
rfc6455_logger.setLevel(logging.WARNING)


class FrameReader:
    """Reads one open WebSocket; ``max_size`` bounds a message in bytes, whole or in fragments."""

    __slots__ = ("_fragments", "_is_irregular", "_is_text", "_max_size", "_rest", "_rfc", "is_writable")

    def __init__(self, max_size: int) -> None:
        self.is_writable = True
        """Whether ``output`` has not yet returned a close frame."""
        self._max_size = max_size
        self._rest = b""  # the beginning of a frame, at most max_size and a header
        self._rfc: ServerProtocol | None = None
        self._is_irregular = False  # a frame broke a rule: the rest is for the ServerProtocol to refuse
        self._fragments: list[bytes] | None = None
        self._is_text = False

    def feed(self, data: bytes) -> list[str | bytes]:
        """Return the messages that ``data`` completes: text as ``str``, binary as ``bytes``.

        You must then send ``output()``.
        """
        messages: list[str | bytes] = []
        if self._rest:
            data = self._rest + data
            self._rest = b""
        at, end = 0, len(data)
        while end - at >= 2 and not self._is_irregular:
            length = data[at + 1] & 0x7F
            mask_at = at + 2
            if length >= 126:
                mask_at += 2 if length == 126 else 8
                if mask_at > end:
                    break
                length = int.from_bytes(data[at + 2 : mask_at], "big")
            if not self._is_regular(data[at], data[at + 1], length):
                self._is_irregular = True
                break
            body_at = mask_at + 4
            next_at = body_at + length
            if next_at > end:
                break
            if self._rfc is not None or data[at] not in (_FIN_TEXT, _FIN_PONG):
                self._read_carefully(data[at:next_at], messages)
            elif data[at] == _FIN_TEXT:
                self._add_text(apply_mask(data[body_at:next_at], data[mask_at:body_at]), messages)
            at = next_at
        if self._is_irregular:
            self._read_carefully(data[at:], messages)
        else:
            self._rest = data[at:]
        return messages

    def output(self) -> list[bytes]:
        """Return what must be written now; an empty item stands for the end of our stream."""
        rfc = self._rfc
        if rfc is None:
            return []
        output = rfc.data_to_send()
        self.is_writable = rfc.state is OPEN
        if self.is_writable and rfc.current_size is None and not self._is_irregular:
            self._rfc = None
        return output

    @property
    def is_open(self) -> bool:
        """Whether neither side has sent a close frame, as far as has been read."""
        return self._rfc is None or self._rfc.state is OPEN

    def close(self, code: int, reason: str) -> None:
        """Start the closing handshake: messages are no longer returned. You must then send ``output()``."""
        rfc = self._open_rfc()
        if rfc.state is OPEN:
            rfc.send_close(code, reason)

    def _is_regular(self, head: int, masked_length: int, length: int) -> bool:
        is_control = head & 0x08
        return head in _REGULAR and masked_length & _MASKED != 0 and length <= (125 if is_control else self._max_size)

    def _open_rfc(self) -> ServerProtocol:
        if self._rfc is None:
            self._rfc = ServerProtocol(state=OPEN, max_size=self._max_size, logger=rfc6455_logger)
        return self._rfc

    def _read_carefully(self, data: bytes, messages: list[str | bytes]) -> None:
        rfc = self._open_rfc()
        rfc.receive_data(data)
        for event in rfc.events_received():
            if isinstance(event, Frame) and event.opcode in (Opcode.TEXT, Opcode.BINARY, Opcode.CONT):
                self._add_fragment(event, messages)

    def _add_fragment(self, part: Frame, messages: list[str | bytes]) -> None:
        if part.opcode is not Opcode.CONT:
            self._is_text = part.opcode is Opcode.TEXT
            self._fragments = []
        if self._fragments is None:
            return
        if part.data:  # empty ones count nothing towards max_size, and could go on for ever
            self._fragments.append(bytes(part.data))
        if part.fin:
            payload = b"".join(self._fragments)
            self._fragments = None
            if self._is_text:
                self._add_text(payload, messages)
            elif self.is_open:
                messages.append(payload)

    def _add_text(self, payload: bytes, messages: list[str | bytes]) -> None:
        try:
            text = str(payload, "utf-8")
        except UnicodeDecodeError as error:
            rfc = self._open_rfc()
            if rfc.state is OPEN:
                rfc.fail(CloseCode.INVALID_DATA, f"{error.reason} at position {error.start}")
            return
        if self.is_open:
            messages.append(text)
