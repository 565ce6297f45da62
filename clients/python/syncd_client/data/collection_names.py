"""What the service calls a user's collections, as in ``since``: watchlist, other lists, registers, the catalogue."""

from typing import Final

WATCHLIST: Final = "watchlist"
PROGRESS: Final = "progress"
DEVICES: Final = "devices"
LISTS: Final = "lists"
"""The catalogue: which lists there are."""
REGISTERS: Final = frozenset({PROGRESS, DEVICES})
NAMED: Final = REGISTERS | {LISTS}
"""The names that messages give as a ``collection``."""
_LIST: Final = "list:"


def collection_of_list(list_id: str | None) -> str:
    """Return the name of a list; ``None``: of the watchlist."""
    return WATCHLIST if list_id is None else f"{_LIST}{list_id}"


def list_in(collection: str) -> str | None:
    """Return the id of the list that ``collection`` names; ``None``: it is the watchlist or no list."""
    return collection.removeprefix(_LIST) if collection.startswith(_LIST) else None


def check_collection(collection: object) -> str:
    """Return ``collection`` if it names registers or the catalogue.

    Raises:
        ValueError: it does not.
    """
    if isinstance(collection, str) and collection in NAMED:
        return collection
    raise ValueError(f"collection: must be {PROGRESS!r}, {DEVICES!r} or {LISTS!r}")
