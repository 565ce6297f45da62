"""The JavaScript client's own tests, run by Node: clients/javascript/package.json says how."""

import fcntl
import json
import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.engines import ENGINES, why_missing

ROOT = Path(__file__).parents[3]
PACKAGE = ROOT / "clients" / "javascript"
pytestmark = pytest.mark.integration


def need(is_there: bool, what: str) -> None:
    """Skip without ``what``."""
    if not is_there:
        pytest.skip(f"{what} is not installed: the JavaScript client is not tested")


def run(*command: str, **variables: str) -> None:
    """Run ``command`` in the package; what it prints is shown if it fails."""
    environment = os.environ | {"SYNCD_PYTHON": sys.executable} | variables
    done = subprocess.run(command, cwd=PACKAGE, env=environment, text=True, capture_output=True)
    if done.returncode != 0:
        pytest.fail(f"{' '.join(command)} exited {done.returncode}\n{done.stdout}\n{done.stderr}", pytrace=False)


@pytest.fixture(scope="module")
def toolchain() -> None:
    """Node 20 or newer, and what the lock file names."""
    need(shutil.which("npm") is not None and node_version() >= 20, "Node 20 or newer with npm")
    lock_file = PACKAGE / "package-lock.json"
    installed = PACKAGE / "node_modules" / ".package-lock.json"
    with lock_file.open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # tests may run in several processes
        if not installed.exists() or installed.stat().st_mtime < lock_file.stat().st_mtime:
            run("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")


def node_version() -> int:
    if shutil.which("node") is None:
        return 0
    return int(subprocess.check_output(["node", "--version"], text=True).removeprefix("v").partition(".")[0])


def test_the_lock_file_records_no_address() -> None:
    packages = json.loads((PACKAGE / "package-lock.json").read_text())["packages"]
    assert all("resolved" not in package for package in packages.values())
    assert all("integrity" in package for name, package in packages.items() if name)


def test_the_package_has_no_runtime_dependency() -> None:
    assert "dependencies" not in json.loads((PACKAGE / "package.json").read_text())


@pytest.mark.usefixtures("toolchain")
def test_the_built_modules_are_those_of_the_sources(tmp_path: Path) -> None:
    run("node", "build.mjs", str(tmp_path))
    built, committed = (
        {path.name: path.read_text() for path in each.glob("*.js")} for each in (tmp_path, PACKAGE / "dist")
    )
    assert built == committed, "npm run build, and commit"


def test_the_wheel_holds_every_built_module() -> None:
    wheel = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    modules = (path.relative_to(ROOT) for path in (PACKAGE / "dist").glob("*.js"))
    assert wheel["force-include"] == {str(module): f"pages/static/client/{module.name}" for module in modules}


@pytest.mark.usefixtures("toolchain")
def test_the_types_hold() -> None:
    run("npm", "run", "check")


@pytest.mark.usefixtures("toolchain")
def test_it_passes_the_conformance_scenarios_and_its_tests_in_node() -> None:
    run("npm", "run", "test:node")


@pytest.mark.usefixtures("toolchain")
@pytest.mark.parametrize("engine", ENGINES)
def test_it_passes_its_tests_in_every_engine_of_browsers(engine: str) -> None:
    if missing := why_missing(engine):
        pytest.skip(missing)
    run("npm", "run", "test:browser", ENGINE=engine)
