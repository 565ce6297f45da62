"""What names a content: a UUID, or any text, as ``--content-ids`` says.

An id is made canonical where it comes in. From there on it is text that is compared as it is, in memory and in tables.
"""

import re
from collections.abc import Callable
from typing import Annotated, Final, Literal
from uuid import UUID

from msgspec import Meta, Struct

from actors.messages.names import NAME_RULE, is_name

ContentId = Annotated[str, Meta(extra_json_schema={"format": "uuid"})]
"""Any text to a decoder, which does not know the setting; the schema is that of the default."""

ContentIdKind = Literal["uuid", "text"]


class ContentIds(Struct, frozen=True):
    """One kind of content ids."""

    kind: ContentIdKind
    rule: str
    """Told to whoever sends something else."""
    canonical: Callable[[str], str]
    """Returns the one spelling of an id. Raises: ValueError, ``rule``."""


_HEX: Final = "[0-9a-f]{32}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_SPELLINGS: Final = re.compile(rf"(?:urn:uuid:)?(?:{_HEX}|\{{(?:{_HEX})\}})", re.IGNORECASE | re.ASCII)
"""``UUID`` itself accepts more: hyphens anywhere, digits of other scripts."""
_is_canonical: Final = re.compile("[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}").fullmatch
"""Nearly all are, and then nothing has to be made."""


def _uuid(text: str) -> str:
    if _is_canonical(text):
        return text
    if not _SPELLINGS.fullmatch(text):
        raise ValueError(UUIDS.rule)
    return str(UUID(text.lower()))


def _text(text: str) -> str:
    if not is_name(text):
        raise ValueError(TEXTS.rule)
    return text


UUIDS: Final = ContentIds(
    "uuid",
    "content_id: must be a UUID; of an id of another kind make a UUIDv5, always the same,"
    " as docs/protocol.md shows under 'Content ids'",
    _uuid,
)
"""With or without hyphens, in braces, after ``urn:uuid:``, in either case; canonical is lower case with hyphens."""

TEXTS: Final = ContentIds("text", f"content_id: must be {NAME_RULE}", _text)
"""Each as it is: nothing is trimmed, folded or normalised."""

CONTENT_IDS: Final[dict[ContentIdKind, ContentIds]] = {"uuid": UUIDS, "text": TEXTS}
