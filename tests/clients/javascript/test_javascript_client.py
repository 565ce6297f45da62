"""The JavaScript client's own tests, run by Node: clients/javascript/package.json says how."""

import json
import sys
import tomllib
from pathlib import Path

import pytest

from tests import node
from tests.engines import ENGINES, why_missing
from tests.timeouts import TIMEOUT_S

ROOT = Path(__file__).parents[3]
PACKAGE = ROOT / "clients" / "javascript"
pytestmark = pytest.mark.integration


def run(*command: str, **variables: str) -> None:
    """Run ``command`` in the package."""
    node.run(PACKAGE, *command, SYNCD_PYTHON=sys.executable, **variables)


@pytest.fixture(scope="module")
def toolchain() -> None:
    """Node 20 or newer, and what the lock file names."""
    node.install(PACKAGE)


def test_the_lock_file_records_no_address() -> None:
    node.assert_no_address(PACKAGE)


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
def test_the_type_checker_finds_no_error() -> None:
    run("npm", "run", "check")


@pytest.mark.timeout(10 * TIMEOUT_S)
@pytest.mark.usefixtures("toolchain")
def test_it_passes_the_conformance_scenarios_and_its_tests_in_node() -> None:
    run("npm", "run", "test:node")


@pytest.mark.timeout(10 * TIMEOUT_S)
@pytest.mark.usefixtures("toolchain")
@pytest.mark.parametrize("engine", ENGINES)
def test_it_passes_its_tests_in_every_engine_of_browsers(engine: str) -> None:
    if missing := why_missing(engine):
        pytest.skip(missing)
    run("npm", "run", "test:browser", ENGINE=engine)
