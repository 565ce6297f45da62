"""Messages in which something is only spelled in another way: the id of a content, or an integer.

The decoder refuses ``7.0`` as an integer. To JSON Schema it is one, and languages without integers write it. That is
rare: a message that is refused for it is decoded once more.
"""

import re
from typing import Final, TypeVar, get_args

import msgspec
from msgspec import structs

from actors.messages.change import MAX_POSITION_LENGTH, Change, PlayState
from actors.messages.collections import LIST_RULE
from actors.messages.content_ids import ContentIds
from actors.messages.names import NAME_RULE
from actors.messages.progress import ProgressChange

T = TypeVar("T")

_AT_CONTENT_ID: Final = " - at `$.content_id`"
_AT_FIELD: Final = re.compile(r" - at `\$\.([\w.]+)`$")
_NAMES: Final = (
    *("operation_id", "tag", "device_id", "target_device_id", "user_id", "device"),
    *("name", "device_name", "device_type", "platform"),
)
_RULES: Final = {
    **dict.fromkeys(_NAMES, f"must be a text of {NAME_RULE}"),
    "message": "must be a text of 1 to 1000 characters, none of them a control character",
    "timestamp.node": "must be a text of at most 128 characters, none of them a control character",
    "list": f"must be {LIST_RULE}",
    "position": f"must be 1 to {MAX_POSITION_LENGTH} visible ASCII characters",
    "state": f"must be one of {', '.join(get_args(PlayState))}",
}
"""What is said of a field where the decoder would show a pattern, or only say that it is not right."""
_NO_INTEGER: Final = re.compile(r"Expected `int\b.*, got `float`")
_WITH_INTEGERS: Final = frozenset({"id", "observed", "timestamp"})
_MAX_RESPELLED_BYTES: Final = 1024
"""Of one of these; all else of a message, which may be 500 KiB of numbers, is not unpacked."""
_encode: Final = msgspec.json.Encoder().encode


class FieldRefused(msgspec.ValidationError):
    """A message's ``field`` is not as documented; the text says what to do."""

    def __init__(self, field: str, rule: str) -> None:
        super().__init__(rule)
        self.field = field


class ContentIdRefused(FieldRefused):
    """A message's ``content_id`` is not of the kind that is accepted here."""

    def __init__(self, rule: str) -> None:
        super().__init__("content_id", rule)


def decode_spelled(decoder: msgspec.json.Decoder[T], body: bytes | str | msgspec.Raw, content_ids: ContentIds) -> T:
    """Return what ``decoder`` makes of ``body``, with the content's id, where there is one, in its one spelling.

    Raises:
        ContentIdRefused: it is no id.
        FieldRefused: a field is wrong for which a rule says more than the decoder does.
        msgspec.DecodeError: another field is wrong, a number is not whole, or it is no JSON.
        RecursionError, UnicodeDecodeError: it is no JSON.
    """
    try:
        message = decoder.decode(body)
    except msgspec.ValidationError as error:
        message = _respelled(decoder, body, error, content_ids)
    if not isinstance(message, Change | ProgressChange):
        return message
    try:
        content_id = content_ids.canonical(message.content_id)
    except ValueError as error:
        raise ContentIdRefused(str(error)) from None
    return message if content_id is message.content_id else structs.replace(message, content_id=content_id)


def refused_by_rule(error: msgspec.DecodeError) -> FieldRefused | None:
    """Return the refusal that tells the rule of the field that ``error`` is about, if that field has one."""
    at = _AT_FIELD.search(str(error))
    if at is None or at[1] not in _RULES:
        return None
    return FieldRefused(at[1].partition(".")[0], f"{at[1]}: {_RULES[at[1]]}")


def _respelled(
    decoder: msgspec.json.Decoder[T],
    body: bytes | str | msgspec.Raw,
    error: msgspec.ValidationError,
    content_ids: ContentIds,
) -> T:
    if str(error).endswith(_AT_CONTENT_ID):
        raise ContentIdRefused(content_ids.rule) from None
    if (refused := refused_by_rule(error)) is not None:
        raise refused from None
    if not _NO_INTEGER.match(str(error)):
        raise error
    parts = _parts.decode(body)
    for name in _WITH_INTEGERS & parts.keys():
        if len(text := bytes(parts[name])) <= _MAX_RESPELLED_BYTES:
            parts[name] = msgspec.Raw(_encode(_with_integers.decode(text)))
    return decoder.decode(_encode(parts))


def _number(text: str) -> int | msgspec.Raw:
    """Return the integer that ``text`` spells in another way; what is none stays as it is."""
    number = float(text)
    return int(number) if number.is_integer() else msgspec.Raw(text.encode())


_with_integers: Final = msgspec.json.Decoder(float_hook=_number)
_parts: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
