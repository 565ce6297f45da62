from pathlib import Path

import pytest

from syncd.errors import SettingsError
from syncd.keys.minting import minting
from syncd.keys.signing import authenticator
from syncd.settings import Settings


@pytest.mark.parametrize("algorithms", [(), ("HS512", "HS256")])
def test_a_daemon_of_the_same_settings_takes_its_tokens(tmp_path: Path, algorithms: tuple[str, ...]) -> None:
    settings = Settings(
        data_dir=tmp_path, jwt_secret=64 * "x" + "\n", jwt_audience="syncd", jwt_issuer="us", jwt_algorithms=algorithms
    )
    claims = authenticator(settings).authenticate(minting(settings)("ann", "tv", 60))
    assert (claims.user_id, claims.device_id) == ("ann", "tv")


@pytest.mark.parametrize(
    ("secret", "algorithms", "said"),
    [
        ("short", (), "--jwt-secret must hold at least 32 bytes for HS256"),
        ("short\n" + 32 * " ", (), "--jwt-secret must hold at least 32 bytes for HS256"),
        (32 * "x", ("HS256", "HS512"), "--jwt-secret must hold at least 64 bytes for HS256, HS512"),
        (64 * "x", ("HS256", "RS256"), "--jwt-algorithms must be of HS256, HS384, HS512, not RS256"),
    ],
)
def test_with_a_secret_that_the_daemon_refuses_nobody_can_make_one(
    secret: str, algorithms: tuple[str, ...], said: str
) -> None:
    settings = Settings(jwt_secret=secret, jwt_algorithms=algorithms)
    with pytest.raises(SettingsError) as refused:
        minting(settings)
    assert str(refused.value) == said
    with pytest.raises(SettingsError) as refused_too:
        authenticator(settings)
    assert str(refused_too.value) == said
