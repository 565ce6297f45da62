"""What an app may say of an item beside its content: data and a position."""

import re
from typing import Any, Final

import msgspec

from syncd_client.data.ids import plain

MAX_OBJECT_BYTES: Final = 1024
"""The largest an item's data, or a device's capabilities, may be as compact JSON."""
_POSITION: Final = re.compile(r"[!-~]{1,64}")


def check_data(data: object) -> dict[str, Any] | None:
    """Return a copy of an item's ``data``: see ``check_object``."""
    return check_object("data", data)


def check_object(field: str, value: object) -> dict[str, Any] | None:
    """Return a copy of a JSON object, as it will come back from the service; ``None`` stays ``None``.

    Raises:
        TypeError: it is no dict, or holds what JSON cannot.
        ValueError: it is too large, or has a lone surrogate in it.
    """
    if value is None:
        return None
    if not isinstance(value, dict):
        raise TypeError(f"{field}: must be a dict, not of type {type(value).__name__}")
    try:
        encoded = encode(value)
    except (TypeError, RecursionError, OverflowError) as error:
        raise TypeError(f"{field}: must be what JSON can hold: {error}") from None
    except UnicodeEncodeError:
        raise ValueError(f"{field}: must have no lone surrogate in it") from None
    if len(encoded) > MAX_OBJECT_BYTES:
        raise ValueError(f"{field}: has {len(encoded)} bytes as compact JSON, at most {MAX_OBJECT_BYTES} are kept")
    return msgspec.json.decode(encoded, type=dict[str, Any])


def encode(value: object) -> bytes:
    """Return ``value`` as JSON; what is of a subclass of texts or numbers is one of them.

    Raises:
        TypeError, RecursionError, OverflowError, UnicodeEncodeError: JSON cannot hold it.
    """
    return msgspec.json.encode(value, enc_hook=_plain)


def _plain(value: object) -> object:
    match value:
        case str():
            return plain(value)
        case float():
            return float(value)
        case int():
            return int(value)
        case _:
            raise TypeError(f"Encoding objects of type {type(value).__name__} is unsupported")


def check_position(position: object) -> str | None:
    """Return an item's ``position``; ``None`` stays ``None``.

    Raises:
        ValueError: it is not valid.
    """
    if position is None:
        return None
    if not isinstance(position, str) or not _POSITION.fullmatch(position):
        raise ValueError("position: must be 1 to 64 visible ASCII characters, such as between(None, None) makes")
    return plain(position)
