"""How an operator gets a token that a daemon with these settings accepts."""

import shlex

from syncd.keys.signing import uses_kept_secret
from syncd.settings import Settings
from transport.http.routes.token_help import TokenHelp

_COMMAND = ("python", "-m", "syncd", "token", "--user", "ops", "--device", "console", "--scope", "syncd:admin")


def operator_token_help(settings: Settings) -> TokenHelp:
    """Return what the operator's page says, to whoever opens it.

    With the kept secret, which is for development, it is a command that works as it is. In production the settings
    stay the daemon's own: the command is said to need them.
    """
    if uses_kept_secret(settings):
        return TokenHelp(
            "On the machine of this daemon, as its user, this makes one:", shlex.join(_COMMAND + _flags(settings))
        )
    if settings.jwt_secret is not None:
        return TokenHelp(
            "With the settings of the daemon (its --config file, or its SYNCD_JWT_… variables), this makes one:",
            shlex.join(_COMMAND),
        )
    return TokenHelp(
        "Tokens are verified with a public key here: ask who holds the private one for a token with scope syncd:admin.",
        None,
    )


def _flags(settings: Settings) -> tuple[str, ...]:
    flags = {
        "--data-dir": str(settings.data_dir.absolute()),
        "--jwt-algorithms": ",".join(settings.jwt_algorithms),
        "--jwt-audience": settings.jwt_audience,
        "--jwt-issuer": settings.jwt_issuer,
    }
    return tuple(word for flag, value in flags.items() if value for word in (flag, value))
