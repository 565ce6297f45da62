from pathlib import Path

import pytest

from syncd.errors import SettingsError
from syncd.keys.development import TOKEN_TTL_S, USER, development_token
from syncd.keys.signing import authenticator
from syncd.settings import Settings


def test_the_kept_secret_lets_a_demo_device_in_for_a_day(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, jwt_audience="syncd", jwt_issuer="us", jwt_algorithms=("HS512",))
    claims = authenticator(settings).authenticate(development_token(settings, "tv", scope="syncd:admin"))
    assert (claims.user_id, claims.device_id, claims.scope) == (USER, "tv", "syncd:admin")
    assert TOKEN_TTL_S == 24 * 3600


def test_with_a_public_key_nobody_can_make_a_token() -> None:
    with pytest.raises(SettingsError, match="private key"):
        development_token(Settings(jwks_url="https://issuer.example/keys"), "tv")
