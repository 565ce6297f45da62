"""The service's address: as people write it, and as WebSockets are opened."""

import re
from typing import Final
from urllib.parse import urlsplit

_SCHEMES: Final = {"http": "ws", "https": "wss", "ws": "ws", "wss": "wss"}
_HOST: Final = re.compile(r"[a-z0-9._-]+|[a-z0-9.:%]*:[a-z0-9.:%]*")  # a name or IPv4, or IPv6
_NO_PART_OF_ONE: Final = re.compile(r"[\x00-\x20\x7f\\]")


def address_of(url: str) -> str:
    """Return the service's address as ``ws://`` or ``wss://``, without a slash at its end.

    Raises:
        ValueError: it is none. The message does not repeat it: there may be a secret in it.
    """
    text = str(url).strip()
    if mistake := _mistake(url, text):
        raise ValueError(f"url: must be the service's address, such as https://sync.example.com: {mistake}")
    parts = urlsplit(text)
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise ValueError("url: must be the service's address without a user, a query and a fragment")
    path = parts.path.rstrip("/")
    if path.endswith("/ws"):
        raise ValueError("url: must be the service's address without the /ws at its end")
    return f"{_SCHEMES[parts.scheme]}://{parts.netloc}{path}"


def _mistake(url: object, text: str) -> str | None:
    """Return why ``url``, stripped to ``text``, is no address at all."""
    if not isinstance(url, str):
        return f"this is of type {type(url).__name__}"
    if "://" not in text:
        return "this does not begin with https:// or http://"
    if _NO_PART_OF_ONE.search(text):
        return "this has a space, a backslash or a control character in it"
    try:
        parts = urlsplit(text)
        host = (parts.hostname or "").encode("idna").decode()  # UnicodeError: no name server could be asked for it
        port = parts.port  # ValueError: it is no port
    except ValueError:
        return "the host or the port of this is none"
    if parts.scheme not in _SCHEMES:
        return "this does not begin with https:// or http://"
    if port == 0 or not _HOST.fullmatch(host) or "//" in parts.path.rstrip("/"):
        return "the host or the port of this is none"
    return None
