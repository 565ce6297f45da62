"""What an app may say of an item beside its content: data and a position."""

import re
from typing import Any, Final

import msgspec

MAX_DATA_BYTES: Final = 1024
_POSITION: Final = re.compile(r"[!-~]{1,64}")


def check_data(data: object) -> dict[str, Any] | None:
    """Return a copy of an item's ``data`` as it comes back from the service; ``None``: nothing is said of it.

    Raises:
        TypeError: it is no dict, or holds what JSON does not.
        ValueError: it is too large.
    """
    if data is None:
        return None
    if not isinstance(data, dict):
        raise TypeError(f"data: must be a dict, not of type {type(data).__name__}")
    try:
        encoded = msgspec.json.encode(data)
    except (TypeError, RecursionError, OverflowError) as error:
        raise TypeError(f"data: must be what JSON can hold: {error}") from None
    if len(encoded) > MAX_DATA_BYTES:
        raise ValueError(f"data: has {len(encoded)} bytes as compact JSON, at most {MAX_DATA_BYTES} are kept")
    return msgspec.json.decode(encoded, type=dict[str, Any])


def check_position(position: object) -> str | None:
    """Return an item's ``position``; ``None``: nothing is said of it.

    Raises:
        ValueError: it is none.
    """
    if position is None:
        return None
    if not isinstance(position, str) or not _POSITION.fullmatch(position):
        raise ValueError("position: must be 1 to 64 visible ASCII characters, such as between(None, None) makes")
    return position
