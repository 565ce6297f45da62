"""Which keys tokens are verified with, by the settings: one kind, or the error says which exclude each other."""

from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from actors.metrics import IssuerMetrics
from syncd import __version__
from syncd.errors import SettingsError
from syncd.keys.kept_secret import FILE_NAME, kept_secret
from syncd.keys.signing import authenticator, name_of_secret, signing_secret, uses_kept_secret
from syncd.setting_sources import resolve
from syncd.settings import Settings
from tests.fakes.key_issuer import key_issuer, public_jwk
from transport.access.minting import mint
from transport.errors import SigningKeyMissing, TokenRefused

SECRET = "a secret of the tests, and long enough"
PREVIOUS = "the secret before it, long enough as well"


@pytest.mark.parametrize(
    ("chosen", "kept"),
    [
        ({}, True),
        ({"jwt_secret": SECRET}, False),
        ({"jwt_public_key_file": Path("key.pem")}, False),
        ({"jwks_url": "https://issuer.example/keys"}, False),
    ],
)
def test_without_any_key_the_daemon_keeps_a_secret_of_its_own(chosen: dict[str, Any], kept: bool) -> None:
    assert uses_kept_secret(Settings(**chosen)) is kept


def test_the_secret_is_the_one_set_or_else_the_kept_one(tmp_path: Path) -> None:
    assert signing_secret(Settings(jwt_secret=SECRET, data_dir=tmp_path)) == SECRET
    kept = signing_secret(Settings(data_dir=tmp_path), kept_secret)
    assert (tmp_path / FILE_NAME).read_text().strip() == kept != SECRET
    assert signing_secret(Settings(data_dir=tmp_path)) == kept
    assert signing_secret(Settings(jwt_secret=f" {SECRET}\n")) == SECRET


def test_who_only_signs_makes_no_secret(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=f"^no secret is kept in {tmp_path}, .*--data-dir .* or --jwt-secret"):
        signing_secret(Settings(data_dir=tmp_path))
    assert list(tmp_path.iterdir()) == []


def test_a_secret_is_named_by_where_it_is(tmp_path: Path) -> None:
    assert name_of_secret(resolve({"jwt_secret": SECRET}, {})) == "the secret of --jwt-secret"
    assert name_of_secret(resolve({"data_dir": str(tmp_path)}, {})) == f"the secret kept in {tmp_path}/{FILE_NAME}"


def test_a_secret_that_cannot_be_kept_names_its_setting(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SettingsError, match=r"^--data-dir .*/file: Not a directory$"):
        signing_secret(Settings(data_dir=tmp_path / "file"), kept_secret)


def test_who_verifies_with_a_public_key_has_no_secret() -> None:
    with pytest.raises(SettingsError, match="only the holder of the private key"):
        signing_secret(Settings(jwks_url="https://issuer.example/keys"))


def test_a_token_of_the_shared_secret_is_accepted_and_while_secrets_are_rotated_one_of_the_previous_too() -> None:
    settings = Settings(jwt_secret=SECRET, jwt_previous_secret=PREVIOUS)
    for secret in (SECRET, PREVIOUS):
        assert authenticator(settings).authenticate(mint(secret, "ann", "tv", 60)).user_id == "ann"
    with pytest.raises(TokenRefused):
        authenticator(Settings(jwt_secret=SECRET)).authenticate(mint(PREVIOUS, "ann", "tv", 60))


def test_a_line_break_after_a_secret_is_forgiven() -> None:
    for settings in (
        Settings(jwt_secret=f"{SECRET}\n"),
        Settings(jwt_secret=PREVIOUS, jwt_previous_secret=f"{SECRET}\n"),
    ):
        for secret in (SECRET, f"{SECRET}\n"):
            assert authenticator(settings).authenticate(mint(secret, "ann", "tv", 60)).user_id == "ann"


async def test_an_issuer_is_asked_as_syncd_and_by_default_for_keys_of_every_type() -> None:
    key = ec.generate_private_key(ec.SECP521R1())
    async with key_issuer() as issuer:
        issuer.publish(public_jwk(key, kid="one"))
        metrics = IssuerMetrics()
        tokens = authenticator(Settings(jwks_url=issuer.url), metrics=metrics)
        assert metrics.problem == "the issuer's keys have not been fetched yet"
        signed = jwt.encode({"sub": "ann", "device_id": "tv", "exp": 9_999_999_999}, key, "ES512", {"kid": "one"})
        with pytest.raises(SigningKeyMissing) as missing:
            tokens.authenticate(signed)
        assert (await tokens.authenticate_fetching(signed, missing.value)).user_id == "ann"
        assert metrics.keys == 1
    assert f"\r\nUser-Agent: syncd/{__version__}\r\n" in issuer.requests[0]


def test_audience_and_issuer_are_checked_if_they_are_set() -> None:
    settings = Settings(jwt_secret=SECRET, jwt_audience="syncd", jwt_issuer="us")
    good = mint(SECRET, "ann", "tv", 60, audience="syncd", issuer="us")
    assert authenticator(settings).authenticate(good).device_id == "tv"
    for audience, issuer in ((None, "us"), ("another", "us"), ("syncd", "them")):
        with pytest.raises(TokenRefused):
            authenticator(settings).authenticate(mint(SECRET, "ann", "tv", 60, audience=audience, issuer=issuer))


def test_a_token_that_is_revoked_meanwhile_is_refused() -> None:
    revoked: set[str] = set()
    tokens = authenticator(Settings(jwt_secret=SECRET), revoked)
    stolen = mint(SECRET, "ann", "tv", 60, token_id="stolen")
    tokens.authenticate(stolen)
    revoked.add("stolen")
    with pytest.raises(TokenRefused):
        tokens.authenticate(stolen)


def test_a_public_key_is_read_from_its_file(tmp_path: Path) -> None:
    private = ec.generate_private_key(ec.SECP256R1())
    file = tmp_path / "key.pem"
    pem = serialization.Encoding.PEM
    file.write_bytes(private.public_key().public_bytes(pem, serialization.PublicFormat.SubjectPublicKeyInfo))
    settings = Settings(jwt_public_key_file=file, jwt_algorithms=("ES256",))
    pkcs8 = private.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    token = mint(pkcs8.decode(), "ann", "tv", 60, algorithm="ES256")
    assert authenticator(settings).authenticate(token).user_id == "ann"


@pytest.mark.parametrize(
    ("chosen", "said"),
    [
        (
            {"jwt_secret": SECRET, "jwks_url": "https://issuer.example"},
            "--jwt-secret and --jwks-url exclude each other",
        ),
        (
            {"jwt_public_key_file": Path("key.pem"), "jwks_url": "https://issuer.example"},
            "--jwt-public-key-file and --jwks-url exclude each other",
        ),
        ({"jwt_secret": "short"}, "--jwt-secret must hold at least 32 bytes"),
        ({"jwks_url": "issuer.example/keys"}, "--jwks-url: it is no http:// or https:// address"),
        ({"jwks_url": "https://issuer.example", "jwt_algorithms": ("HS256",)}, "--jwt-algorithms must be of RS256"),
        ({"jwt_public_key_file": Path("/nowhere/key.pem")}, "--jwt-public-key-file.*/nowhere/key.pem"),
        (
            {"jwt_secret": SECRET, "jwt_algorithms": ("HS256", "RS256")},
            "--jwt-algorithms must be of HS256, .*, not RS256",
        ),
    ],
)
def test_keys_that_cannot_be_are_refused_by_their_settings(chosen: dict[str, Any], said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        authenticator(Settings(**chosen))
