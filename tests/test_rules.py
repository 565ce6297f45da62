"""The rules of tests/conftest.py, tried on tests of their own."""

import os
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parents[1]
SKIPPED = {
    "in the test": "def test_it(): pytest.skip('no browser')",
    "by a mark": "@pytest.mark.skip(reason='no browser')\ndef test_it(): pass",
    "in a fixture": "@pytest.fixture\ndef tool(): pytest.skip('no browser')\ndef test_it(tool): pass",
    "as a module": "pytest.skip('no browser', allow_module_level=True)",
}
STARTS = {
    "in the test": "def test_it(): subprocess.run(['true'])",
    "in a fixture": "@pytest.fixture\ndef tool(): subprocess.run(['true'])\ndef test_it(tool): pass",
    "on a loop": "def test_it(): asyncio.run(asyncio.create_subprocess_exec('true'))",
    "by a shell": "def test_it(): os.system('true')",
    "by a fork": "def test_it(): os.fork() or os._exit(0)",
}


def failures(directory: Path, tests: dict[str, str], *, mark: str = "", **environment: str) -> dict[str, str]:
    """Run each test in a file of its own, beside one that passes, with our rules; what is said of those that fail."""
    files = {f"test_{name.replace(' ', '_')}.py": name for name in tests}
    for file, name in files.items():
        (directory / file).write_text(f"import asyncio, os, subprocess\nimport pytest\n{mark}\n{tests[name]}\n")
    (directory / "test_beside.py").write_text("def test_beside(): pass\n")
    report = directory / "report.xml"
    inherited = {name: value for name, value in os.environ.items() if name != "CI"}
    quick = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    rules = ("-p", "tests.conftest", "-c", os.devnull, "--rootdir", directory, "--continue-on-collection-errors")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *rules, "--junit-xml", report, directory],
        cwd=ROOT,
        env=inherited | quick | environment,
        capture_output=True,
        text=True,
    )
    cases = list(ET.parse(report).iter("testcase"))
    assert len(cases) == len(tests) + 1, done.stdout
    failed = {
        files[f"{case.get('classname') or case.get('name')}.py"]: "".join(case.itertext())
        for case in cases
        if case.find("failure") is not None or case.find("error") is not None
    }
    assert done.returncode == bool(failed), done.stdout
    return failed


def test_a_skip_is_a_failure_in_ci_that_says_why_and_nowhere_else(tmp_path: Path) -> None:
    assert failures(tmp_path, SKIPPED) == {}
    in_ci = failures(tmp_path, SKIPPED, CI="true")
    assert in_ci.keys() == SKIPPED.keys()
    for said in in_ci.values():
        assert "may not be skipped in CI" in said
        assert "no browser" in said


def test_a_failure_that_is_expected_is_no_skip(tmp_path: Path) -> None:
    expected = {"expected": "@pytest.mark.xfail\ndef test_it(): assert False"}
    assert failures(tmp_path, expected, CI="true") == {}


def test_only_a_test_that_says_so_starts_a_process(tmp_path: Path) -> None:
    unmarked = failures(tmp_path, STARTS)
    assert unmarked.keys() == STARTS.keys()
    assert all("needs the mark `integration`" in said for said in unmarked.values())
    assert failures(tmp_path, STARTS, mark="pytestmark = pytest.mark.integration") == {}
