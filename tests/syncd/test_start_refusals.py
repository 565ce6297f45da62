"""What keeps a daemon or a migration from starting is told in one line."""

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.daemon import ROOT
from tests.timeouts import TIMEOUT_S

pytestmark = pytest.mark.integration


# Root, whom file modes do not bind, becomes nobody, but not before everything is imported: nobody may not read it.
BOUND_BY_FILE_MODES = """
import os, sys, syncd.commands.migrate, syncd.commands.serve
from syncd.cli import main
os.seteuid(os.geteuid() or 65534)
sys.exit(main(sys.argv[1:]))
"""


def refusal(*arguments: str, start: tuple[str, str] = ("-m", "syncd")) -> tuple[int, str]:
    """Run a command that must fail, and return its status and the one line that it says."""
    done = subprocess.run(
        [sys.executable, *start, *arguments],
        cwd=ROOT,
        env={"SYNCD_JWT_SECRET": "a secret of the tests, and long enough", "SYNCD_PORT": "0"},
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
    )
    *nothing, line = done.stderr.splitlines()
    assert not nothing, done.stderr
    return done.returncode, line.removeprefix(f"syncd {arguments[0]}: ")


@pytest.fixture
def read_only() -> Iterator[Path]:
    """A directory that ``refusal`` cannot write to."""
    with tempfile.TemporaryDirectory() as name:  # not below tmp_path, which only its owner can enter
        directory = Path(name)
        directory.chmod(0o555)
        yield directory
        directory.chmod(0o755)


@pytest.mark.parametrize("command", ["serve", "migrate"])
def test_a_data_directory_that_is_a_file_cannot_be_made_or_cannot_be_written_to_is_told(
    command: str, read_only: Path
) -> None:
    for data_dir, reason in (
        (Path("/dev/null"), "File exists"),
        (Path("/proc/syncd/data"), "No such file or directory"),
        (read_only, "Permission denied"),
    ):
        said = refusal(command, "--data-dir", str(data_dir), start=("-c", BOUND_BY_FILE_MODES))
        assert said == (2, f"--data-dir {data_dir}: {reason}")


def test_a_data_directory_below_one_that_cannot_be_searched_is_told_where_a_secret_is_kept_in_it(
    read_only: Path,
) -> None:
    read_only.chmod(0o600)
    data_dir = read_only / "data"
    # Without a configured key: its own secret is looked for there before anything is made.
    arguments = ("serve", "--data-dir", str(data_dir))
    status, line = refusal(
        *arguments, start=("-c", "import os; del os.environ['SYNCD_JWT_SECRET']" + BOUND_BY_FILE_MODES)
    )
    assert (status, line.partition(": set ")[0]) == (2, f"{data_dir}: Permission denied")


@pytest.mark.parametrize(
    ("url", "status", "reason"),
    [
        ("postgresql://u:hunter2@h/d?prepare_threshold=0", 2, "PostgreSQL has no option 'prepare_threshold'"),
        ("postgresql://u:hunter2@/d?host=/nowhere&target_session_attrs=fast", 1, "target_session_attrs"),
        ("nonsense", 2, "this is not the URL of a database"),
    ],
)
@pytest.mark.parametrize("command", ["serve", "migrate"])
def test_an_option_of_the_databases_url_that_cannot_be_had_is_named(
    command: str, tmp_path: Path, url: str, status: int, reason: str
) -> None:
    said = refusal(command, "--data-dir", str(tmp_path), "--database-url", url)
    assert said[0] == status
    assert reason in said[1]
    assert "hunter2" not in said[1]


@pytest.mark.parametrize("name", ["a b", "100%", "%41", "why?", "#1"])
def test_a_data_directory_may_have_any_name(tmp_path: Path, name: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "syncd", "migrate", "--data-dir", str(tmp_path / name)],
        cwd=ROOT,
        env={},
        capture_output=True,
        check=True,
        timeout=TIMEOUT_S,
    )
    assert done.stdout.startswith(b"schema: none -> ")
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert "journal.db" in [path.name for path in (tmp_path / name).iterdir()]
