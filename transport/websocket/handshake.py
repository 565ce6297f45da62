"""What a device asks for when it opens its WebSocket, and whether the request itself is in order.

Whether its token admits it is for the ``Authenticator``.
"""

from collections.abc import Iterable
from http import HTTPStatus
from typing import Final
from urllib.parse import urlsplit

from msgspec import Struct
from websockets.datastructures import Headers
from websockets.exceptions import InvalidHandshake, InvalidMethod, InvalidUpgrade
from websockets.http11 import Request
from websockets.server import ServerProtocol

from transport.access.bearer import BEARER_PREFIX, device_token, offered_protocols
from transport.access.origins import SCHEME, AllowedOrigins
from transport.errors import Problem
from transport.websocket.frame_reader import rfc6455_logger
from transport.wire.query import ResumeQuery, resume_query

PATH: Final = "/ws"
SUBPROTOCOL: Final = "syncd.v1"

MAX_LISTED: Final = 64
"""Elements of a list in the request: 30 KiB of them took 13 ms, before anybody had shown a token."""
_LISTS: Final = ("Connection", "Sec-WebSocket-Protocol")

_RULES: Final = ServerProtocol(logger=rfc6455_logger)
"""Judges every request. It keeps nothing of one that matters to the next: extensions are not offered."""


class ConnectRequest(Struct, frozen=True):
    """A request that is in order: the token to be checked, what the device has, which subprotocol to answer."""

    token: str
    resume: ResumeQuery
    subprotocol: str | None = None


def opening_request(method: bytes, target: bytes, headers: Iterable[tuple[bytes, bytes]]) -> tuple[Request, str]:
    """Return a request that an HTTP parser has found valid, and the ``Sec-WebSocket-Accept`` that answers it.

    Raises:
        Problem: it is no opening handshake of RFC 6455 section 4.2.1.
    """
    try:
        fields = Headers([(name.decode("latin-1"), value.decode("latin-1")) for name, value in headers])
        request = Request(target.decode("latin-1"), fields, method.decode("latin-1"))
        if "Transfer-Encoding" in fields or fields.get_all("Content-Length") not in ([], ["0"]):
            raise Problem(HTTPStatus.BAD_REQUEST, "A request that opens a WebSocket has no body.")
        for name in _LISTS:
            if sum(1 + value.count(",") for value in fields.get_all(name)) > MAX_LISTED:
                raise Problem(HTTPStatus.BAD_REQUEST, f"{name}: must list at most {MAX_LISTED} things.")
        accept, _, _ = _RULES.process_request(request)
    except InvalidHandshake as error:
        raise _problem(error, fields) from None
    return request, accept


def answer(accept: str, subprotocol: str | None) -> bytes:
    """Return the response that opens the WebSocket."""
    chosen = b"" if subprotocol is None else b"Sec-WebSocket-Protocol: %b\r\n" % subprotocol.encode("latin-1")
    return (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: %b\r\n%b\r\n" % (accept.encode(), chosen)
    )


def _problem(error: InvalidHandshake, fields: Headers) -> Problem:
    if isinstance(error, InvalidMethod):
        return Problem(HTTPStatus.METHOD_NOT_ALLOWED, f"No WebSocket can be opened: {error}.", {"Allow": "GET"})
    if isinstance(error, InvalidUpgrade):
        headers = {"Upgrade": "websocket"}
        return Problem(HTTPStatus.UPGRADE_REQUIRED, f"No WebSocket can be opened: {error}.", headers)
    if fields.get_all("Sec-WebSocket-Version") not in ([], ["13"]):
        headers = {"Sec-WebSocket-Version": "13", "Upgrade": "websocket"}
        return Problem(HTTPStatus.UPGRADE_REQUIRED, "Only version 13 of the WebSocket protocol is spoken.", headers)
    return Problem(HTTPStatus.BAD_REQUEST, f"No WebSocket can be opened: {error}.")


def connect_request(request: Request, allowed_origins: AllowedOrigins, path_prefix: str = "") -> ConnectRequest:
    """Return what ``request`` asks for.

    Raises:
        Problem: something of it is wrong or missing; the detail names it.
    """
    target = request.path
    try:
        # A path that begins with two slashes names no host, as it would in a link (RFC 9112 section 3.2.1).
        url = urlsplit(f"//{target}" if target.startswith("//") else target)
    except ValueError as error:
        raise Problem(HTTPStatus.BAD_REQUEST, f"The URL of the request is not valid: {error}.") from None
    if url.path not in (PATH, path_prefix + PATH):
        raise Problem(HTTPStatus.NOT_FOUND, f"There is no WebSocket at {url.path}; it is at {PATH}.")
    headers = request.headers
    if origins := headers.get_all("Origin"):
        allowed_origins.check(origins, headers.get_all("Host"), headers.get(SCHEME))
    resume = resume_query(url.query.encode())
    offered = offered_protocols(headers.get_all("Sec-WebSocket-Protocol"))
    token = device_token(headers.get_all("Authorization"), offered)
    bearers = (name for name in offered if name.startswith(BEARER_PREFIX))
    answered = SUBPROTOCOL if SUBPROTOCOL in offered else next(bearers, None)
    return ConnectRequest(token, resume, answered)
