"""The ids that an app gives: of contents, in their one spelling, and of users."""

import re
import reprlib
from collections.abc import Callable, Iterable
from typing import Final, Literal
from uuid import UUID

_HEX: Final = "[0-9a-f]{32}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_SPELLINGS: Final = re.compile(rf"(?:urn:uuid:)?(?:{_HEX}|\{{(?:{_HEX})\}})", re.IGNORECASE | re.ASCII)
_NAME: Final = re.compile(r"[^\x00-\x1f\x7f-\x9f\ud800-\udfff]{1,128}")
_NAME_RULE: Final = "1 to 128 characters, none of them a control character or a lone surrogate"

ContentIds = Literal["uuid", "text"]
"""What the service takes for a content's id: its ``--content-ids``."""


def canonical(content_id: str | UUID) -> str:
    """Return the one spelling of a content's id, which may come in any that a UUID has.

    Raises:
        ValueError: it is no UUID.
    """
    text = str(content_id)
    if not _SPELLINGS.fullmatch(text):
        raise ValueError(
            f"content_id: must be a UUID, not {reprlib.repr(content_id)}; of an id of another kind make a UUIDv5,"
            " always the same, as docs/protocol.md shows under 'Content ids'"
        )
    return str(UUID(text.lower()))


def canonical_text(content_id: object) -> str:
    """Return a content's id, where the service takes any text for one: as it is.

    Raises:
        ValueError: it is none.
    """
    text = str(content_id) if isinstance(content_id, UUID) else content_id
    if not isinstance(text, str) or not _NAME.fullmatch(text):
        raise ValueError(f"content_id: must be {_NAME_RULE}, not {reprlib.repr(content_id)}")
    return text


def canonical_of(kind: ContentIds) -> Callable[[str | UUID], str]:
    """Return what makes ids of ``kind`` canonical.

    Raises:
        ValueError: there is no such kind.
    """
    if kind not in ("uuid", "text"):
        raise ValueError(f"content_ids: must be 'uuid' or 'text', not {reprlib.repr(kind)}")
    return canonical if kind == "uuid" else canonical_text


def check_content_ids(content_ids: Iterable[str | UUID]) -> list[str | UUID]:
    """Return the ids that an app gives as many.

    Raises:
        TypeError: it is one.
    """
    if isinstance(content_ids, str | bytes | UUID) or not isinstance(content_ids, Iterable):
        raise TypeError("content_ids: must be a list of UUIDs; for one content there are add and remove")
    return list(content_ids)


def check_user_id(user_id: object) -> None:
    """Check that the service can know a user by this id.

    Raises:
        ValueError: it cannot.
    """
    if not isinstance(user_id, str) or not _NAME.fullmatch(user_id):
        raise ValueError(f"user_id: must be {_NAME_RULE}")
