"""One real daemon to be scraped, and where the tools of Debian's packages are."""

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.daemon import start_daemon, user

__all__ = ["start_daemon", "user"]

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
SECRET = "a secret of the tests, and long enough"


@pytest.fixture(scope="session")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a running daemon."""
    data_dir = tmp_path_factory.mktemp("node")
    with (data_dir / "log").open("wb") as log:
        daemon = subprocess.Popen(
            [sys.executable, "-m", "syncd", "--port", "0", "--data-dir", str(data_dir)],
            cwd=ROOT,
            env={"SYNCD_JWT_SECRET": SECRET},
            stdout=subprocess.PIPE,
            stderr=log,
        )
    with daemon:
        assert daemon.stdout is not None
        welcome = daemon.stdout.readline().decode()
        assert " listens on " in welcome, (data_dir / "log").read_text()
        yield welcome.split()[-1]
        daemon.terminate()


@pytest.fixture(scope="session")
def tool() -> Callable[[str], str]:
    """``tool(name)``: the program's path."""

    def find(name: str) -> str:
        path = shutil.which(name)
        if path is None:
            pytest.skip(f"{name} is not installed; on Debian: apt-get install --no-install-recommends prometheus")
        return path

    return find
