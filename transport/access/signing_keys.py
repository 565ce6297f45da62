"""The keys that tokens are checked with: a shared secret, a public key, or an issuer's published key set."""

import asyncio
import logging
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Protocol

import jwt
from jwt.algorithms import get_default_algorithms

from transport.errors import SigningKeyMissing

logger = logging.getLogger(__name__)

FAMILIES: Final[Mapping[str, int]] = {"HS256": 32, "HS384": 48, "HS512": 64, "RS256": 0, "ES256": 0, "EdDSA": 0}
"""Every algorithm that may be allowed, with the minimum length of its secret in bytes (RFC 7518 section 3.2)."""

JWKS_LIFESPAN_S: Final = 300.0
JWKS_COOLDOWN_S: Final = 30.0
"""An unknown key id causes a fetch of the set, at most this often."""
JWKS_TIMEOUT_S: Final = 10.0


class SigningKeys(Protocol):
    """Where an ``Authenticator`` finds its keys. Thread: the event loop; nothing here blocks."""

    algorithms: Sequence[str]
    generation: int
    """Rises when keys were removed: tokens accepted with them must be checked again."""

    def candidates(self, key_id: str | None) -> Sequence[Any]:
        """Return the keys to try for a token that names ``key_id``. Raises: SigningKeyMissing."""

    async def refresh(self) -> None:
        """Fetch the keys again if that can help; never raises."""


class FixedKeys:
    """Keys that never change while the process runs: made by ``shared_secret`` and ``public_key_file``."""

    generation = 0

    def __init__(self, algorithms: Sequence[str], keys: Sequence[Any]) -> None:
        self.algorithms = algorithms
        self._keys = keys

    def candidates(self, key_id: str | None) -> Sequence[Any]:
        """Return every key, whatever the token names."""
        return self._keys

    async def refresh(self) -> None:
        """Do nothing: there is nowhere to fetch from."""


def shared_secret(secret: str, previous: str | None = None, algorithms: Sequence[str] = ("HS256",)) -> FixedKeys:
    """Return the keys of an HMAC secret; tokens signed with ``previous`` stay valid while secrets are rotated.

    Raises:
        ValueError: names the setting that is wrong.
    """
    _check_family(algorithms, "HS")
    needed = max(FAMILIES[algorithm] for algorithm in algorithms)
    for setting, value in (("jwt-secret", secret), ("jwt-previous-secret", previous)):
        if value is not None and len(value.encode()) < needed:
            raise ValueError(f"{setting} must hold at least {needed} bytes for {', '.join(algorithms)}")
    return FixedKeys(algorithms, [secret] if previous is None else [secret, previous])


def public_key_file(path: Path, algorithms: Sequence[str]) -> FixedKeys:
    """Return the key of a PEM file. Blocks: it reads the file.

    Raises:
        ValueError: names the setting that is wrong.
    """
    family = _check_family(algorithms, "RS", "ES", "Ed")
    try:
        key = get_default_algorithms()[algorithms[0]].prepare_key(path.read_text())
    except (OSError, ValueError, TypeError, jwt.PyJWTError) as error:
        raise ValueError(f"jwt-public-key-file {path} holds no {family} public key: {error}") from error
    if hasattr(key, "private_bytes"):
        raise ValueError(f"jwt-public-key-file {path} holds a private key; give the public key instead")
    return FixedKeys(algorithms, [key])


class JwksKeys:
    """The keys that an issuer publishes, fetched in a thread; the last known keys stay in use while it is away."""

    def __init__(self, url: str, algorithms: Sequence[str]) -> None:
        _check_family(algorithms, "RS", "ES", "Ed")
        self.algorithms = algorithms
        self.generation = 0
        try:
            self._client = jwt.PyJWKClient(url, cache_jwk_set=False, timeout=JWKS_TIMEOUT_S)
        except jwt.PyJWTError as error:
            raise ValueError(f"jwks-url: {error}") from error
        self._keys: Mapping[str, jwt.PyJWK] = {}
        self._fetched_s = self._tried_s = float("-inf")
        self._fetching: asyncio.Task[None] | None = None

    def candidates(self, key_id: str | None) -> Sequence[jwt.PyJWK]:
        """Return the key of this id, or the only key for a token without one; starts a fetch if one is due."""
        if time.monotonic() - self._fetched_s > JWKS_LIFESPAN_S and self._keys:
            self._start_fetch()
        if key_id is None and len(self._keys) == 1:
            return list(self._keys.values())
        if key_id is None or key_id not in self._keys:
            raise SigningKeyMissing("The token is signed with an unknown key.")
        return [self._keys[key_id]]

    async def refresh(self) -> None:
        """Fetch the set, unless that was tried recently; concurrent callers share one fetch."""
        self._start_fetch()
        if self._fetching is not None:
            await asyncio.shield(self._fetching)

    def _start_fetch(self) -> None:
        is_cooling_down = time.monotonic() - self._tried_s < JWKS_COOLDOWN_S
        if self._fetching is None and not is_cooling_down:
            self._tried_s = time.monotonic()
            self._fetching = asyncio.get_running_loop().create_task(self._fetch())

    async def _fetch(self) -> None:
        try:
            async with asyncio.timeout(JWKS_TIMEOUT_S):  # the client's own is for each read, of which there may be many
                found = await asyncio.to_thread(self._client.get_signing_keys)
        except (jwt.PyJWTError, OSError, ValueError) as error:
            logger.warning("signing keys not fetched, the %d known ones stay in use: %s", len(self._keys), error)
            return
        finally:
            self._fetching = None
        keys = {key.key_id: key for key in found if key.key_id}
        if not self._keys.keys() <= keys.keys():
            self.generation += 1
        self._keys = keys
        self._fetched_s = time.monotonic()


def _check_family(algorithms: Sequence[str], *prefixes: str) -> str:
    """Return the family that all ``algorithms`` belong to. Raises: ValueError."""
    unknown = [algorithm for algorithm in algorithms if algorithm not in FAMILIES]
    families = {algorithm[:2] for algorithm in algorithms}
    if unknown or len(families) != 1 or not families <= set(prefixes):
        allowed = ", ".join(name for name in FAMILIES if name.startswith(prefixes))
        raise ValueError(f"jwt-algorithms must be of one family of {allowed}, not {', '.join(algorithms) or 'none'}")
    return algorithms[0]
