"""Where keys come from: a secret, a file, an issuer that rotates its keys, is slow, or broken."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from tests.transport.access.tokens import GOOD, SECRET, token, unsigned
from transport.access import signing_keys
from transport.access.authentication import Authenticator
from transport.access.signing_keys import JwksKeys, public_key_file, shared_secret
from transport.errors import SigningKeyMissing, TokenRefused

RSA_KEY = rsa.generate_private_key(65537, 2048)
RSA_KEY_2 = rsa.generate_private_key(65537, 2048)


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
