"""Which settings are secrets, and text without them: no report prints one."""

import re
from urllib.parse import unquote

from syncd.settings import Settings

SECRETS = ("jwt_secret", "jwt_previous_secret", "bus_key", "pubnub_secret_key", "pubnub_auth_token")
KEYS = ("pubnub_subscribe_key", "pubnub_publish_key")
"""Not secret, and copied from somewhere as secrets are."""
PASSWORD_FIELDS = ("password", "sslpassword")
"""Names in the query of a PostgreSQL URL (libpq, connection parameters)."""


def secrets_of(settings: Settings) -> dict[str, tuple[str, ...]]:
    """Return the secrets that are set, by setting name: every spelling that may appear in a text."""
    found: dict[str, tuple[str, ...]] = {}
    for name in SECRETS:
        if value := getattr(settings, name):
            found[name] = (value,)
    urls = {
        "database_url": settings.database_url or "",
        "database_read_url": settings.database_read_url or "",
        "bus": settings.bus,
        "jwks_url": settings.jwks_url or "",
        "otlp_endpoint": settings.otlp_endpoint or "",
    }
    for name, url in urls.items():
        address, _, query = url.partition("?")
        secrets = []
        for text in (url, address):  # the question mark may be part of the password
            user, colon, password = text.partition("://")[2].rpartition("@")[0].partition(":")
            secrets.append(password if colon or name != "bus" else user)  # NATS: token@host
        fields = (field.partition("=") for field in query.split("&"))
        secrets += [value for key, _, value in fields if key in PASSWORD_FIELDS]
        if spellings := {spelling for secret in secrets if secret for spelling in (secret, unquote(secret))}:
            found[name] = tuple(sorted(spellings, key=len, reverse=True))
    return found


def redacted(text: str, settings: Settings) -> str:
    """Return ``text``, which may come from another program, with every secret of ``settings`` replaced by ``***``."""
    for spellings in secrets_of(settings).values():
        for secret in spellings:
            text = re.sub(_pattern(secret), "***", text)
    return text


def _pattern(secret: str) -> str:
    """Return what finds ``secret``; a word only as a whole: ``postgres`` is not in ``postgresql``."""
    escaped = re.escape(secret)
    return rf"(?<!\w){escaped}(?!\w)" if re.fullmatch(r"\w+", secret) else escaped
