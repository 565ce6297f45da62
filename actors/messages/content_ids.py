"""What names a content: a UUID, in any of the spellings that people and libraries have for one."""

import re
from typing import Final
from uuid import UUID

CONTENT_ID_RULE: Final = (
    "content_id: must be a UUID; of an id of another kind make a UUIDv5, always the same,"
    " as docs/protocol.md shows under 'Content ids'"
)
"""Told to whoever sends something else."""

_HEX: Final = "[0-9a-f]{32}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_SPELLINGS: Final = re.compile(rf"(?:urn:uuid:)?(?:{_HEX}|\{{(?:{_HEX})\}})", re.IGNORECASE | re.ASCII)
"""``UUID`` itself takes more: hyphens anywhere, digits of other scripts."""


def content_id_of(text: str) -> UUID:
    """Return the UUID that ``text`` spells: with or without hyphens, in braces, after ``urn:uuid:``, in either case.

    Raises:
        ValueError: it is none; the text says what to do.
    """
    if not _SPELLINGS.fullmatch(text):
        raise ValueError(CONTENT_ID_RULE)
    return UUID(text.lower())
