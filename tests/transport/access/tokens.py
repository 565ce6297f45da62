"""Tokens made without the code under test."""

import base64
import json
import time
from typing import Any

import jwt

SECRET = "a secret of more than thirty-two bytes"
OTHER_SECRET = "another secret, also of more than thirty-two bytes"
NOW = int(time.time())
"""When the tests were collected; the last may run much later."""
TTL_S = 86_400
GOOD: dict[str, Any] = {"sub": "ann", "device_id": "tv", "exp": NOW + TTL_S}


def token(claims: dict[str, Any] | None = None, key: Any = SECRET, algorithm: str = "HS256", **header: str) -> str:
    return jwt.encode(GOOD if claims is None else claims, key, algorithm=algorithm, headers=header)


def unsigned(claims: dict[str, Any]) -> str:
    parts = [json.dumps(part).encode() for part in ({"alg": "none", "typ": "JWT"}, claims)]
    return ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts) + "."
