"""Bearer credentials: how a client shows its token, and what it is told without a valid one.

Source: RFC 6750 section 2.1; the subprotocol is this service's own.
"""

from http import HTTPStatus
from typing import Final

from transport.errors import KeysUnavailable, Problem, TokenRefused
from transport.problems import unavailable

BEARER_PREFIX: Final = "bearer."
"""Browsers cannot set headers on a WebSocket: their token is an offered subprotocol of this prefix."""
RETRY_AFTER_S: Final = 2.0
"""When to show a token again that could not be judged: an issuer that is away is looked for as often."""


def bearer_token(authorization: str | None = None) -> str:
    """Return the token of an ``Authorization`` header. Raises: Problem, a 401."""
    scheme, _, token = (authorization or "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise unauthorized("Send the token as 'Authorization: Bearer <token>'.")
    return token.strip()


def unauthorized(detail: str) -> Problem:
    """Return the problem of a request without a valid token."""
    return Problem(HTTPStatus.UNAUTHORIZED, detail, {"WWW-Authenticate": "Bearer"})


def token_problem(error: TokenRefused | KeysUnavailable) -> Problem:
    """Return the problem of a request whose token is not valid, or cannot be judged now."""
    if isinstance(error, TokenRefused):
        return unauthorized(str(error))
    return unavailable(str(error), RETRY_AFTER_S)
