"""What the service calls a user's collections, as in ``since``: the watchlist, other lists, and registers."""

from typing import Final

WATCHLIST: Final = "watchlist"
PROGRESS: Final = "progress"
DEVICES: Final = "devices"
REGISTERS: Final = frozenset({PROGRESS, DEVICES})
_LIST: Final = "list:"


def collection_of_list(list_id: str | None) -> str:
    """Return the name of a list; ``None``: of the watchlist."""
    return WATCHLIST if list_id is None else f"{_LIST}{list_id}"


def list_in(collection: str) -> str | None:
    """Return the id of the list that ``collection`` is; ``None``: it is the watchlist, or registers."""
    return collection.removeprefix(_LIST) if collection.startswith(_LIST) else None


def check_registers(collection: object) -> str:
    """Return the name of registers.

    Raises:
        ValueError: there are none of that name.
    """
    if isinstance(collection, str) and collection in REGISTERS:
        return collection
    raise ValueError(f"collection: must be {PROGRESS!r} or {DEVICES!r}")
