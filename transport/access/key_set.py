"""The keys that are known at one moment, and which of them may have signed a token.

Source: RFC 7517 section 5 (JWK Set).
"""

import json
from collections.abc import Collection, Iterable, Sequence
from typing import Any, Final

from transport.access.verification_key import VerificationKey, from_jwk
from transport.errors import TokenRefused

MAX_KEYS: Final = 10_000
"""Of one set; a company's largest has some thousand."""
MAX_CANDIDATES: Final = 16
"""How many keys are tried for one token: each costs 0.1 to 0.5 ms on the event loop, whoever sent it."""

_MAX_REASON: Final = 200
"""Characters of why a key is not used: the issuer's own words may be among them."""


class KeySet:
    """Never changed: a new one takes its place. Thread: any."""

    def __init__(self, keys: Iterable[VerificationKey], unusable: Sequence[str] = ()) -> None:
        self._keys = tuple({(key.key_id, key.thumbprint, key.algorithms): key for key in keys}.values())
        self.unusable = unusable
        """Why each other key of the issuer's set is not used."""
        self.thumbprints = frozenset(key.thumbprint for key in self._keys)
        self._by_id: dict[str | None, list[VerificationKey]] = {}
        self._by_algorithm: dict[str, list[VerificationKey]] = {}
        for key in self._keys:
            self._by_id.setdefault(key.key_id, []).append(key)
            for algorithm in key.algorithms:
                self._by_algorithm.setdefault(algorithm, []).append(key)

    def __len__(self) -> int:
        return len(self._keys)

    @property
    def algorithms(self) -> Collection[str]:
        """What these keys can verify."""
        return self._by_algorithm.keys()

    def candidates(self, algorithm: object, key_id: str | None) -> Sequence[VerificationKey]:
        """Return the keys that may have signed a token with this header.

        Those of its key id and those without one; for a token that names no key, all that fit its algorithm.

        Raises:
            TokenRefused: they are more than are tried.
        """
        found: Sequence[VerificationKey]
        if key_id is None:
            found = self._by_algorithm.get(algorithm, ()) if isinstance(algorithm, str) else ()
        else:
            named = (*self._by_id.get(key_id, ()), *self._by_id.get(None, ()))
            found = [key for key in named if algorithm in key.algorithms]
        if len(found) > MAX_CANDIDATES:
            raise TokenRefused(f"More than {MAX_CANDIDATES} keys may have signed the token; it must name one (kid).")
        return found


def parse_key_set(body: bytes, allowed: Collection[str]) -> KeySet:
    """Return the keys of a JWK Set that can verify one of the ``allowed`` algorithms; maybe none.

    Cost: some 0.1 ms a key.

    Raises:
        ValueError: it is no such set, or too large; the text says why.
    """
    try:
        document: Any = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"not a key set: {error}") from None
    found = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(found, list):
        raise ValueError("not a key set: no JSON object with a list 'keys'")  # noqa: TRY004 - the issuer's error
    if len(found) > MAX_KEYS:
        raise ValueError(f"a key set of {len(found)} keys: {MAX_KEYS} may be in it")
    keys: list[VerificationKey] = []
    unusable: list[str] = []
    for number, jwk in enumerate(found, start=1):
        try:
            if not isinstance(jwk, dict):
                raise ValueError("it is no JSON object")  # noqa: TRY004 - likewise
            keys.append(from_jwk(jwk, allowed))
        except ValueError as error:
            unusable.append(f"key {number}: {error}"[:_MAX_REASON])
    return KeySet(keys, unusable)
