"""Requests that ask for another protocol: a WebSocket's are handed over, all others are answered as if they had not.

Source: RFC 9110 section 7.8.
"""

from collections.abc import Collection, Iterable
from typing import Final

from transport.http.http1.request_head import Field

_WEBSOCKET: Final = b"websocket"


def offers_websocket(headers: Collection[Field]) -> bool:
    """Return whether ``Upgrade`` names a WebSocket, alone or among others; its lines are one list."""
    if (b"upgrade", _WEBSOCKET) in headers:  # as nearly everybody sends it
        return True
    offers = (offer for name, value in headers if name == b"upgrade" for offer in value.split(b","))
    return any(offer.strip().lower() == _WEBSOCKET for offer in offers)


def with_websocket_alone(headers: Iterable[Field]) -> list[Field]:
    """Return the headers of a request whose other offers are declined."""
    return [*_without_upgrade(headers), (b"upgrade", _WEBSOCKET)]


def head_without_upgrade(method: bytes, url: bytes, version: str, headers: Iterable[Field]) -> bytes:
    """Return the head of the same request without ``Upgrade``, for a parser that takes an upgrade for the end of HTTP.

    Args:
        method: as it was sent, as are the others: a parser has found all of them valid.
        url: the request's target.
        version: ``1.1`` or ``1.0``.
        headers: in their order; those that say how long the body is remain.
    """
    lines = [b"%b %b HTTP/%b" % (method, url, version.encode())]
    lines += [b"%b: %b" % field for field in _without_upgrade(headers)]
    return b"\r\n".join(lines) + b"\r\n\r\n"


def _without_upgrade(headers: Iterable[Field]) -> list[Field]:
    return [field for field in headers if field[0] != b"upgrade"]
