"""Tokens that a daemon of the same settings takes, signed with its secret."""

from functools import partial

from syncd.errors import SettingsError
from syncd.keys.signing import signing_secret
from syncd.settings import Settings
from transport.access.minting import mint
from transport.access.signing_keys import shared_secret


def minting(settings: Settings) -> partial[str]:
    """Return ``mint`` with all that ``settings`` say of tokens: whose they are and for how long is to be given.

    Raises:
        SettingsError: there is no secret, or the daemon would not start with it.
    """
    secret = signing_secret(settings)
    algorithms = settings.jwt_algorithms or ("HS256",)
    try:
        shared_secret(secret, algorithms=algorithms)
    except ValueError as error:
        raise SettingsError(f"--{error}") from None
    audience, issuer = settings.jwt_audience, settings.jwt_issuer
    return partial(mint, secret, audience=audience, issuer=issuer, algorithm=algorithms[0])
