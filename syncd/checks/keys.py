"""Whether tokens can be verified: the key exists and is of the right kind."""

import time
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

from syncd.checks.clock import date_reading
from syncd.checks.file_modes import others_may_access
from syncd.checks.http_answer import HttpAnswer
from syncd.checks.results import Checked, CheckResult, failed, ok, setting, warning
from syncd.errors import SettingsError
from syncd.keys.kept_secret import FILE_NAME, kept_secret, new_secret
from syncd.keys.signing import USER_AGENT, authenticator, uses_kept_secret
from syncd.settings import Settings
from transport.access.key_fetch import fetch_key_set
from transport.access.key_set import parse_key_set
from transport.access.verification_key import PUBLIC_KEY_ALGORITHMS
from transport.errors import IssuerUnavailable

NAME = "keys"
ISSUER = "the issuer of the keys"
MAX_NAMED = 3
"""Unusable keys that a line names."""


async def check_keys(settings: Settings) -> Checked:
    """Read the key, or fetch the key set."""
    try:
        is_created = uses_kept_secret(settings) and not (settings.data_dir / FILE_NAME).exists()
    except OSError as error:  # such as a directory above it that this user may not search
        fix = f"set a directory that the user of the daemon can write to: {setting('data_dir')}"
        return Checked((failed(NAME, f"{settings.data_dir}: {error.strerror or error}", fix),))
    try:
        keep = _another_secret if is_created else kept_secret
        algorithms = authenticator(settings, keep=keep).keys.algorithms
    except SettingsError as error:
        fix = f"'syncd serve --help' explains the settings; {setting('jwt_secret')} is the simplest"
        return Checked((failed(NAME, str(error), fix),))
    if is_created:
        created = f"none is set: the first start creates a secret in {settings.data_dir}, for development"
        return Checked((ok(NAME, created),))
    if settings.jwks_url is not None:
        return await _check_key_set(settings.jwks_url, settings.jwt_algorithms or PUBLIC_KEY_ALGORITHMS)
    return Checked((_check_key(settings, ", ".join(algorithms)),))


def _another_secret(_data_dir: Path) -> str:
    """Return what a start would keep: a check keeps nothing."""
    return new_secret()


def _check_key(settings: Settings, algorithms: str) -> CheckResult:
    file = settings.jwt_public_key_file
    kept = settings.data_dir / FILE_NAME
    if uses_kept_secret(settings) and others_may_access(kept):
        fix = f"chmod 600 {kept}, in {setting('data_dir')}"
        return warning(NAME, f"other users have access to the secret in {kept}", fix)
    key = file or (
        f"the secret kept in {kept}" if uses_kept_secret(settings) else f"the secret of {setting('jwt_secret')}"
    )
    return ok(NAME, f"tokens are verified with {key}, {algorithms}")


async def _check_key_set(url: str, algorithms: Sequence[str]) -> Checked:
    host = urlsplit(url).netloc
    asked_s = time.time()
    try:
        answer = await fetch_key_set(url, USER_AGENT)
        found = parse_key_set(answer.body or b"", algorithms)
    except IssuerUnavailable as error:
        fix = f"is the address right, and can this machine reach it? {setting('jwks_url')}"
        return Checked((failed(NAME, f"{host}: {error}", fix),))
    except ValueError as error:
        fix = f"set the issuer's jwks_uri: {setting('jwks_url')}"
        return Checked((failed(NAME, f"{host}: the answer is {error}", fix),))
    reading = date_reading(ISSUER, HttpAnswer(b"", answer.headers, asked_s, time.time()))
    clocks = () if reading is None else (reading,)
    if not len(found):
        why = "; ".join(found.unusable[:MAX_NAMED]) or "it is empty"
        fix = f"allow the algorithm that the issuer uses: {setting('jwt_algorithms')}"
        return Checked((failed(NAME, f"{host}: no usable key in the key set: {why}", fix),), clocks)
    usable = f"{len(found)} of {len(found) + len(found.unusable)} keys for {', '.join(found.algorithms)}"
    return Checked((ok(NAME, f"{host}: {usable}"),), clocks)
