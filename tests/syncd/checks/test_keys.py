"""Keys that tokens can be verified with, and what is mistaken for one."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm

from syncd.checks.keys import check_keys
from syncd.keys.kept_secret import FILE_NAME, kept_secret
from syncd.settings import Settings
from tests.fakes.issuer import Issuer
from tests.syncd.checks.conftest import Check, key_set
from tests.syncd.checks.report import assert_result

pytestmark = pytest.mark.integration


async def test_an_issuer_without_a_usable_key_fails(check: Check, issuer: Issuer, public_jwk: dict[str, Any]) -> None:
    for algorithms, keys, said in (
        (("ES256",), [public_jwk | {"alg": "RS256"}], "key 1: it is for RS256, which is not allowed"),
        (
            ("RS256",),
            [public_jwk | {"use": "enc"}, {"kty": "oct"}],
            "not for verifying signatures; key 2: it is no RSA",
        ),
        ((), [], "no usable key in the key set: it is empty"),
    ):
        found = await check(jwt_secret=None, jwks_url=await issuer.start(key_set(*keys)), jwt_algorithms=algorithms)
        assert_result(found["keys"], "failed", said, "--jwt-algorithms (SYNCD_JWT_ALGORITHMS)")
    for body in (b"<html>", b"[]", b'{"keys": 1}', b"\xff"):
        found = await check(jwt_secret=None, jwks_url=await issuer.start(body))
        assert_result(found["keys"], "failed", "the answer is not a key set", "jwks_uri")
    for status in ("404 Not Found", "302 Found"):
        found = await check(jwt_secret=None, jwks_url=await issuer.start(b"", status=status))
        assert_result(found["keys"], "failed", f"HTTP {status}", "is the address right")


async def test_keys_that_the_daemon_accepts_are_counted(
    check: Check, issuer: Issuer, public_jwk: dict[str, Any]
) -> None:
    nameless = {name: value for name, value in public_jwk.items() if name != "kid"}
    curve = ECAlgorithm.to_jwk(ec.generate_private_key(ec.SECP384R1()).public_key(), as_dict=True)
    url = await issuer.start(key_set(nameless | {"alg": "PS512"}, curve, {"kty": "oct"}))
    found = await check(jwt_secret=None, jwks_url=url)
    assert_result(found["keys"], "ok", "2 of 3 keys for PS512, ES384")


async def test_a_private_key_in_the_place_of_the_public_one_is_told(
    check: Check, tmp_path: Path, rsa_key: rsa.RSAPrivateKey
) -> None:
    file = tmp_path / "key.pem"
    pem = serialization.Encoding.PEM
    file.write_bytes(rsa_key.public_key().public_bytes(pem, serialization.PublicFormat.SubjectPublicKeyInfo))
    found = await check(jwt_secret=None, jwt_public_key_file=file)
    assert_result(found["keys"], "ok", f"{file}, RS256, RS384, RS512, PS256, PS384, PS512")
    private = (pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    for key, algorithm in ((rsa_key, "RS256"), (ec.generate_private_key(ec.SECP256R1()), "ES256")):
        file.write_bytes(key.private_bytes(*private))
        found = await check(jwt_secret=None, jwt_public_key_file=file, jwt_algorithms=(algorithm,))
        assert_result(found["keys"], "failed", "give the public key", "syncd serve --help")


def test_without_a_key_the_first_start_makes_one_and_the_check_does_not(tmp_path: Path) -> None:
    (result,) = asyncio.run(check_keys(Settings(data_dir=tmp_path))).results
    assert_result(result, "ok", "the first start creates a secret")
    assert list(tmp_path.iterdir()) == []


async def test_a_kept_secret_that_others_may_read_is_a_warning(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    kept_secret(tmp_path)
    (result,) = (await check_keys(settings)).results
    assert_result(result, "ok", f"the secret kept in {tmp_path}/{FILE_NAME}, HS256")
    (tmp_path / FILE_NAME).chmod(0o644)
    (result,) = (await check_keys(settings)).results
    assert_result(result, "warning", "other users have access to the secret", f"chmod 600 {tmp_path}/{FILE_NAME}")


@pytest.mark.parametrize("is_kept", [False, True])
async def test_algorithms_that_a_start_refuses_fail_whether_a_secret_is_kept_or_not(
    check: Check, tmp_path: Path, is_kept: bool
) -> None:
    if is_kept:
        kept_secret(tmp_path)
    found = await check(jwt_secret=None, jwt_algorithms=("RS256",))
    assert_result(found["keys"], "failed", "--jwt-algorithms must be of HS256, HS384, HS512, not RS256")
    assert (tmp_path / FILE_NAME).exists() == is_kept


async def test_a_directory_that_cannot_be_looked_into_names_its_own_setting(check: Check, tmp_path: Path) -> None:
    directory = tmp_path / ("a" * 300)  # modes would not bind root
    found = await check(jwt_secret=None, data_dir=directory)
    for name in ("keys", "database"):
        assert_result(found[name], "failed", "File name too long", "--data-dir (SYNCD_DATA_DIR)")
