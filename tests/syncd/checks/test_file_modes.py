from pathlib import Path

import pytest

from syncd.checks.file_modes import everyone_may_read, others_may_access


@pytest.mark.parametrize(
    ("mode", "others", "everyone"),
    [
        (0o600, False, False),
        (0o400, False, False),
        (0o640, True, False),
        (0o620, True, False),
        (0o601, True, False),
        (0o604, True, True),
        (0o644, True, True),
    ],
)
def test_a_files_mode_says_whether_others_may_read_or_change_it(
    tmp_path: Path, mode: int, others: bool, everyone: bool
) -> None:
    file = tmp_path / "secret"
    file.touch()
    file.chmod(mode)
    assert (others_may_access(file), everyone_may_read(file)) == (others, everyone)
