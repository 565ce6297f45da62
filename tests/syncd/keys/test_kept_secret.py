from pathlib import Path

import pytest

from syncd.keys.kept_secret import kept_secret


def test_the_kept_secret_is_made_once_and_is_its_owners(tmp_path: Path) -> None:
    secret = kept_secret(tmp_path)
    assert kept_secret(tmp_path) == secret
    assert len(secret) >= 32
    assert (tmp_path / "jwt-secret").stat().st_mode & 0o777 == 0o600


def test_reading_the_kept_secret_makes_no_directory(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        kept_secret(tmp_path / "new")
    assert list(tmp_path.iterdir()) == []


def test_two_directories_have_two_secrets(tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / name).mkdir()
    assert kept_secret(tmp_path / "a") != kept_secret(tmp_path / "b")
