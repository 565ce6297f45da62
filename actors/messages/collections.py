"""Collections: the named parts of a user's state, each with its own revisions, history and bounds.

A collection of a user is a *line*: what the journal numbers revisions for, locks and reads. The watchlist's line is the
user's id, as it was when there was nothing else.
"""

from typing import Annotated, Final

from msgspec import Meta

WATCHLIST: Final = "watchlist"
PROGRESS: Final = "progress"
DEVICES: Final = "devices"
LISTS: Final = "lists"
"""Which lists there are. It can be followed as the others are, but has no revisions: all of it is hints."""
LIST_PATTERN: Final = r"[A-Za-z0-9][A-Za-z0-9._~-]{0,63}"
"""What a list is called in URLs: nothing in it is escaped there, and none is ``.`` or ``..``."""
LIST_RULE: Final = "1 to 64 of A-Z a-z 0-9 . _ ~ - and begin with a letter or a digit"

ListId = Annotated[str, Meta(pattern=rf"^{LIST_PATTERN}(?![\s\S])", max_length=64)]

COLLECTION_KINDS: Final = (WATCHLIST, "list", PROGRESS, DEVICES)
"""What ``kind_of`` returns."""

_LIST: Final = "list:"
_BETWEEN: Final = "\x1f"
"""Between user and collection in a line: neither can hold a control character."""


def collection_of_list(list_id: str) -> str:
    """Return the collection that is the list ``list_id``."""
    return _LIST + list_id


def list_of(collection: str) -> str | None:
    """Return which list ``collection`` is; ``None``: it is another collection."""
    return collection.removeprefix(_LIST) if collection.startswith(_LIST) else None


def kind_of(collection: str) -> str:
    """Return what ``collection`` is in figures and logs: what people call their lists belongs in neither."""
    return "list" if collection.startswith(_LIST) else collection


def list_in(line: str) -> str | None:
    """Return the list whose ``line`` it is; ``None``: it is another collection's."""
    return list_of(parts_of(line)[1]) if _BETWEEN in line else None


def collection_in(line: str) -> str:
    """Return the collection whose ``line`` it is."""
    return parts_of(line)[1] if _BETWEEN in line else WATCHLIST


def line_of(user_id: str, collection: str) -> str:
    """Return the line of the user's ``collection``."""
    return user_id if collection == WATCHLIST else f"{user_id}{_BETWEEN}{collection}"


def parts_of(line: str) -> tuple[str, str]:
    """Return the user and the collection whose ``line`` it is."""
    user_id, _, collection = line.partition(_BETWEEN)
    return user_id, collection or WATCHLIST
