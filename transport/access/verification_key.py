"""A key that verifies tokens. Its type says which algorithms it may be used with, never the token.

Source: RFC 7517 (JSON Web Key), RFC 7518 sections 3 and 6, RFC 8037 (EdDSA), RFC 7638 (thumbprints).
"""

import hashlib
import json
from base64 import urlsafe_b64encode
from collections.abc import Callable, Collection, Mapping
from typing import Any, Final

import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm
from msgspec import Struct

MIN_RSA_BITS: Final = 2048
"""RFC 7518 section 3.3."""

_RSA: Final = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")
_BY_CURVE: Final = {
    "P-256": ("ES256",), "P-384": ("ES384",), "P-521": ("ES512",), "Ed25519": ("EdDSA",), "Ed448": ("EdDSA",),
}  # fmt: skip
PUBLIC_KEY_ALGORITHMS: Final = (*_RSA, "ES256", "ES384", "ES512", "EdDSA")
"""Every algorithm that a public key may verify."""


class _KeyType(Struct, frozen=True):
    """How PyJWT reads and writes the keys of one ``kty``."""

    from_jwk: Callable[[dict[str, Any]], Any]
    to_jwk: Callable[[Any], dict[str, Any]]
    from_pem: Callable[[str], Any]
    required: tuple[str, ...]
    """The members that a thumbprint is made of, in order (RFC 7638 section 3.2)."""


_KEY_TYPES: Final = {
    "RSA": _KeyType(
        RSAAlgorithm.from_jwk,
        lambda key: RSAAlgorithm.to_jwk(key, as_dict=True),
        RSAAlgorithm(RSAAlgorithm.SHA256).prepare_key,
        ("e", "kty", "n"),
    ),
    "EC": _KeyType(
        ECAlgorithm.from_jwk,
        lambda key: ECAlgorithm.to_jwk(key, as_dict=True),
        ECAlgorithm(ECAlgorithm.SHA256).prepare_key,
        ("crv", "kty", "x", "y"),
    ),
    "OKP": _KeyType(
        OKPAlgorithm.from_jwk,
        lambda key: OKPAlgorithm.to_jwk(key, as_dict=True),
        OKPAlgorithm().prepare_key,
        ("crv", "kty", "x"),
    ),
}


class VerificationKey(Struct, frozen=True, eq=False):
    """One key."""

    key: Any
    """As PyJWT takes it."""
    thumbprint: str
    """Equal for equal key material, whatever the key's id; of a shared secret the name of its setting."""
    algorithms: tuple[str, ...]
    """What it may verify, never none."""
    key_id: str | None = None


def from_jwk(jwk: Mapping[str, Any], allowed: Collection[str]) -> VerificationKey:
    """Return the key of a JSON Web Key, for those of the ``allowed`` algorithms that it can verify.

    Raises:
        ValueError: it can verify none; the text says why, as in "it is …".
    """
    name = jwk.get("kty")
    key_type = _KEY_TYPES.get(name) if isinstance(name, str) else None
    if key_type is None:
        raise ValueError("it is no RSA, EC or OKP key")
    if "d" in jwk:
        raise ValueError("it is a private key, and whoever can read it can make tokens")
    use, operations, algorithm = jwk.get("use"), jwk.get("key_ops"), jwk.get("alg")
    if use not in (None, "sig") or (operations is not None and "verify" not in _list(operations)):
        raise ValueError("it is not for verifying signatures")
    try:
        key = key_type.from_jwk(dict(jwk))
        public = key_type.to_jwk(key)
    except (jwt.PyJWTError, UnsupportedAlgorithm, ValueError, TypeError, ArithmeticError) as error:
        raise ValueError(f"it is malformed: {error}") from None
    if name == "RSA" and key.key_size < MIN_RSA_BITS:
        raise ValueError(f"it has {key.key_size} bits, and RSA needs {MIN_RSA_BITS}")
    fitting = _RSA if name == "RSA" else _BY_CURVE.get(public["crv"], ())
    algorithms = tuple(one for one in fitting if one in allowed and algorithm in (None, one))
    if not algorithms:
        raise ValueError(f"it is for {algorithm or ', '.join(fitting) or public['crv']}, which is not allowed")
    kid = jwk.get("kid")
    return VerificationKey(key, _thumbprint(public, key_type), algorithms, kid if isinstance(kid, str) else None)


def from_pem(text: str, allowed: Collection[str]) -> VerificationKey:
    """Return a public key that is written in PEM, or as OpenSSH does.

    Raises:
        ValueError: it is none, or can verify none of the ``allowed`` algorithms; the text says why, as in "it is …".
    """
    for key_type in _KEY_TYPES.values():
        try:
            key = key_type.from_pem(text)
        except (jwt.PyJWTError, UnsupportedAlgorithm, ValueError, TypeError):
            continue
        if hasattr(key, "private_bytes"):
            raise ValueError("it is a private key; give the public key instead")
        return from_jwk(key_type.to_jwk(key), allowed)
    raise ValueError("it is no RSA, EC or Ed25519 key in PEM")


def _thumbprint(public: Mapping[str, Any], key_type: _KeyType) -> str:
    canonical = json.dumps({member: public[member] for member in key_type.required}, separators=(",", ":"))
    return urlsafe_b64encode(hashlib.sha256(canonical.encode()).digest()).decode().rstrip("=")


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []
