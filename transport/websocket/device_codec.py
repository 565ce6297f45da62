"""JSON and frames of the messages between a device and its ``SyncWebSocket`` (shapes: ``actors.messages.device``)."""

import re
from typing import Final

import msgspec
from msgspec import Struct

from actors.messages.device import (
    Answer,
    Authenticate,
    DeviceHeartbeat,
    DeviceMessage,
    Malformed,
    MessageId,
    Ping,
    Pong,
    WatchlistWrite,
)
from actors.messages.sync import SyncMessage
from transport.content_ids import ContentIdRefused, decode_respelled


class _Identified(Struct):
    id: MessageId | None = None


_encoder: Final = msgspec.json.Encoder()
_decoder: Final = msgspec.json.Decoder(WatchlistWrite | Authenticate | DeviceHeartbeat | Ping | Pong)
_id_decoder: Final = msgspec.json.Decoder(_Identified)

_FIN: Final = 0x80
_TEXT: Final = 0x01
_CONTINUATION: Final = 0x00

FRAGMENT_BYTES: Final = 16 * 1024
"""Of a long message, written at once: while one is under way, a pong waits no longer than for this."""

_FIELD: Final = re.compile(r" - at `\$\.(?P<at>\w+)|missing required field `(?P<missing>\w+)`")


def _header(length: int, first: int = _FIN | _TEXT) -> bytes:
    """Return what stands before a payload; ``first`` is its first byte. Source: RFC 6455 section 5.2."""
    if length < 126:
        return bytes((first, length))
    if length < 1 << 16:
        return bytes((first, 126)) + length.to_bytes(2, "big")
    return bytes((first, 127)) + length.to_bytes(8, "big")


_USUAL_HEADERS: Final = tuple(map(_header, range(1024)))
"""To make one costs three times as much as to frame with it."""


def frame(payload: bytes) -> bytes:
    """Return ``payload`` (UTF-8) as one unmasked text frame, ready for any number of sockets."""
    length = len(payload)
    return (_USUAL_HEADERS[length] if length < len(_USUAL_HEADERS) else _header(length)) + payload


def fragments(payload: bytes, *, opens: bool, closes: bool) -> tuple[bytes, ...]:
    """Return ``payload`` as frames that hold at most ``FRAGMENT_BYTES`` each: a message, or a part of one.

    Source: RFC 6455 section 5.4.
    """
    frames: list[bytes] = []
    for start in range(0, max(len(payload), opens or closes), FRAGMENT_BYTES):
        cut = payload[start : start + FRAGMENT_BYTES]
        opcode = _TEXT if opens and start == 0 else _CONTINUATION
        fin = _FIN if closes and start + FRAGMENT_BYTES >= len(payload) else 0
        frames.append(_header(len(cut), fin | opcode) + cut)
    return tuple(frames)


def encode(message: SyncMessage | Answer) -> bytes:
    """Return ``message`` as a finished frame."""
    return frame(_encoder.encode(message))


def decode(text: str) -> DeviceMessage | Authenticate:
    """Return what a device's text message says; one that says nothing valid becomes ``Malformed``, never an error."""
    try:
        message: DeviceMessage | Authenticate = _decoder.decode(text)
    except msgspec.ValidationError as error:
        return _respelled(text, error)
    except (msgspec.DecodeError, RecursionError) as error:
        return Malformed("malformed", f"The message is not JSON: {error}.")
    return message


def _respelled(text: str, error: msgspec.ValidationError) -> DeviceMessage | Authenticate:
    try:
        message: DeviceMessage | Authenticate = decode_respelled(_decoder, text, error)
    except ContentIdRefused as refused:
        return Malformed("invalid_field", f"{refused}.", "content_id", _id_of(text))
    except msgspec.ValidationError as other:
        return _invalid(text, str(other))
    except (msgspec.DecodeError, RecursionError) as malformed:  # behind the content id
        return Malformed("malformed", f"The message is not JSON: {malformed}.")
    return message


def _invalid(text: str, reason: str) -> Malformed:
    found = _FIELD.search(reason)
    if found is None:
        return Malformed("malformed", f"The message is not understood: {reason}.")
    field = found["at"] or found["missing"]
    code: Final = "unknown_type" if field == "type" and found["at"] else "invalid_field"
    return Malformed(code, f"{reason}.", field, _id_of(text))


def _id_of(text: str) -> str | int | None:
    try:
        return _id_decoder.decode(text).id
    except (msgspec.DecodeError, RecursionError):
        return None
