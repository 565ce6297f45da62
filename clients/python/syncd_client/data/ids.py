"""The ids that an app gives: of contents, in their one spelling, and of users."""

import re
import reprlib
from collections.abc import Callable, Iterable
from typing import Final, Literal
from uuid import UUID

_HEX: Final = "[0-9a-f]{32}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_SPELLINGS: Final = re.compile(rf"(?:urn:uuid:)?(?:{_HEX}|\{{(?:{_HEX})\}})", re.IGNORECASE | re.ASCII)
_LIST: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._~-]{0,63}")
_NAME: Final = re.compile(r"[^\x00-\x1f\x7f-\x9f\ud800-\udfff]{1,128}")
_NAME_RULE: Final = "1 to 128 characters, none of them a control character or a lone surrogate"

ContentIds = Literal["uuid", "text"]
"""Which content ids the service accepts: its ``--content-ids``."""


def canonical(content_id: str | UUID) -> str:
    """Return the canonical spelling of a content's id, which may come in any that a UUID has.

    Raises:
        ValueError: it is no UUID.
    """
    text = plain(content_id) if isinstance(content_id, str) else str(content_id)
    if not _SPELLINGS.fullmatch(text):
        raise ValueError(
            f"content_id: must be a UUID, not {reprlib.repr(content_id)}; of an id of another kind make a UUIDv5,"
            " always the same, as docs/protocol.md shows under 'Content ids'"
        )
    return str(UUID(text.lower()))


def canonical_text(content_id: object) -> str:
    """Return a content's id as it is, for a service that accepts any text as one.

    Raises:
        ValueError: it is not valid.
    """
    text = str(content_id) if isinstance(content_id, UUID) else content_id
    if not isinstance(text, str) or not _NAME.fullmatch(text):
        raise ValueError(f"content_id: must be {_NAME_RULE}, not {reprlib.repr(content_id)}")
    return plain(text)


def canonical_of(kind: ContentIds) -> Callable[[str | UUID], str]:
    """Return the function that makes ids of ``kind`` canonical.

    Raises:
        ValueError: there is no such kind.
    """
    if kind not in ("uuid", "text"):
        raise ValueError(f"content_ids: must be 'uuid' or 'text', not {reprlib.repr(kind)}")
    return canonical if kind == "uuid" else canonical_text


def check_content_ids(content_ids: Iterable[str | UUID]) -> list[str | UUID]:
    """Return several content ids as a list.

    Raises:
        TypeError: it is a single id, or not iterable.
    """
    if isinstance(content_ids, str | bytes | UUID) or not isinstance(content_ids, Iterable):
        raise TypeError("content_ids: must be a list of UUIDs; for one content there are add and remove")
    return list(content_ids)


def check_list_id(list_id: object) -> str:
    """Return the id of a list beside the watchlist, as URLs and messages have it.

    Raises:
        ValueError: it is not valid.
    """
    if not isinstance(list_id, str) or not _LIST.fullmatch(list_id):
        raise ValueError(
            "list: must be 1 to 64 of A-Z a-z 0-9 . _ ~ -, the first a letter or a digit; what people are shown is"
            " its name"
        )
    return plain(list_id)


def check_user_id(user_id: object) -> None:
    """Check a user's id.

    Raises:
        ValueError: it is none that the service can know.
    """
    check_name("user_id", user_id)


def check_name(field: str, name: object) -> str:
    """Return the id of a user or a device, or a text that describes a device.

    Raises:
        ValueError: the service would refuse it; names the ``field``.
    """
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise ValueError(f"{field}: must be {_NAME_RULE}")
    return plain(name)


def plain(text: str) -> str:
    """Return a plain ``str`` for one of a subclass, as HTML parsers return: only a plain one can be stored or sent."""
    return str.__str__(text)
