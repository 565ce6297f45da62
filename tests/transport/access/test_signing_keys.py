"""Keys that stay the same: a shared secret and the one before it, a public key in a file."""

from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from tests.keys import rsa_key
from tests.transport.access.tokens import OTHER_SECRET, SECRET, token
from transport.access.authentication import Authenticator
from transport.access.key_set import KeySet
from transport.access.signing_keys import public_key_file, shared_secret
from transport.errors import TokenRefused

RSA_KEY = rsa_key()
EC_KEY = ec.generate_private_key(ec.SECP384R1())


@pytest.mark.parametrize(
    ("make", "named"),
    [
        (lambda: shared_secret("short"), "jwt-secret must hold at least 32 bytes"),
        (lambda: shared_secret("short" + 32 * "\n"), "jwt-secret must hold at least 32 bytes"),
        (lambda: shared_secret(SECRET, previous="short"), "jwt-previous-secret"),
        (lambda: shared_secret(SECRET, algorithms=["HS512"]), "64 bytes"),
        (lambda: shared_secret(SECRET, algorithms=["RS256"]), "jwt-algorithms must be of HS256, HS384, HS512, not RS"),
        (lambda: shared_secret(SECRET, algorithms=["HS256", "RS256"]), "jwt-algorithms"),
        (lambda: shared_secret(SECRET, algorithms=["none"]), "jwt-algorithms"),
        (lambda: shared_secret(SECRET, algorithms=[]), "jwt-algorithms"),
        (lambda: public_key_file(Path("/nowhere")), "jwt-public-key-file /nowhere holds no usable"),
        (lambda: public_key_file(Path(__file__)), "jwt-public-key-file"),
        (lambda: public_key_file(Path("/nowhere"), ["HS256"]), "jwt-algorithms"),
        (lambda: public_key_file(Path("/nowhere"), []), "jwt-algorithms"),
    ],
)
def test_a_wrong_setting_is_refused_by_its_name(make: Any, named: str) -> None:
    with pytest.raises(ValueError, match=named):
        make()


@pytest.mark.parametrize("setting", [SECRET, f"{SECRET}\n", f" {SECRET} \r\n"])
def test_whitespace_around_a_secret_may_be_part_of_it_for_the_issuer_or_not(setting: str) -> None:
    for authenticator in (
        Authenticator(shared_secret(setting)),
        Authenticator(shared_secret(OTHER_SECRET, previous=setting)),
    ):
        for secret in (SECRET, setting):
            assert authenticator.authenticate(token(key=secret)).user_id == "ann"
        with pytest.raises(TokenRefused, match="signature is wrong"):
            authenticator.authenticate(token(key=f"{SECRET}?"))


def test_a_secret_may_sign_by_several_algorithms_if_they_are_allowed() -> None:
    authenticator = Authenticator(shared_secret(SECRET * 2, algorithms=["HS256", "HS512"]))
    for algorithm in ("HS256", "HS512"):
        assert authenticator.authenticate(token(key=SECRET * 2, algorithm=algorithm)).user_id == "ann"
    with pytest.raises(TokenRefused, match="algorithm is not allowed"):
        authenticator.authenticate(token(key=SECRET * 2, algorithm="HS384"))


def pem(key: Any) -> bytes:
    encoding, form = serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    written: bytes = key.public_key().public_bytes(encoding, form)
    return written


@pytest.mark.parametrize(
    ("key", "algorithms"),
    [
        (RSA_KEY, ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"]),
        (EC_KEY, ["ES384"]),
        (ed25519.Ed25519PrivateKey.generate(), ["EdDSA"]),
    ],
)
def test_a_public_key_file_verifies_what_its_keys_type_can(tmp_path: Path, key: Any, algorithms: list[str]) -> None:
    file = tmp_path / "key.pem"
    file.write_bytes(pem(key) + b"\n")
    authenticator = Authenticator(public_key_file(file))
    for algorithm in algorithms:
        assert authenticator.authenticate(token(key=key, algorithm=algorithm, kid="any")).user_id == "ann"
    with pytest.raises(TokenRefused, match="algorithm is not allowed"):
        authenticator.authenticate(token())


def test_of_what_a_public_keys_type_can_verify_only_allowed_algorithms_are_accepted(tmp_path: Path) -> None:
    file = tmp_path / "key.pem"
    file.write_bytes(pem(RSA_KEY))
    authenticator = Authenticator(public_key_file(file, ["PS256", "ES256"]))
    assert authenticator.authenticate(token(key=RSA_KEY, algorithm="PS256")).user_id == "ann"
    with pytest.raises(TokenRefused, match="algorithm is not allowed"):
        authenticator.authenticate(token(key=RSA_KEY, algorithm="RS256"))
    file.write_bytes(pem(EC_KEY))
    with pytest.raises(ValueError, match="holds no usable public key: it is for ES384, which is not allowed"):
        public_key_file(file, ["PS256", "ES256"])


@pytest.mark.parametrize("key", [RSA_KEY, EC_KEY])
def test_a_private_key_is_refused_where_a_public_one_belongs(tmp_path: Path, key: Any) -> None:
    file = tmp_path / "key.pem"
    file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    with pytest.raises(ValueError, match="it is a private key"):
        public_key_file(file)


async def test_keys_that_stay_the_same_are_neither_asked_for_nor_watched() -> None:
    keys = shared_secret(SECRET)
    known = keys.known
    await keys.refresh(KeySet(()))
    await keys.watch(lambda known: pytest.fail(f"{known}"))
    assert keys.known is known
    assert not keys.may_change
