import jwt
import pytest

from tests.transport.access.tokens import NOW, SECRET, TTL_S
from transport.access.authentication import Authenticator, Claims
from transport.access.minting import mint
from transport.access.signing_keys import shared_secret


def test_a_minted_token_is_accepted_and_says_who_and_until_when() -> None:
    minted = mint(SECRET, "ann", "tv", TTL_S, now_s=lambda: NOW)
    claims = Authenticator(shared_secret(SECRET)).authenticate(minted)
    assert claims == Claims("ann", "tv", NOW + TTL_S, thumbprint="jwt-secret")


def test_what_is_not_asked_for_is_not_claimed() -> None:
    claims = jwt.decode(mint(SECRET, "ann", "tv", TTL_S, now_s=lambda: NOW), SECRET, ["HS256"])
    assert claims == {"sub": "ann", "device_id": "tv", "iat": NOW, "exp": NOW + TTL_S}


def test_everything_asked_for_is_claimed() -> None:
    minted = mint(
        SECRET * 2, "ann", "tv", 600,
        audience="syncd", issuer="https://id", algorithm="HS512", token_id="j", scope="syncd:admin",
    )  # fmt: skip
    claims = jwt.decode(minted, SECRET * 2, ["HS512"], audience="syncd")
    assert (claims["iss"], claims["jti"], claims["scope"]) == ("https://id", "j", "syncd:admin")
    with pytest.raises(jwt.InvalidAudienceError):
        jwt.decode(minted, SECRET * 2, ["HS512"], audience="another")
