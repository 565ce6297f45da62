"""The data directory is made at the start, by its own function, and only if something is kept in it."""

from pathlib import Path

import pytest

from syncd.data_dir import make_data_dir
from syncd.errors import SettingsError
from syncd.settings import Settings

SECRET = "a shared secret of 32 bytes or more"
POSTGRESQL = "postgresql://db/syncd"


@pytest.mark.parametrize("jwt_secret", [None, SECRET])
@pytest.mark.parametrize("database_url", [None, POSTGRESQL])
def test_the_directory_is_made_unless_nothing_is_kept_in_it(
    tmp_path: Path, database_url: str | None, jwt_secret: str | None
) -> None:
    settings = Settings(data_dir=tmp_path / "made" / "later", database_url=database_url, jwt_secret=jwt_secret)
    for _ in range(2):
        make_data_dir(settings)
    assert settings.data_dir.is_dir() == (database_url is None or jwt_secret is None)


def test_a_directory_that_cannot_be_made_names_its_setting(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SettingsError, match=r"^--data-dir .*/file/below: Not a directory$"):
        make_data_dir(Settings(data_dir=tmp_path / "file" / "below"))
