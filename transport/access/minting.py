"""Tokens of our own making: for development and for ``syncd token``; a service's issuer makes its own."""

import time
from collections.abc import Callable
from typing import Any

import jwt


def mint(
    secret: str,
    user_id: str,
    device_id: str,
    ttl_s: int,
    *,
    audience: str | None = None,
    issuer: str | None = None,
    algorithm: str = "HS256",
    token_id: str | None = None,
    scope: str | None = None,
    now_s: Callable[[], float] = time.time,
) -> str:
    """Return a token for one device, valid for ``ttl_s`` seconds; for development and ``syncd token``.

    ``token_id``: its ``jti``, by which it can be revoked. ``scope``: what else it allows, words between spaces.
    """
    issued_at = int(now_s())
    claims: dict[str, Any] = {"sub": user_id, "device_id": device_id, "iat": issued_at, "exp": issued_at + ttl_s}
    optional = {"aud": audience, "iss": issuer, "jti": token_id, "scope": scope}
    claims |= {name: value for name, value in optional.items() if value is not None}
    return jwt.encode(claims, secret, algorithm=algorithm)
