"""Changes whose ``content_id`` is a UUID in a spelling that the decoder of their type does not know.

The decoder makes UUIDs itself, which is fast, and takes them with or without hyphens. The other spellings are rare:
what it refuses is decoded once more.
"""

from typing import Final, TypeVar

import msgspec

from actors.messages.content_ids import CONTENT_ID_RULE, content_id_of

T = TypeVar("T")

_AT_CONTENT_ID: Final = " - at `$.content_id`"
_fields: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_text: Final = msgspec.json.Decoder(str)
_encode: Final = msgspec.json.Encoder().encode


class ContentIdRefused(msgspec.ValidationError):
    """A change's ``content_id`` is no UUID; the text says what to do."""


def decode_respelled(
    decoder: msgspec.json.Decoder[T], body: bytes | str | msgspec.Raw, error: msgspec.ValidationError
) -> T:
    """Return what ``decoder`` refused with ``error``, if that was only for the spelling of ``content_id``.

    Raises:
        ContentIdRefused: it is no UUID.
        msgspec.ValidationError: another field is wrong.
    """
    if not str(error).endswith(_AT_CONTENT_ID):
        raise error
    fields = _fields.decode(body)
    try:
        content_id = content_id_of(_text.decode(fields["content_id"]))
    except ValueError:
        raise ContentIdRefused(CONTENT_ID_RULE) from None
    fields["content_id"] = msgspec.Raw(_encode(content_id))
    return decoder.decode(_encode(fields))
