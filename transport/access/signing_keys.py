"""Where an ``Authenticator`` finds its keys; and keys that stay the same: a shared secret, a public key in a file."""

from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Final, Protocol

from transport.access.key_set import KeySet
from transport.access.verification_key import PUBLIC_KEY_ALGORITHMS, VerificationKey, from_pem

MIN_SECRET_BYTES: Final[Mapping[str, int]] = {"HS256": 32, "HS384": 48, "HS512": 64}
"""RFC 7518 section 3.2."""

Withdrawn = Callable[[Collection[str]], object]
"""Told when keys have gone: the thumbprints of those that are still known."""


class SigningKeys(Protocol):
    """The keys that tokens are signed with. Thread: the event loop; nothing here blocks."""

    algorithms: Collection[str]
    """Allowed, whichever keys are known."""
    known: KeySet
    """Another object after each change."""
    may_change: bool
    """Whether a token that the known keys do not verify may be verified after ``refresh``."""

    async def refresh(self, tried: KeySet) -> None:
        """Learn which keys there are now, for a token that those ``tried`` do not verify; not too often.

        Raises:
            KeysUnavailable: it cannot be learned which keys there are.
        """

    async def watch(self, withdrawn: Withdrawn) -> None:
        """Keep ``known`` up to date until cancelled."""


class FixedKeys:
    """Keys that never change while the process runs: made by ``shared_secret`` and ``public_key_file``."""

    may_change = False

    def __init__(self, keys: Sequence[VerificationKey]) -> None:
        self.known = KeySet(keys)
        self.algorithms = self.known.algorithms

    async def refresh(self, tried: KeySet) -> None:
        """Do nothing: there is nowhere to fetch from."""

    async def watch(self, withdrawn: Withdrawn) -> None:
        """Do nothing."""


def shared_secret(secret: str, previous: str | None = None, algorithms: Sequence[str] = ("HS256",)) -> FixedKeys:
    """Return the keys of an HMAC secret; tokens signed with ``previous`` stay valid while secrets are rotated.

    Whitespace around a secret, as a file's last line break, may or may not be part of it for the issuer: both count.

    Raises:
        ValueError: names the setting that is wrong.
    """
    _check_allowed(algorithms, MIN_SECRET_BYTES)
    needed = max(MIN_SECRET_BYTES[algorithm] for algorithm in algorithms)
    keys: list[VerificationKey] = []
    for setting, value in (("jwt-secret", secret), ("jwt-previous-secret", previous)):
        if value is None:
            continue
        stripped = value.strip()
        if len(stripped.encode()) < needed:
            raise ValueError(f"{setting} must hold at least {needed} bytes for {', '.join(algorithms)}")
        keys.append(VerificationKey(stripped, setting, tuple(algorithms)))
        if stripped != value:
            keys.append(VerificationKey(value, f"{setting} with whitespace", tuple(algorithms)))
    return FixedKeys(keys)


def public_key_file(path: Path, algorithms: Sequence[str] = PUBLIC_KEY_ALGORITHMS) -> FixedKeys:
    """Return the key of a PEM file, for those of the ``algorithms`` that its type can verify. Blocks: reads the file.

    Raises:
        ValueError: names the setting that is wrong.
    """
    _check_allowed(algorithms, PUBLIC_KEY_ALGORITHMS)
    try:
        # Around the key there may be text, in any encoding.
        key = from_pem(path.read_text(encoding="utf-8-sig", errors="replace"), algorithms)
    except (OSError, ValueError) as error:
        raise ValueError(f"jwt-public-key-file {path} holds no usable public key: {error}") from error
    return FixedKeys([key])


def check_public_key_algorithms(algorithms: Sequence[str]) -> None:
    """Check that public keys can verify each of ``algorithms``. Raises: ValueError, it names the setting."""
    _check_allowed(algorithms, PUBLIC_KEY_ALGORITHMS)


def _check_allowed(algorithms: Sequence[str], possible: Collection[str]) -> None:
    others = [algorithm for algorithm in algorithms if algorithm not in possible]
    if others or not algorithms:
        raise ValueError(f"jwt-algorithms must be of {', '.join(possible)}, not {', '.join(others) or 'none'}")
