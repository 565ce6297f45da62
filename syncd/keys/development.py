"""Tokens for trying out a daemon without a configured key, signed with its kept secret."""

from syncd.keys.signing import signing_secret
from syncd.settings import Settings
from transport.access.minting import mint

USER = "demo"
TOKEN_TTL_S = 24 * 3600


def development_token(settings: Settings, device_id: str, scope: str | None = None) -> str:
    """Return a token for a device of ``USER``. Raises: SettingsError."""
    return mint(
        signing_secret(settings),
        USER,
        device_id,
        TOKEN_TTL_S,
        audience=settings.jwt_audience,
        issuer=settings.jwt_issuer,
        algorithm=(settings.jwt_algorithms or ("HS256",))[0],
        scope=scope,
    )
