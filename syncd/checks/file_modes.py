"""Which settings are secrets: they are seen by nobody else, and never printed."""

from pathlib import Path
from urllib.parse import unquote

from syncd.settings import Settings

SECRETS = ("jwt_secret", "jwt_previous_secret", "bus_key", "pubnub_secret_key", "pubnub_auth_token")
PASSWORD_FIELDS = ("password", "sslpassword")
"""Of a PostgreSQL URL's query, see libpq's connection parameters."""
OPEN_TO_OTHERS = 0o077
"""Any right of a file's group or of everybody."""


def secrets_of(settings: Settings) -> dict[str, tuple[str, ...]]:
    """Return each secret that is set, by the name of its setting: in the spellings it may be met in."""
    found: dict[str, tuple[str, ...]] = {}
    for name in SECRETS:
        if value := getattr(settings, name):
            found[name] = (value,)
    urls = {"database_url": settings.database_url or "", "bus": settings.bus}
    for name, url in urls.items():
        address, _, query = url.partition("?")
        secrets = []
        for text in (url, address):  # a question mark may be the password's own
            user, colon, password = text.partition("://")[2].rpartition("@")[0].partition(":")
            secrets.append(password if colon or name == "database_url" else user)  # NATS: token@host
        fields = (field.partition("=") for field in query.split("&"))
        secrets += [value for key, _, value in fields if key in PASSWORD_FIELDS]
        if spellings := {spelling for secret in secrets if secret for spelling in (secret, unquote(secret))}:
            found[name] = tuple(sorted(spellings, key=len, reverse=True))
    return found


def redacted(text: str, settings: Settings) -> str:
    """Return ``text``, which may be another program's, without any secret of ``settings``."""
    for spellings in secrets_of(settings).values():
        for secret in spellings:
            text = text.replace(secret, "***")
    return text


def others_may_read(file: Path) -> bool:
    """Return whether anybody but its owner has a right to ``file``."""
    return bool(file.stat().st_mode & OPEN_TO_OTHERS)
