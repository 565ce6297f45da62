"""What names a user's collections: as the journal has it, and as violations do."""

from typing import Final

SEPARATOR: Final = "\x1f"
"""Between user and collection, in what names a collection beside the watchlist: that is named by its user alone."""

PROGRESS: Final = "progress"
DEVICES: Final = "devices"


def line_of(user_id: str, list_id: str | None) -> str:
    """Return what names a user's list, as the journal has it; ``None``: the watchlist."""
    return user_id if list_id is None else f"{user_id}{SEPARATOR}list:{list_id}"


def line_of_registers(user_id: str, collection: str) -> str:
    """Return what names a user's progress, or devices."""
    return f"{user_id}{SEPARATOR}{collection}"


def user_in(line: str) -> str:
    """Return whose line it is."""
    return line.partition(SEPARATOR)[0]


def named(line: str) -> str:
    """Return how a violation names a line."""
    return line.replace(SEPARATOR, " ")
