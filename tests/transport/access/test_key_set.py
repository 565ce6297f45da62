"""An issuer's key set: which keys may have signed a token, and what is no set at all."""

import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from tests.fakes.key_issuer import public_jwk
from tests.keys import rsa_key
from transport.access.key_set import MAX_CANDIDATES, MAX_KEY_BYTES, MAX_KEYS, KeySet, parse_key_set
from transport.access.verification_key import PUBLIC_KEY_ALGORITHMS, from_jwk
from transport.errors import TokenRefused

RSA_1, RSA_2 = rsa_key(1), rsa_key(2)
P256, P384 = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP384R1())


def key_set(*jwks: Any) -> KeySet:
    return parse_key_set(json.dumps({"keys": jwks, "more": 1}).encode(), PUBLIC_KEY_ALGORITHMS)


def thumbprints(*keys: Any) -> list[str]:
    return [from_jwk(public_jwk(key), PUBLIC_KEY_ALGORITHMS).thumbprint for key in keys]


def candidates(found: KeySet, algorithm: object, key_id: str | None) -> list[str]:
    return [key.thumbprint for key in found.candidates(algorithm, key_id)]


def test_keys_of_several_types_stand_in_one_set() -> None:
    found = key_set(public_jwk(RSA_1, kid="r"), public_jwk(P256, kid="e"), public_jwk(P384, kid="f"))
    assert len(found) == 3
    assert candidates(found, "PS512", "r") == thumbprints(RSA_1)
    assert candidates(found, "ES256", "e") == thumbprints(P256)
    assert candidates(found, "ES384", "f") == thumbprints(P384)
    assert candidates(found, "ES256", "r") == candidates(found, "ES384", "e") == candidates(found, "ES384", "x") == []


def test_a_token_without_a_key_id_may_be_of_every_key_that_fits() -> None:
    found = key_set(public_jwk(RSA_1, kid="a"), public_jwk(P256, kid="b"), public_jwk(RSA_2), public_jwk(RSA_2, kid=3))
    assert candidates(found, "RS256", None) == thumbprints(RSA_1, RSA_2)
    assert candidates(found, "ES256", None) == thumbprints(P256)
    assert candidates(found, ["RS256"], None) == candidates(found, None, None) == []


def test_a_token_with_a_key_id_may_also_be_of_a_key_without_one() -> None:
    found = key_set(public_jwk(RSA_1), public_jwk(RSA_2, kid="b"))
    assert candidates(found, "RS256", "a") == thumbprints(RSA_1)
    assert candidates(found, "RS256", "b") == thumbprints(RSA_2, RSA_1)


def test_several_keys_may_have_one_id_and_one_key_several() -> None:
    found = key_set(
        public_jwk(RSA_1, kid="a"),
        public_jwk(RSA_2, kid="a"),
        public_jwk(P256, kid="a"),
        public_jwk(RSA_1, kid="b"),
        public_jwk(RSA_1, kid="a"),
    )
    assert len(found) == 4
    assert candidates(found, "RS256", "a") == thumbprints(RSA_1, RSA_2)
    assert candidates(found, "RS256", "b") == thumbprints(RSA_1)


@pytest.mark.parametrize("key_id", [None, "a"])
def test_more_candidates_than_are_tried_are_refused_by_name(key_id: str | None) -> None:
    jwks = [public_jwk(ec.generate_private_key(ec.SECP256R1()), kid="a") for _ in range(MAX_CANDIDATES + 1)]
    assert len(candidates(key_set(*jwks[1:]), "ES256", key_id)) == MAX_CANDIDATES
    with pytest.raises(TokenRefused, match=r"16 keys .* \(kid\)"):
        key_set(*jwks).candidates("ES256", key_id)


def test_good_keys_stand_beside_unusable_ones() -> None:
    found = key_set(public_jwk(RSA_1, use="enc"), "no key", public_jwk(P256), None, {"kty": "oct", "k": "c2Vj"}, {})
    assert candidates(found, "ES256", None) == thumbprints(P256)
    assert [why.partition(":")[0] for why in found.unusable] == ["key 1", "key 2", "key 4", "key 5", "key 6"]
    assert "not for verifying" in found.unusable[0]


def test_a_key_beyond_the_bound_is_named_and_the_others_are_used() -> None:
    found = key_set({"kty": "EC", "x": "x" * MAX_KEY_BYTES}, public_jwk(P256))
    assert candidates(found, "ES256", None) == thumbprints(P256)
    assert found.unusable[0] == f"key 1: it is larger than {MAX_KEY_BYTES} bytes"


def test_what_the_issuer_says_of_a_key_fills_no_log() -> None:
    (why,) = key_set(public_jwk(P256, crv="x" * 10_000)).unusable
    assert len(why) <= 200


def test_a_set_may_be_empty() -> None:
    assert (len(key_set()), len(key_set({"kty": "oct"}))) == (0, 0)


def test_three_thousand_keys_are_a_set() -> None:
    jwk = public_jwk(RSA_1)
    found = key_set(*({**jwk, "kid": str(number)} for number in range(3000)), public_jwk(RSA_2, kid="mine"))
    assert len(found) == 3001
    assert candidates(found, "RS256", "mine") == thumbprints(RSA_2)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<!doctype html><title>Sign in</title>",
        b"\xff\xfe",
        b"\x1f\x8b\x08",
        b"[" * 100_000,
        b"[]",
        b"7",
        b"{}",
        b'{"keys": {}}',
        b'{"keys": "none"}',
        b'{"keys": null}',
        b'{"error": "unavailable"}',
        b'{"keys": [',
    ],
)
def test_what_is_no_key_set_is_not_taken_for_an_empty_one(body: bytes) -> None:
    with pytest.raises(ValueError, match="not a key set"):
        parse_key_set(body, PUBLIC_KEY_ALGORITHMS)


def test_a_set_may_begin_with_a_byte_order_mark() -> None:
    body = b"\xef\xbb\xbf" + json.dumps({"keys": [public_jwk(RSA_1)]}).encode()
    assert len(parse_key_set(body, PUBLIC_KEY_ALGORITHMS)) == 1


def test_a_set_of_more_keys_than_may_be_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match=f"{MAX_KEYS + 1} keys: {MAX_KEYS} may"):
        key_set(*[0] * (MAX_KEYS + 1))
