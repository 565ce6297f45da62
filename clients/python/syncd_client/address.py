"""Where the service is: its address as people have it, and as WebSockets are opened."""

from typing import Final
from urllib.parse import urlsplit

_SCHEMES: Final = {"http": "ws", "https": "wss", "ws": "ws", "wss": "wss"}


def address_of(url: str) -> str:
    """Return the service's address as ``ws://`` or ``wss://``, without a slash at its end.

    Raises:
        ValueError: it is none. What it says is not repeated: there may be a secret in it.
    """
    try:
        parts = urlsplit(url.strip())
        scheme = _SCHEMES.get(parts.scheme)
        host = (parts.hostname or "").encode("idna")  # what no name server can be asked for is a UnicodeError
        _ = parts.port  # raises for what is no port
    except ValueError:
        scheme, host = None, b""
    if scheme is None or not host:
        raise ValueError("url: must be the service's address, such as https://sync.example.com")
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise ValueError("url: must be the service's address without a user, a query and a fragment")
    path = parts.path.rstrip("/")
    if path.endswith("/ws"):
        raise ValueError("url: must be the service's address without the /ws at its end")
    return f"{scheme}://{parts.netloc}{path}"
