"""Which algorithms a key verifies: by its type, its members, and what is allowed; and what it is recognised by."""

from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa, x25519
from jwt.algorithms import RSAAlgorithm

from tests.fakes.key_issuer import public_jwk
from tests.keys import rsa_key
from tests.transport.access.tokens import GOOD, token, unsigned
from transport.access.authentication import Authenticator
from transport.access.signing_keys import FixedKeys
from transport.access.verification_key import PUBLIC_KEY_ALGORITHMS, from_jwk, from_pem
from transport.errors import TokenRefused

RSA_KEY = rsa_key()
P256, P384, P521 = (ec.generate_private_key(curve) for curve in (ec.SECP256R1(), ec.SECP384R1(), ec.SECP521R1()))
ED25519, ED448 = ed25519.Ed25519PrivateKey.generate(), ed448.Ed448PrivateKey.generate()
RSA_ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")

KINDS = [
    (RSA_KEY, RSA_ALGORITHMS),
    (P256, ("ES256",)),
    (P384, ("ES384",)),
    (P521, ("ES512",)),
    (ED25519, ("EdDSA",)),
    (ED448, ("EdDSA",)),
]
SIGNERS = [(key, algorithm) for key, algorithms in KINDS for algorithm in algorithms]


def test_every_allowed_algorithm_has_a_key_that_verifies_it() -> None:
    assert {algorithm for _, algorithm in SIGNERS} == set(PUBLIC_KEY_ALGORITHMS)


@pytest.mark.parametrize(("key", "algorithms"), KINDS)
def test_a_keys_type_decides_what_it_verifies(key: Any, algorithms: tuple[str, ...]) -> None:
    found = from_jwk(public_jwk(key, kid="one"), PUBLIC_KEY_ALGORITHMS)
    assert (found.algorithms, found.key_id) == (algorithms, "one")
    authenticator = Authenticator(FixedKeys([found]))
    for signer, algorithm in SIGNERS:
        signed = token(key=signer, algorithm=algorithm)
        if signer is key:
            assert authenticator.authenticate(signed).thumbprint == found.thumbprint
        else:
            with pytest.raises(TokenRefused, match=r"algorithm is not allowed|signature is wrong"):
                authenticator.authenticate(signed)


@pytest.mark.parametrize("spelling", ["pem", "jwk"])
def test_no_public_key_is_ever_taken_for_a_secret(spelling: str) -> None:
    found = from_jwk(public_jwk(RSA_KEY), PUBLIC_KEY_ALGORITHMS)
    secret = pem(RSA_KEY) if spelling == "pem" else RSAAlgorithm.to_jwk(RSA_KEY.public_key())
    header, payload, _ = token(key="x" * 32).split(".")
    signature = jwt.algorithms.HMACAlgorithm(jwt.algorithms.HMACAlgorithm.SHA256).sign(
        f"{header}.{payload}".encode(), secret.encode()
    )
    forged = f"{header}.{payload}.{jwt.utils.base64url_encode(signature).decode()}"
    for refused in (forged, unsigned(GOOD)):
        with pytest.raises(TokenRefused, match="algorithm is not allowed"):
            Authenticator(FixedKeys([found])).authenticate(refused)


@pytest.mark.parametrize(
    ("members", "algorithms"),
    [
        ({"alg": "PS384"}, ("PS384",)),
        ({"use": "sig"}, RSA_ALGORITHMS),
        ({"key_ops": ["verify"]}, RSA_ALGORITHMS),
        ({"use": "sig", "key_ops": ["verify", "sign"], "alg": "RS256"}, ("RS256",)),
        ({"use": None, "alg": None, "key_ops": None, "kid": 7, "x5c": ["MIIB"], "new": {}}, RSA_ALGORITHMS),
    ],
)
def test_members_of_a_jwk_narrow_down_what_its_key_may_be_used_with(
    members: dict[str, Any], algorithms: tuple[str, ...]
) -> None:
    found = from_jwk(public_jwk(RSA_KEY, **members), PUBLIC_KEY_ALGORITHMS)
    assert (found.algorithms, found.key_id) == (algorithms, None)


def private_jwk(key: Any) -> dict[str, Any]:
    return RSAAlgorithm.to_jwk(key, as_dict=True)


def of_x25519() -> dict[str, Any]:
    raw = x25519.X25519PrivateKey.generate().public_key().public_bytes_raw()
    return {"kty": "OKP", "crv": "X25519", "x": jwt.utils.base64url_encode(raw).decode()}


@pytest.mark.parametrize(
    ("jwk", "why"),
    [
        ({}, "no RSA, EC or OKP key"),
        ({"kty": "oct", "k": "c2VjcmV0"}, "no RSA, EC or OKP key"),
        ({"kty": ["RSA"]}, "no RSA, EC or OKP key"),
        (private_jwk(RSA_KEY), "private key"),
        (public_jwk(RSA_KEY, use="enc"), "not for verifying"),
        (public_jwk(RSA_KEY, use=["sig"]), "not for verifying"),
        (public_jwk(RSA_KEY, key_ops=["wrapKey"]), "not for verifying"),
        (public_jwk(RSA_KEY, key_ops=[]), "not for verifying"),
        (public_jwk(RSA_KEY, key_ops="verify"), "not for verifying"),
        (public_jwk(RSA_KEY, alg="RSA-OAEP"), "for RSA-OAEP, which is not allowed"),
        (public_jwk(RSA_KEY, alg="HS256"), "which is not allowed"),
        (public_jwk(RSA_KEY, alg="none"), "which is not allowed"),
        (public_jwk(RSA_KEY, alg=["RS256"]), "which is not allowed"),
        (public_jwk(P256, alg="ES384"), "for ES384, which is not allowed"),
        (public_jwk(ec.generate_private_key(ec.SECP256K1())), "for secp256k1, which is not allowed"),
        (public_jwk(rsa.generate_private_key(65537, 1024)), "1024 bits, and RSA needs 2048"),
        (public_jwk(RSA_KEY, n=7), "malformed"),
        (public_jwk(RSA_KEY, n=""), "malformed"),
        (public_jwk(RSA_KEY, e="AA"), "malformed"),
        ({"kty": "RSA"}, "malformed"),
        (public_jwk(P256, y=public_jwk(P256)["x"]), "malformed"),
        (public_jwk(P256, crv="P-384"), "malformed"),
        (public_jwk(P256, crv=None), "malformed"),
        (public_jwk(ED25519, x="AA"), "malformed"),
        (of_x25519(), "malformed"),
    ],
)
def test_a_key_that_verifies_nothing_here_says_why(jwk: dict[str, Any], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        from_jwk(jwk, PUBLIC_KEY_ALGORITHMS)


def test_only_what_is_allowed_is_verified() -> None:
    assert from_jwk(public_jwk(RSA_KEY), ["PS256", "ES256"]).algorithms == ("PS256",)
    with pytest.raises(ValueError, match="which is not allowed"):
        from_jwk(public_jwk(P384), ["PS256", "ES256"])


def test_the_thumbprint_is_that_of_rfc_7638() -> None:
    example = {
        "kty": "RSA",
        "n": "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjB"
        "ZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8"
        "KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_"
        "xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw",
        "e": "AQAB",
        "alg": "RS256",
        "kid": "2011-04-29",
    }
    found = from_jwk(example, PUBLIC_KEY_ALGORITHMS)
    assert found.thumbprint == "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"


@pytest.mark.parametrize(("key", "other"), [(RSA_KEY, P256), (P256, P384), (ED25519, ED448)])
def test_a_thumbprint_is_of_the_material_alone_however_it_is_written(key: Any, other: Any) -> None:
    def thumbprint(jwk: dict[str, Any]) -> str:
        return from_jwk(jwk, PUBLIC_KEY_ALGORITHMS).thumbprint

    plain = thumbprint(public_jwk(key))
    assert thumbprint(dict(reversed(public_jwk(key, kid="another", use="sig", x5t="abc").items()))) == plain
    assert from_pem(pem(key), PUBLIC_KEY_ALGORITHMS).thumbprint == plain
    assert thumbprint(public_jwk(other)) != plain
    if key is RSA_KEY:
        padded = jwt.utils.base64url_encode(b"\0" + key.public_key().public_numbers().n.to_bytes(256, "big")).decode()
        assert thumbprint(public_jwk(key, n=padded)) == plain


def pem(key: Any) -> str:
    encoding, form = serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    written: bytes = key.public_key().public_bytes(encoding, form)
    return written.decode()


@pytest.mark.parametrize(("key", "algorithms"), KINDS)
def test_a_key_in_pem_is_the_same_key(key: Any, algorithms: tuple[str, ...]) -> None:
    found = from_pem(pem(key), PUBLIC_KEY_ALGORITHMS)
    assert (found.algorithms, found.key_id) == (algorithms, None)
    encoding, form = serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH
    if key is not ED448:  # OpenSSH has none
        ssh = key.public_key().public_bytes(encoding, form).decode()
        assert from_pem(ssh, PUBLIC_KEY_ALGORITHMS).thumbprint == found.thumbprint


@pytest.mark.parametrize("key", [RSA_KEY, P384, ED25519])
def test_a_private_key_in_pem_is_refused(key: Any) -> None:
    encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    with pytest.raises(ValueError, match="give the public key"):
        from_pem(key.private_bytes(encoding, form, serialization.NoEncryption()).decode(), PUBLIC_KEY_ALGORITHMS)


@pytest.mark.parametrize(
    ("text", "why"), [("", "no RSA"), ("nonsense", "no RSA"), (pem(rsa.generate_private_key(65537, 1024)), "1024 bits")]
)
def test_what_is_no_usable_key_in_pem_says_why(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        from_pem(text, PUBLIC_KEY_ALGORITHMS)
