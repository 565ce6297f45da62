"""The package migrates a database from wherever it is installed."""

import subprocess
import sys
from pathlib import Path

import pytest

import storage
from storage.schema.version import HEAD, schema_version
from tests.timeouts import TIMEOUT_S


@pytest.mark.integration
@pytest.mark.parametrize("name", ["100%", "%(here)s", "a b", "why?#1"])
def test_the_path_of_the_package_may_have_any_name(tmp_path: Path, sqlite_url: str, name: str) -> None:
    (tmp_path / name).symlink_to(Path(storage.__file__).parent.parent)
    script = f"import storage.schema.version as it; assert {name!r} in it.__file__; it.migrate({sqlite_url!r})"
    where = {"PYTHONPATH": str(tmp_path / name)}
    subprocess.run([sys.executable, "-c", script], check=True, cwd=tmp_path, env=where, timeout=TIMEOUT_S)
    assert schema_version(sqlite_url) == HEAD
