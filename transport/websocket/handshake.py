"""What a device asks for when it opens its WebSocket, and whether the request itself is in order.

Whether its token admits it is for the ``Authenticator``.
"""

from collections.abc import Collection
from http import HTTPStatus
from typing import Final
from urllib.parse import urlsplit

from msgspec import Struct
from websockets.http11 import Request, Response
from websockets.server import ServerProtocol

from transport.access.bearer import BEARER_PREFIX, bearer_token
from transport.errors import Problem
from transport.query import position, refuse_tokens
from transport.websocket.frame_reader import rfc6455_logger

PATH: Final = "/ws"
SUBPROTOCOL: Final = "syncd.v1"


class ConnectRequest(Struct, frozen=True):
    """A request that is in order: the token to be checked, what the device has, which subprotocol to answer."""

    token: str
    since: int | None = None
    epoch: str | None = None
    subprotocol: str | None = None


def parse(data: bytes) -> tuple[Request, Response]:
    """Return the request in ``data`` and the response that opens the WebSocket.

    Raises:
        Problem: it is no opening handshake of RFC 6455 section 4.2.1.
    """
    rfc = ServerProtocol(logger=rfc6455_logger)
    rfc.receive_data(data)
    events = rfc.events_received()
    rfc.parser.close()  # it and rfc hold each other: the collector needs 40 ms at once for 2,000 such pairs
    if not events or not isinstance(events[0], Request):
        raise Problem(HTTPStatus.BAD_REQUEST, "This is not a complete HTTP request for a WebSocket.")
    request = events[0]
    response = rfc.accept(request)
    if response.status_code == HTTPStatus.SWITCHING_PROTOCOLS:
        return request, response
    if request.headers.get_all("Sec-WebSocket-Version") not in ([], ["13"]):
        headers = {"Sec-WebSocket-Version": "13", "Upgrade": "websocket"}
        raise Problem(HTTPStatus.UPGRADE_REQUIRED, "Only version 13 of the WebSocket protocol is spoken.", headers)
    kept = {name: response.headers[name] for name in ("Allow", "Upgrade") if name in response.headers}
    raise Problem(HTTPStatus(response.status_code), f"No WebSocket can be opened: {rfc.handshake_exc}.", kept)


def connect_request(request: Request, allowed_origins: Collection[str]) -> ConnectRequest:
    """Return what ``request`` asks for.

    Raises:
        Problem: something of it is wrong or missing; the detail names it.
    """
    try:
        url = urlsplit(request.path)
    except ValueError as error:
        raise Problem(HTTPStatus.BAD_REQUEST, f"The URL of the request is not valid: {error}.") from None
    if url.path != PATH:
        raise Problem(HTTPStatus.NOT_FOUND, f"There is no WebSocket at {url.path}; it is at {PATH}.")
    _check_origin(request, allowed_origins)
    query = url.query.encode()
    refuse_tokens(query)
    since, epoch = position(query)
    offered = [name.strip() for value in request.headers.get_all("Sec-WebSocket-Protocol") for name in value.split(",")]
    bearers = [name for name in offered if name.startswith(BEARER_PREFIX)]
    authorizations = request.headers.get_all("Authorization")
    if len(bearers) + len(authorizations) > 1:
        raise Problem(HTTPStatus.BAD_REQUEST, "Send one token, not several.")
    token = bearers[0].removeprefix(BEARER_PREFIX) if bearers else bearer_token(*authorizations)
    answered = SUBPROTOCOL if SUBPROTOCOL in offered else next(iter(bearers), None)
    return ConnectRequest(token, since, epoch, answered)


def _check_origin(request: Request, allowed_origins: Collection[str]) -> None:
    """Admit programs (no origin), pages of this very host, and the origins allowed by name."""
    origins = request.headers.get_all("Origin")
    if not origins:
        return
    origin = origins[0].lower()
    same_host = [origin.partition("://")[2]] == [host.lower() for host in request.headers.get_all("Host")]
    if len(origins) > 1 or not (same_host or origin in allowed_origins):
        raise Problem(HTTPStatus.FORBIDDEN, "Pages of this origin may not connect; see --allowed-origins.")
