"""The messages between a device and its ``SyncWebSocket`` (shapes: ``actors.messages.device``)."""

import re
from typing import Final

import msgspec
from msgspec import Struct

from actors.messages.content_ids import UUIDS, ContentIds
from actors.messages.device import (
    Authenticate,
    CommandToDevice,
    DeviceEdit,
    DeviceHeartbeat,
    DeviceMessage,
    DeviceReply,
    ListWrite,
    Malformed,
    MessageId,
    Ping,
    Pong,
    ProgressWrite,
    WatchlistWrite,
)
from actors.messages.sync import SyncMessage
from transport.wire.frames import frame
from transport.wire.spellings import FieldRefused, decode_spelled


class _Identified(Struct):
    id: MessageId | None = None


_encoder: Final = msgspec.json.Encoder()
_decoder: Final = msgspec.json.Decoder(
    WatchlistWrite
    | ListWrite
    | ProgressWrite
    | DeviceEdit
    | Authenticate
    | DeviceHeartbeat
    | CommandToDevice
    | Ping
    | Pong
)
_id_decoder: Final = msgspec.json.Decoder(_Identified)

_MARK: Final = "\N{ZERO WIDTH NO-BREAK SPACE}"
_AT: Final = re.compile(r" - at `\$\.(\w+)")
_MISSING_OR_NAMED: Final = re.compile(r"missing required field `(\w+)`|^(\w+): ")


def encode(message: SyncMessage | DeviceReply) -> bytes:
    """Return ``message`` as a finished frame."""
    return frame(_encoder.encode(message))


def decode(text: str, content_ids: ContentIds = UUIDS) -> DeviceMessage | Authenticate:
    """Return what a device's text message says; one that says nothing valid becomes ``Malformed``, never an error.

    A byte order mark before it is ignored.
    """
    try:
        message: DeviceMessage | Authenticate = decode_spelled(_decoder, text, content_ids)
    except FieldRefused as refused:
        return Malformed("invalid_field", f"{refused}.", refused.field, _id_of(text))
    except msgspec.ValidationError as error:
        return _invalid(text, str(error))
    except (msgspec.DecodeError, RecursionError) as error:
        if text.startswith(_MARK) and not text.startswith(_MARK, 1):
            return decode(text.removeprefix(_MARK), content_ids)  # RFC 8259 section 8.1 allows it
        return Malformed("malformed", f"The message is not JSON: {error}.")
    return message


def _invalid(text: str, reason: str) -> Malformed:
    found = _AT.search(reason) or _MISSING_OR_NAMED.search(reason)  # what is missing may be a part of a field
    if found is None:
        return Malformed("malformed", f"The message is not understood: {reason}.")
    field = found[found.lastindex or 0]
    code: Final = "unknown_type" if field == "type" else "invalid_field"
    return Malformed(code, f"{reason}.", field, _id_of(text))


def _id_of(text: str) -> str | int | None:
    try:
        return _id_decoder.decode(text).id
    except (msgspec.DecodeError, RecursionError):
        return None
