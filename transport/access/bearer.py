"""Bearer credentials: how a client shows its token, and what it is told without a valid one.

Source: RFC 6750 section 2.1; the subprotocol is this service's own.
"""

from collections.abc import Iterable, Sequence
from http import HTTPStatus
from typing import Final

from transport.errors import KeysUnavailable, Problem, TokenRefused
from transport.wire.problems import unavailable

BEARER_PREFIX: Final = "bearer."
"""Browsers cannot set headers on a WebSocket: their token is an offered subprotocol of this prefix."""
RETRY_AFTER_S: Final = 2.0
"""When to send a token again that could not be judged: an issuer that is away is tried this often."""


def bearer_token(authorization: str | None = None) -> str:
    """Return the token of an ``Authorization`` header. Raises: Problem, a 401."""
    scheme, _, token = (authorization or "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise unauthorized("Send the token as 'Authorization: Bearer <token>'.")
    return token.strip()


def offered_protocols(lines: Iterable[str]) -> list[str]:
    """Return the subprotocols of a WebSocket that the lines of its header offer."""
    return [name.strip() for line in lines for name in line.split(",")]


def device_token(authorizations: Sequence[str], offered: Iterable[str]) -> str:
    """Return the one token that a device shows.

    Args:
        authorizations: the values of ``Authorization``.
        offered: the subprotocols, of which one that begins with ``BEARER_PREFIX`` is a token.

    Raises:
        Problem: 401; 400, there are several.
    """
    bearers = [name for name in offered if name.startswith(BEARER_PREFIX)]
    if len(bearers) + len(authorizations) > 1:
        raise Problem(HTTPStatus.BAD_REQUEST, "Send one token, not several.")
    return bearers[0].removeprefix(BEARER_PREFIX) if bearers else bearer_token(*authorizations)


def unauthorized(detail: str) -> Problem:
    """Return the problem of a request without a valid token."""
    return Problem(HTTPStatus.UNAUTHORIZED, detail, {"WWW-Authenticate": "Bearer"})


def token_problem(error: TokenRefused | KeysUnavailable) -> Problem:
    """Return the problem of a request whose token is not valid, or cannot be judged now."""
    if isinstance(error, TokenRefused):
        return unauthorized(str(error))
    return unavailable(str(error), RETRY_AFTER_S)
