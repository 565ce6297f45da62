"""Whether tokens can be verified: the key exists and is of the right kind."""

from urllib.parse import urlsplit

import jwt

from syncd.checks.clock import date_reading
from syncd.checks.file_modes import others_may_access
from syncd.checks.results import Checked, CheckResult, failed, ok, setting, warning
from syncd.checks.timeouts import fetch
from syncd.errors import SettingsError, Unreachable
from syncd.keys.kept_secret import FILE_NAME
from syncd.keys.signing import authenticator, uses_kept_secret
from syncd.settings import Settings
from transport.blocking_calls import in_thread

NAME = "keys"
ISSUER = "the issuer of the keys"


async def check_keys(settings: Settings) -> Checked:
    """Read the key, or fetch the key set."""
    if uses_kept_secret(settings) and not (settings.data_dir / FILE_NAME).exists():
        return Checked((ok(NAME, "none is set: the first start creates a secret, for development"),))
    try:
        authenticator(settings)
    except SettingsError as error:
        fix = f"'syncd serve --help' explains the settings; {setting('jwt_secret')} is the simplest"
        return Checked((failed(NAME, str(error), fix),))
    if settings.jwks_url is not None:
        url = settings.jwks_url
        return await in_thread(lambda: _check_key_set(url, settings.jwt_algorithms or ("RS256",)))
    return Checked((_check_key(settings),))


def _check_key(settings: Settings) -> CheckResult:
    file = settings.jwt_public_key_file
    default, described = ("HS256", "a shared secret") if file is None else ("RS256", str(file))
    algorithm = (settings.jwt_algorithms or (default,))[0]
    kept = settings.data_dir / FILE_NAME
    if uses_kept_secret(settings) and others_may_access(kept):
        fix = f"chmod 600 {kept}, in {setting('data_dir')}"
        return warning(NAME, f"other users have access to the secret in {kept}", fix)
    return ok(NAME, f"tokens are verified with {described}, {algorithm}")


def _described(key: jwt.PyJWK) -> str:
    kid = "" if key.key_id else " without kid"
    use = f" for {key.public_key_use}" if key.public_key_use not in (None, "sig") else ""
    return f"{key.algorithm_name}{kid}{use}"


def _check_key_set(url: str, algorithms: tuple[str, ...]) -> Checked:
    host = urlsplit(url).netloc.rpartition("@")[2]
    try:
        answer = fetch(url)
        keys = jwt.PyJWKSet.from_json(answer.body.decode()).keys
    except Unreachable as error:
        fix = f"is the address right, and can this machine reach it? {setting('jwks_url')}"
        return Checked((failed(NAME, f"{host}: {error}", fix),))
    except (jwt.PyJWTError, ValueError, AttributeError, TypeError) as error:
        fix = f"set the issuer's jwks_uri: {setting('jwks_url')}"
        return Checked((failed(NAME, f"{host}: the answer is not a key set: {error}", fix),))
    usable = [
        key for key in keys if key.key_id and key.public_key_use in (None, "sig") and key.algorithm_name in algorithms
    ]
    reading = date_reading(ISSUER, answer)
    clocks = () if reading is None else (reading,)
    if not usable:
        kinds = ", ".join(map(_described, keys))
        fix = f"allow the algorithm that the issuer uses: {setting('jwt_algorithms')}"
        return Checked((failed(NAME, f"{host}: no key for {', '.join(algorithms)} among {kinds}", fix),), clocks)
    return Checked((ok(NAME, f"{host}: {len(usable)} of {len(keys)} keys for {', '.join(algorithms)}"),), clocks)
