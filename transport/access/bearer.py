"""Bearer credentials: how a client shows its token, and what it is told without a valid one.

Source: RFC 6750 section 2.1; the subprotocol is this service's own.
"""

from http import HTTPStatus
from typing import Final

from transport.errors import Problem

BEARER_PREFIX: Final = "bearer."
"""Browsers cannot set headers on a WebSocket: their token is an offered subprotocol of this prefix."""


def bearer_token(authorization: str | None = None) -> str:
    """Return the token of an ``Authorization`` header. Raises: Problem, a 401."""
    scheme, _, token = (authorization or "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise unauthorized("Send the token as 'Authorization: Bearer <token>'.")
    return token.strip()


def unauthorized(detail: str) -> Problem:
    """Return the problem of a request without a valid token."""
    return Problem(HTTPStatus.UNAUTHORIZED, detail, {"WWW-Authenticate": "Bearer"})
