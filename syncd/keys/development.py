"""Tokens for trying out a daemon without a configured key, signed with its kept secret."""

from syncd.keys.minting import minting
from syncd.settings import Settings

USER = "demo"
TOKEN_TTL_S = 24 * 3600


def development_token(settings: Settings, device_id: str, scope: str | None = None) -> str:
    """Return a token for a device of ``USER``. Raises: SettingsError."""
    return minting(settings)(USER, device_id, TOKEN_TTL_S, scope=scope)
