import asyncio
import base64
import json
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from transport.access import authentication, signing_keys
from transport.access.authentication import Authenticator, Claims
from transport.access.minting import mint
from transport.access.signing_keys import JwksKeys, public_key_file, shared_secret
from transport.errors import SigningKeyMissing, TokenRefused

SECRET = "a secret of more than thirty-two bytes"
OTHER_SECRET = "another secret, also of more than thirty-two bytes"
NOW = int(time.time())
GOOD: dict[str, Any] = {"sub": "ann", "device_id": "tv", "exp": NOW + 600}


def token(claims: dict[str, Any] | None = None, key: Any = SECRET, algorithm: str = "HS256", **header: str) -> str:
    return jwt.encode(GOOD if claims is None else claims, key, algorithm=algorithm, headers=header)


@pytest.fixture
def authenticator() -> Authenticator:
    return Authenticator(shared_secret(SECRET))


def test_a_minted_token_says_who_and_until_when(authenticator: Authenticator) -> None:
    minted = mint(SECRET, "ann", "tv", 600, now_s=lambda: NOW)
    assert authenticator.authenticate(minted) == Claims("ann", "tv", NOW + 600)


def test_token_id_and_scope_are_kept_if_they_are_text(authenticator: Authenticator) -> None:
    assert authenticator.authenticate(token({**GOOD, "jti": "j", "scope": "sync"})) == Claims(
        "ann", "tv", NOW + 600, "j", "sync"
    )
    assert authenticator.authenticate(token({**GOOD, "scope": ["sync"]})).scope is None


@pytest.mark.parametrize(
    ("refused", "reason"),
    [
        (token({**GOOD, "exp": NOW - 1}), "expired"),
        (token({**GOOD, "exp": NOW - 3600}), "expired"),
        (token({**GOOD, "nbf": NOW + 3600}), "not valid yet"),
        (token(key=OTHER_SECRET), "signature is wrong"),
        (token(algorithm="HS384", key=SECRET * 2), "algorithm is not allowed"),
        (token({"sub": "ann", "device_id": "tv"}), "lacks the claim 'exp'"),
        (token({"device_id": "tv", "exp": NOW + 600}), "lacks the claim 'sub'"),
        (token({"sub": "ann", "exp": NOW + 600}), "lacks the claim 'device_id'"),
        (token({**GOOD, "device_id": ""}), "'device_id' must be"),
        (token({**GOOD, "device_id": 7}), "'device_id' must be"),
        (token({**GOOD, "sub": "x" * 129}), "'sub' must be"),
        (token({**GOOD, "sub": "a\nb"}), "'sub' must be"),
        (token({**GOOD, "exp": "soon"}), "malformed"),
        (token({**GOOD, "exp": float("inf")}), "malformed"),
        ("", "malformed"),
        ("a.b.c", "malformed"),
        ("é.ü.ö", "malformed"),
        ("\ud800", "malformed"),
        (base64.urlsafe_b64encode(b"[" * 5000).decode().rstrip("=") + ".e30.AAAA", "malformed"),
        ("x" * 9000, "longer than"),
    ],
)
def test_an_invalid_token_is_refused_with_its_reason(authenticator: Authenticator, refused: str, reason: str) -> None:
    with pytest.raises(TokenRefused, match=reason):
        authenticator.authenticate(refused)


def unsigned(claims: dict[str, Any]) -> str:
    parts = [json.dumps(part).encode() for part in ({"alg": "none", "typ": "JWT"}, claims)]
    return ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts) + "."


def test_an_unsigned_token_is_refused(authenticator: Authenticator) -> None:
    with pytest.raises(TokenRefused, match="algorithm is not allowed"):
        authenticator.authenticate(unsigned(GOOD))


def test_the_issuers_clock_may_be_a_little_ahead_but_the_end_is_never_stretched(
    authenticator: Authenticator,
) -> None:
    assert authenticator.authenticate(token({**GOOD, "iat": NOW + 5, "nbf": NOW + 5})).user_id
    with pytest.raises(TokenRefused, match="expired"):
        authenticator.authenticate(token({**GOOD, "exp": NOW - 2}))


def test_audience_and_issuer_are_checked_when_set() -> None:
    strict = Authenticator(shared_secret(SECRET), audience="syncd", issuer="https://id")
    right = mint(SECRET, "ann", "tv", 600, audience="syncd", issuer="https://id")
    assert strict.authenticate(right).user_id == "ann"
    for claims, reason in (
        ({}, "lacks the claim"),
        ({"aud": "other", "iss": "https://id"}, "another audience"),
        ({"aud": "syncd", "iss": "https://other"}, "another issuer"),
    ):
        with pytest.raises(TokenRefused, match=reason):
            strict.authenticate(token({**GOOD, **claims}))


def test_an_audience_is_ignored_when_none_is_set(authenticator: Authenticator) -> None:
    assert authenticator.authenticate(token({**GOOD, "aud": "whoever"})).user_id


def test_tokens_of_the_previous_secret_stay_valid_while_secrets_rotate() -> None:
    rotating = Authenticator(shared_secret(OTHER_SECRET, previous=SECRET))
    assert rotating.authenticate(token()) == rotating.authenticate(token(key=OTHER_SECRET))


def test_a_remembered_token_ends_in_time_and_costs_no_second_check(monkeypatch: pytest.MonkeyPatch) -> None:
    now_s = [float(NOW)]
    authenticator = Authenticator(shared_secret(SECRET), now_s=lambda: now_s[0])
    seen = token()
    authenticator.authenticate(seen)
    monkeypatch.setattr(authenticator, "_check", None)
    assert authenticator.authenticate(seen).user_id == "ann"
    now_s[0] += 600
    with pytest.raises(TokenRefused, match="expired"):
        authenticator.authenticate(seen)


def test_the_memory_of_tokens_is_bounded(authenticator: Authenticator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(authentication, "MAX_REMEMBERED", 3)
    for number in range(10):
        authenticator.authenticate(token({**GOOD, "jti": str(number)}))
    assert len(authenticator._remembered) == 3


@pytest.mark.parametrize(
    ("make", "named"),
    [
        (lambda: shared_secret("short"), "jwt-secret"),
        (lambda: shared_secret(SECRET, previous="short"), "jwt-previous-secret"),
        (lambda: shared_secret(SECRET, algorithms=["HS512"]), "64 bytes"),
        (lambda: shared_secret(SECRET, algorithms=["RS256"]), "jwt-algorithms"),
        (lambda: shared_secret(SECRET, algorithms=["HS256", "RS256"]), "jwt-algorithms"),
        (lambda: shared_secret(SECRET, algorithms=["none"]), "jwt-algorithms"),
        (lambda: shared_secret(SECRET, algorithms=[]), "jwt-algorithms"),
        (lambda: public_key_file(Path("/nowhere"), ["RS256"]), "jwt-public-key-file"),
        (lambda: public_key_file(Path(__file__), ["RS256"]), "jwt-public-key-file"),
        (lambda: public_key_file(Path("/nowhere"), ["HS256"]), "jwt-algorithms"),
        (lambda: JwksKeys("file:///etc/passwd", ["RS256"]), "jwks-url"),
    ],
)
def test_a_wrong_setting_is_refused_by_its_name(make: Any, named: str) -> None:
    with pytest.raises(ValueError, match=named):
        make()


def pem(key: Any) -> bytes:
    encoding, form = serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    written: bytes = key.public_key().public_bytes(encoding, form)
    return written


RSA_KEY = rsa.generate_private_key(65537, 2048)
RSA_KEY_2 = rsa.generate_private_key(65537, 2048)


@pytest.mark.parametrize(
    ("algorithm", "key"),
    [
        ("RS256", RSA_KEY),
        ("ES256", ec.generate_private_key(ec.SECP256R1())),
        ("EdDSA", ed25519.Ed25519PrivateKey.generate()),
    ],
)
def test_a_public_key_file_checks_tokens_of_its_algorithm_only(tmp_path: Path, algorithm: str, key: Any) -> None:
    file = tmp_path / "key.pem"
    file.write_bytes(pem(key))
    authenticator = Authenticator(public_key_file(file, [algorithm]))
    assert authenticator.authenticate(token(key=key, algorithm=algorithm)).user_id == "ann"
    signed_with_public_key = unsigned(GOOD).replace(*_as_hs256())
    with pytest.raises(TokenRefused, match="algorithm is not allowed"):
        authenticator.authenticate(signed_with_public_key + "AAAA")
    with pytest.raises(TokenRefused, match="algorithm is not allowed"):
        authenticator.authenticate(unsigned(GOOD))


def test_a_private_key_is_refused_where_a_public_one_belongs(tmp_path: Path) -> None:
    file = tmp_path / "key.pem"
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    with pytest.raises(ValueError, match="holds a private key"):
        public_key_file(file, ["RS256"])


def _as_hs256() -> tuple[str, str]:
    headers = [json.dumps({"alg": name, "typ": "JWT"}).encode() for name in ("none", "HS256")]
    old, new = (base64.urlsafe_b64encode(header).decode().rstrip("=") for header in headers)
    return old, new


class Issuer:
    """A real HTTP server that publishes keys."""

    def __init__(self) -> None:
        self.keys: dict[str, Any] = {"one": RSA_KEY}
        self.fetches = 0
        self.is_broken = False
        self.url = ""

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        self.fetches += 1
        keys = [
            {**json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key())), "kid": kid, "alg": "RS256"}
            for kid, key in self.keys.items()
        ]
        body = b"oops" if self.is_broken else json.dumps({"keys": keys}).encode()
        writer.write(b"HTTP/1.0 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
        await writer.drain()
        writer.close()


@pytest.fixture
async def issuer() -> AsyncIterator[Issuer]:
    issuer = Issuer()
    server = await asyncio.start_server(issuer.answer, "127.0.0.1", 0)
    issuer.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/keys"
    async with server:
        yield issuer


async def test_the_issuers_keys_are_fetched_when_they_are_needed_first_and_once(issuer: Issuer) -> None:
    authenticator = Authenticator(JwksKeys(issuer.url, ["RS256"]))
    signed = token(key=RSA_KEY, algorithm="RS256", kid="one")
    with pytest.raises(SigningKeyMissing):
        authenticator.authenticate(signed)
    both = await asyncio.gather(*(authenticator.authenticate_fetching(signed) for _ in range(2)))
    assert [claims.user_id for claims in both] == ["ann", "ann"]
    assert authenticator.authenticate(signed).user_id == "ann"
    assert issuer.fetches == 1


async def test_a_rotated_key_is_fetched_and_the_old_ones_tokens_end(
    issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(signing_keys, "JWKS_COOLDOWN_S", 0.0)
    authenticator = Authenticator(JwksKeys(issuer.url, ["RS256"]))
    old = token(key=RSA_KEY, algorithm="RS256", kid="one")
    await authenticator.authenticate_fetching(old)
    issuer.keys = {"two": RSA_KEY_2}
    new = token(key=RSA_KEY_2, algorithm="RS256", kid="two")
    assert (await authenticator.authenticate_fetching(new)).user_id == "ann"
    with pytest.raises(TokenRefused, match="unknown key"):
        authenticator.authenticate(old)


async def test_known_keys_go_on_while_the_issuer_is_broken_and_are_not_asked_for_too_often(
    issuer: Issuer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    authenticator = Authenticator(JwksKeys(issuer.url, ["RS256"]))
    signed = token(key=RSA_KEY, algorithm="RS256", kid="one")
    await authenticator.authenticate_fetching(signed)
    issuer.is_broken = True
    unknown = token(key=RSA_KEY, algorithm="RS256", kid="three")
    for _ in range(5):
        with pytest.raises(TokenRefused, match="unknown key"):
            await authenticator.authenticate_fetching(unknown)
    assert issuer.fetches == 1
    monkeypatch.setattr(signing_keys, "JWKS_COOLDOWN_S", 0.0)
    with pytest.raises(TokenRefused, match="unknown key"):
        await authenticator.authenticate_fetching(unknown)
    assert issuer.fetches == 2
    assert "known ones stay in use" in caplog.text
    assert authenticator.authenticate(token({**GOOD, "jti": "2"}, RSA_KEY, "RS256", kid="one")).user_id


async def test_stale_keys_are_fetched_again_beside_the_requests(
    issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = JwksKeys(issuer.url, ["RS256"])
    await keys.refresh()
    monkeypatch.setattr(signing_keys, "JWKS_LIFESPAN_S", 0.0)
    monkeypatch.setattr(signing_keys, "JWKS_COOLDOWN_S", 0.0)
    assert keys.candidates("one")
    await keys.refresh()  # joins the fetch under way
    assert issuer.fetches == 2


async def test_a_token_without_key_id_is_checked_with_the_only_key(issuer: Issuer) -> None:
    authenticator = Authenticator(JwksKeys(issuer.url, ["RS256"]))
    nameless = token(key=RSA_KEY, algorithm="RS256")
    assert (await authenticator.authenticate_fetching(nameless)).user_id == "ann"
