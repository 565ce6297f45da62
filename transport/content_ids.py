"""Changes that the decoder of their type refuses only for how they are spelled.

The decoder makes UUIDs itself, which is fast, and takes them with or without hyphens; and it takes ``7.0`` for no
integer, which to JSON Schema it is, and which languages without integers write. Other spellings are rare: what is
refused is decoded once more.
"""

import re
from typing import Final, TypeVar

import msgspec

from actors.messages.content_ids import CONTENT_ID_RULE, content_id_of

T = TypeVar("T")

_AT_CONTENT_ID: Final = " - at `$.content_id`"
_NO_INTEGER: Final = re.compile(r"Expected `int\b.*, got `float`")
_fields: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_text: Final = msgspec.json.Decoder(str)
_encode: Final = msgspec.json.Encoder().encode


class ContentIdRefused(msgspec.ValidationError):
    """A change's ``content_id`` is no UUID; the text says what to do."""


def decode_respelled(
    decoder: msgspec.json.Decoder[T], body: bytes | str | msgspec.Raw, error: msgspec.ValidationError
) -> T:
    """Return what ``decoder`` refused with ``error``, if that was only for a spelling: of ``content_id``, of integers.

    Raises:
        ContentIdRefused: it is no UUID.
        msgspec.ValidationError: another field is wrong, or a number is not whole.
    """
    if str(error).endswith(_AT_CONTENT_ID):
        respelled = _with_content_id(body)
    elif _NO_INTEGER.match(str(error)):
        respelled = _encode(_with_integers.decode(body))
    else:
        raise error
    try:
        return decoder.decode(respelled)
    except msgspec.ValidationError as other:
        if str(other) == str(error):
            raise
        return decode_respelled(decoder, respelled, other)


def _with_content_id(body: bytes | str | msgspec.Raw) -> bytes:
    fields = _fields.decode(body)
    try:
        content_id = content_id_of(_text.decode(fields["content_id"]))
    except ValueError:
        raise ContentIdRefused(CONTENT_ID_RULE) from None
    fields["content_id"] = msgspec.Raw(_encode(content_id))
    return _encode(fields)


def _number(text: str) -> int | float:
    number = float(text)
    return int(number) if number.is_integer() else number


_with_integers: Final = msgspec.json.Decoder(float_hook=_number)
