"""The wheel, as an operator gets it: built, installed beside the locked dependencies, and run from elsewhere."""

import json
import os
import re
import subprocess
import sys
import tomllib
import urllib.request
import zipfile
from functools import partial
from pathlib import Path

import pytest

from tests.deploy.conftest import ROOT, SECRET
from tests.timeouts import TIMEOUT_S

pytestmark = [pytest.mark.integration, pytest.mark.unmeasured]


def pip(*arguments: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("wheel")
    pip("wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(directory), ".")
    (path,) = directory.glob("syncd-*.whl")
    return path


def test_the_wheel_holds_every_file_of_every_package_and_nothing_for_development(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        held = set(archive.namelist())
    build = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    for package in map(ROOT.joinpath, build["packages"]):
        files = {path for path in package.rglob("*") if path.is_file() and "__pycache__" not in path.parts}
        assert {str(path.relative_to(package.parent)) for path in files} <= held
    assert any(name.startswith("storage/migrations/versions/v0001") for name in held)
    assert not any(name.startswith(("tests/", "bench/", "pubnub_broker/")) for name in held)


def test_the_wheel_runs_from_another_directory_on_the_locked_dependencies(wheel: Path, tmp_path: Path) -> None:
    fresh = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", fresh], check=True)
    fresh_pip = partial(pip, "--python", str(fresh / "bin" / "python"))
    install = partial(fresh_pip, "install", "--no-compile", "--no-deps")
    install("--require-hashes", "--requirement", "requirements.lock")
    install(str(wheel))
    fresh_pip("check")  # the lock has all that the wheel requires

    syncd = str(fresh / "bin" / "syncd")
    version = subprocess.run([syncd, "--version"], cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    assert re.fullmatch(r"syncd \d+\.\d+\.\d+\n", version)

    for command in ("broker", "cluster"):  # they need the development broker, which the wheel leaves out
        done = subprocess.run([syncd, command], cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 1
        assert re.fullmatch(rf"syncd {command}: .* run this from a checkout of syncd\n", done.stderr)

    environment = {"SYNCD_JWT_SECRET": SECRET, "PATH": os.environ["PATH"]}
    with subprocess.Popen(
        [syncd, "--port", "0"], cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as daemon:
        try:
            assert daemon.stdout is not None
            url = daemon.stdout.readline().decode().split()[-1]
            with urllib.request.urlopen(f"{url}/ready", timeout=TIMEOUT_S) as answer:
                assert json.load(answer)["status"] == "ready"
            daemon.terminate()
            assert daemon.wait(timeout=TIMEOUT_S) == 0
        finally:
            daemon.kill()
    assert (tmp_path / "syncd-data" / "journal.db").is_file()
