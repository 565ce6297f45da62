"""The rules of tests/conftest.py, tried on tests of their own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parents[1]
SKIPPED = {
    "in the test": "def test_it(): pytest.skip('no browser')",
    "by a mark": "@pytest.mark.skip(reason='no browser')\ndef test_it(): pass",
    "in a fixture": "@pytest.fixture\ndef tool(): pytest.skip('no browser')\ndef test_it(tool): pass",
    "as a module": "pytest.skip('no browser', allow_module_level=True)",
}


def run(directory: Path, test: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run ``test`` beside one that passes, with our rules."""
    (directory / "test_beside.py").write_text("def test_beside(): pass\n")
    (directory / "test_it.py").write_text(f"import pytest\n\n{test}\n")
    inherited = {name: value for name, value in os.environ.items() if name != "CI"}
    quick = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "tests.conftest", "-c", os.devnull, "--rootdir", directory, directory],
        cwd=ROOT,
        env=inherited | quick | environment,
        capture_output=True,
        text=True,
    )


@pytest.mark.parametrize("test", SKIPPED.values(), ids=SKIPPED)
def test_a_skip_is_a_failure_in_ci_that_says_why_and_nowhere_else(tmp_path: Path, test: str) -> None:
    assert run(tmp_path, test).returncode == 0
    in_ci = run(tmp_path, test, CI="true")
    assert in_ci.returncode != 0
    assert "may not be skipped in CI" in in_ci.stdout
    assert "no browser" in in_ci.stdout


def test_a_failure_that_is_expected_is_no_skip(tmp_path: Path) -> None:
    assert run(tmp_path, "@pytest.mark.xfail\ndef test_it(): assert False", CI="true").returncode == 0


STARTS = {
    "in the test": "def test_it(): subprocess.run(['true'])",
    "in a fixture": "@pytest.fixture\ndef tool(): subprocess.run(['true'])\ndef test_it(tool): pass",
    "on a loop": "def test_it(): asyncio.run(asyncio.create_subprocess_exec('true'))",
    "by a shell": "def test_it(): os.system('true')",
    "by a fork": "def test_it(): os.fork() or os._exit(0)",
}


@pytest.mark.parametrize("test", STARTS.values(), ids=STARTS)
def test_only_a_test_that_says_so_starts_a_process(tmp_path: Path, test: str) -> None:
    imports = "import asyncio, os, subprocess"
    unmarked = run(tmp_path, f"{imports}\n{test}")
    assert unmarked.returncode != 0
    assert "needs the mark `integration`" in unmarked.stdout
    assert run(tmp_path, f"{imports}\npytestmark = pytest.mark.integration\n{test}").returncode == 0
