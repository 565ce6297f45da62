"""The keys that tokens are verified with, from the settings."""

from collections.abc import Callable, Container
from pathlib import Path

from actors.metrics import IssuerMetrics
from syncd import __version__
from syncd.errors import SettingsError
from syncd.keys.kept_secret import FILE_NAME, found_secret, kept_secret
from syncd.setting_sources import Resolved
from syncd.settings import Settings
from transport.access.authentication import Authenticator
from transport.access.jwks_keys import JwksKeys
from transport.access.signing_keys import SigningKeys, public_key_file, shared_secret
from transport.access.verification_key import PUBLIC_KEY_ALGORITHMS

USER_AGENT = f"syncd/{__version__}"
"""What an issuer is told: some refuse the names of libraries."""


def uses_kept_secret(settings: Settings) -> bool:
    """Whether no key is configured, so that the daemon uses a secret of its own: for development."""
    return settings.jwt_secret is None and settings.jwt_public_key_file is None and settings.jwks_url is None


def signing_secret(settings: Settings, keep: Callable[[Path], str] = found_secret) -> str:
    """Return the HMAC secret, without whitespace around it.

    Args:
        settings: where it is.
        keep: returns what is kept in the data directory. Only the daemon makes it: ``kept_secret``.

    Raises:
        SettingsError: tokens are verified with a public key, or there is no kept secret, or it cannot be read or made.
    """
    if settings.jwt_secret is not None:
        return settings.jwt_secret.strip()
    if not uses_kept_secret(settings):
        raise SettingsError(
            "tokens are verified with a public key here; only the holder of the private key can make them"
        )
    try:
        return keep(settings.data_dir)
    except FileNotFoundError:
        raise SettingsError(
            f"no secret is kept in {settings.data_dir.absolute()}, where a daemon without a key makes one: set "
            "--data-dir (SYNCD_DATA_DIR) to the daemon's, or --jwt-secret (SYNCD_JWT_SECRET) to its secret"
        ) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise SettingsError(f"--data-dir {settings.data_dir}: {reason}") from error


def name_of_secret(found: Resolved) -> str:
    """Return which secret ``signing_secret`` returns, for people."""
    if found.settings.jwt_secret is not None:
        return f"the secret of {found.sources['jwt_secret']}"
    return f"the secret kept in {(found.settings.data_dir / FILE_NAME).absolute()}"


def authenticator(
    settings: Settings,
    revoked_token_ids: Container[str] = frozenset(),
    metrics: IssuerMetrics | None = None,
    keep: Callable[[Path], str] = kept_secret,
) -> Authenticator:
    """Return what checks the tokens.

    Args:
        settings: which keys those are signed with.
        revoked_token_ids: is looked into for each token.
        metrics: of an issuer's keys.
        keep: as for ``signing_secret``.

    Raises:
        SettingsError: see ``signing_secret``; or no token can be verified with these settings.
    """
    return Authenticator(
        _keys(settings, metrics, keep),
        audience=settings.jwt_audience,
        issuer=settings.jwt_issuer,
        revoked_token_ids=revoked_token_ids,
    )


def _keys(settings: Settings, metrics: IssuerMetrics | None, keep: Callable[[Path], str]) -> SigningKeys:
    sources = {
        "--jwt-secret": settings.jwt_secret,
        "--jwt-public-key-file": settings.jwt_public_key_file,
        "--jwks-url": settings.jwks_url,
    }
    given = [flag for flag, value in sources.items() if value is not None]
    if len(given) > 1:
        raise SettingsError(f"{' and '.join(given)} exclude each other: tokens are verified with keys of one kind")
    try:
        if settings.jwt_public_key_file is not None:
            return public_key_file(settings.jwt_public_key_file, settings.jwt_algorithms or PUBLIC_KEY_ALGORITHMS)
        if settings.jwks_url is not None:
            algorithms = settings.jwt_algorithms or PUBLIC_KEY_ALGORITHMS
            return JwksKeys(settings.jwks_url, algorithms, user_agent=USER_AGENT, metrics=metrics)
        return shared_secret(
            settings.jwt_secret or signing_secret(settings, keep),
            settings.jwt_previous_secret,
            settings.jwt_algorithms or ("HS256",),
        )
    except ValueError as error:
        raise SettingsError(f"--{error}") from error
