"""What a token says about itself. Only the service can tell whether it is true."""

import base64
import binascii
from typing import Any, Final

import msgspec
from msgspec import Struct


class Token(Struct, frozen=True):
    """A token and, as far as it can be read, whose it is and when it ends (seconds since 1970)."""

    value: str
    sub: str | None = None
    exp: float | None = None


class _Claims(Struct):
    sub: Any = None
    exp: Any = None


_decoder: Final = msgspec.json.Decoder(_Claims)


def read_token(value: str) -> Token:
    """Return the token with its claims: none if it is no JSON Web Token, and not those of a wrong type."""
    payload = value.split(".")[1] if value.count(".") == 2 else ""
    try:
        claims = _decoder.decode(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    except (binascii.Error, ValueError):
        return Token(value)
    sub = claims.sub if isinstance(claims.sub, str) else None
    exp = claims.exp if type(claims.exp) in (int, float) else None
    return Token(value, sub, exp)
