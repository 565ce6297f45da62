import base64

import pytest

from actors.messages.names import is_name
from tests.names import NAMES, NO_NAMES
from tests.transport.access.tokens import GOOD, NOW, OTHER_SECRET, SECRET, TTL_S, token, unsigned
from transport.access.authentication import Authenticator, Claims, revocable_id
from transport.access.minting import mint
from transport.access.signing_keys import shared_secret
from transport.errors import TokenRefused


@pytest.fixture
def authenticator() -> Authenticator:
    return Authenticator(shared_secret(SECRET))


def test_token_id_and_scope_are_kept_if_they_are_text(authenticator: Authenticator) -> None:
    assert authenticator.authenticate(token({**GOOD, "jti": "j", "scope": "sync"})) == Claims(
        "ann", "tv", NOW + TTL_S, "j", "sync", "jwt-secret"
    )
    assert authenticator.authenticate(token({**GOOD, "scope": ["sync"]})).scope is None


def test_a_token_is_revocable_by_its_name_or_a_digest_that_is_one() -> None:
    assert tuple(map(revocable_id, NAMES)) == NAMES
    digests = [revocable_id(text) for text in ("", "a" * 129, "a" * 130, "a\n", "\ud800")]
    assert all(map(is_name, digests))
    assert len(set(digests)) == len(digests)
    assert revocable_id(None) is None


@pytest.mark.parametrize(
    ("refused", "reason"),
    [
        (token({**GOOD, "exp": NOW - 1}), "expired"),
        (token({**GOOD, "exp": NOW - 3600}), "expired"),
        (token({**GOOD, "nbf": NOW + 3600}), "not valid yet"),
        (token(key=OTHER_SECRET), "signature is wrong"),
        (token(algorithm="HS384", key=SECRET * 2), "algorithm is not allowed"),
        (token({"sub": "ann", "device_id": "tv"}), "lacks the claim 'exp'"),
        (token({"device_id": "tv", "exp": NOW + TTL_S}), "lacks the claim 'sub'"),
        (token({"sub": "ann", "exp": NOW + TTL_S}), "lacks the claim 'device_id'"),
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


@pytest.mark.parametrize("name", NAMES)
def test_users_and_devices_may_be_called_whatever_people_write(authenticator: Authenticator, name: str) -> None:
    claims = authenticator.authenticate(token({**GOOD, "sub": name, "device_id": name}))
    assert (claims.user_id, claims.device_id) == (name, name)


@pytest.mark.parametrize("claim", ["sub", "device_id"])
@pytest.mark.parametrize("name", NO_NAMES)
def test_a_claim_that_is_no_name_is_refused_by_its_own(authenticator: Authenticator, claim: str, name: str) -> None:
    with pytest.raises(TokenRefused, match=f"^The token's claim '{claim}' must be 1 to 128 characters, none of them"):
        authenticator.authenticate(token({**GOOD, claim: name}))


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
    claims = [rotating.authenticate(token(key=secret)) for secret in (SECRET, OTHER_SECRET)]
    assert [(found.user_id, found.thumbprint) for found in claims] == [
        ("ann", "jwt-previous-secret"),
        ("ann", "jwt-secret"),
    ]


def test_a_remembered_token_ends_in_time_and_costs_no_second_check(monkeypatch: pytest.MonkeyPatch) -> None:
    now_s = [float(NOW)]
    authenticator = Authenticator(shared_secret(SECRET), now_s=lambda: now_s[0])
    seen = token()
    authenticator.authenticate(seen)
    monkeypatch.setattr(authenticator, "_check", None)
    assert authenticator.authenticate(seen).user_id == "ann"
    now_s[0] += TTL_S
    with pytest.raises(TokenRefused, match="expired"):
        authenticator.authenticate(seen)


def test_the_memory_of_tokens_is_bounded() -> None:
    authenticator = Authenticator(shared_secret(SECRET), now_s=lambda: float(NOW), max_remembered=3)
    for number in range(10):
        authenticator.authenticate(token({**GOOD, "jti": str(number)}))
    assert len(authenticator._remembered) == 3
