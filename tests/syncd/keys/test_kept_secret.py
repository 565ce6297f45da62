from pathlib import Path

import pytest

from syncd.keys.kept_secret import found_secret, kept_secret


def test_the_kept_secret_is_made_once_and_is_its_owners(tmp_path: Path) -> None:
    secret = kept_secret(tmp_path)
    assert kept_secret(tmp_path) == secret
    assert len(secret) >= 32
    assert (tmp_path / "jwt-secret").stat().st_mode & 0o777 == 0o600


def test_reading_the_kept_secret_makes_no_directory(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        kept_secret(tmp_path / "new")
    assert list(tmp_path.iterdir()) == []


def test_what_is_not_a_secret_is_told_and_a_mark_of_its_editor_is_none_of_it(tmp_path: Path) -> None:
    file = tmp_path / "jwt-secret"
    file.write_bytes(b"\xef\xbb\xbfsecret\r\n")
    assert found_secret(tmp_path) == kept_secret(tmp_path) == "secret"
    for broken in (b"", b"\n", b"\xff"):
        file.write_bytes(broken)
        with pytest.raises(ValueError, match=r"is empty|can't decode"):
            kept_secret(tmp_path)


def test_two_directories_have_two_secrets(tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / name).mkdir()
    assert kept_secret(tmp_path / "a") != kept_secret(tmp_path / "b")
