"""Requests by which a device asks for a connection: whether they are in order, and whose they are."""

from collections.abc import Callable
from typing import TypeVar

from transport.access.authentication import Authenticator, Claims
from transport.access.bearer import device_token, offered_protocols
from transport.access.origins import AllowedOrigins
from transport.http.exchange.app import HttpRequest
from transport.http.exchange.requests import claims_of_token
from transport.http.http1.forwarded import SCHEME

Q = TypeVar("Q")


async def judged(
    request: HttpRequest,
    authenticator: Authenticator,
    allowed_origins: AllowedOrigins,
    read_query: Callable[[bytes], Q],
) -> tuple[Claims, Q]:
    """Return whose ``request`` it is and what ``read_query`` makes of its query, by the rules of a WebSocket's.

    Raises:
        Problem: 403, 400, 401 or 503, in this order; as the request for a WebSocket would be refused.
    """
    if origins := request.values(b"origin"):
        allowed_origins.check(origins, request.values(b"host"), request.header(SCHEME) or None)
    query = read_query(request.query)
    offered = offered_protocols(request.values(b"sec-websocket-protocol"))
    token = device_token(request.values(b"authorization"), offered)
    return await claims_of_token(token, authenticator), query
