"""The keys that are known at one moment, and which of them may have signed a token.

Source: RFC 7517 section 5 (JWK Set).
"""

import json
from codecs import BOM_UTF8
from collections.abc import Collection, Iterable, Sequence
from typing import Any, Final

import msgspec
from msgspec import Raw, Struct, ValidationError

from transport.access.verification_key import VerificationKey, from_jwk
from transport.errors import TokenRefused

MAX_KEYS: Final = 10_000
"""The most keys of one set; a company's largest has some thousand."""
MAX_KEY_BYTES: Final = 64 * 1024
"""The largest that one key may be, with its certificates."""
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


class _Document(Struct):
    keys: list[Raw]
    """Decoded one by one: all at once could hold the interpreter's lock, and so stop the event loop, for a second."""


_decode: Final = msgspec.json.Decoder(_Document).decode


def _jwk(text: bytes) -> dict[str, Any]:
    if len(text) > MAX_KEY_BYTES:
        raise ValueError(f"it is larger than {MAX_KEY_BYTES} bytes")
    jwk = json.loads(text)
    if not isinstance(jwk, dict):
        raise ValueError("it is no JSON object")  # noqa: TRY004 - the issuer's error
    return jwk


def parse_key_set(body: bytes, allowed: Collection[str]) -> KeySet:
    """Return the keys of a JWK Set that can verify one of the ``allowed`` algorithms; maybe none.

    Cost: some 0.1 ms a key.

    Raises:
        ValueError: it is no such set, or too large; the text says why.
    """
    try:
        found = _decode(body.removeprefix(BOM_UTF8)).keys
    except ValidationError:
        raise ValueError("not a key set: no JSON object with a list 'keys'") from None
    except (ValueError, RecursionError) as error:
        raise ValueError(f"not a key set: {error}") from None
    if len(found) > MAX_KEYS:
        raise ValueError(f"a key set of {len(found)} keys: {MAX_KEYS} may be in it")
    keys: list[VerificationKey] = []
    unusable: list[str] = []
    for number, text in enumerate(found, start=1):
        try:
            keys.append(from_jwk(_jwk(bytes(text)), allowed))
        except (ValueError, RecursionError) as error:
            unusable.append(f"key {number}: {error}"[:_MAX_REASON])
    return KeySet(keys, unusable)
