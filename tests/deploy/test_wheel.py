"""The wheels, as an operator gets them: built, installed beside the locked dependencies, and run from elsewhere."""

import json
import os
import re
import subprocess
import sys
import tomllib
import urllib.request
import zipfile
from email import message_from_bytes
from email.message import Message
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
def wheels(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The daemon's and the client's, by their names."""
    directory = tmp_path_factory.mktemp("wheels")
    pip("wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(directory), ".", "./clients/python")
    return {path.name.partition("-")[0]: path for path in directory.iterdir()}


def files_of(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def metadata_of(wheel: Path) -> Message:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        return message_from_bytes(archive.read(name))


@pytest.mark.parametrize(("name", "project"), [("syncd", ROOT), ("syncd_client", ROOT / "clients" / "python")])
def test_a_wheel_holds_every_file_of_every_package_and_nothing_for_development(
    wheels: dict[str, Path], name: str, project: Path
) -> None:
    held = files_of(wheels[name])
    build = tomllib.loads((project / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    for package in map(project.joinpath, build["packages"]):
        files = {path for path in package.rglob("*") if path.is_file() and "__pycache__" not in path.parts}
        assert {str(path.relative_to(package.parent)) for path in files} <= held
    assert name == "syncd_client" or any(file.startswith("storage/migrations/versions/v0001") for file in held)
    assert not any(file.startswith(("tests/", "bench/", "pubnub_broker/")) for file in held)


def test_the_daemon_requires_the_client_and_each_can_be_uninstalled_without_a_file_of_the_other(
    wheels: dict[str, Path],
) -> None:
    assert files_of(wheels["syncd"]).isdisjoint(files_of(wheels["syncd_client"]))
    daemon, client = metadata_of(wheels["syncd"]), metadata_of(wheels["syncd_client"])
    (required,) = (each for each in daemon.get_all("Requires-Dist", ()) if each.startswith("syncd-client"))
    assert required == "syncd-client<0.2,>=0.1"
    assert client["Version"].startswith("0.1.")


def test_the_client_s_package_has_what_others_look_for(wheels: dict[str, Path]) -> None:
    client = metadata_of(wheels["syncd_client"])
    assert client["License-Expression"] == "Apache-2.0"
    assert client["Description-Content-Type"] == "text/markdown"
    assert "Typing :: Typed" in client.get_all("Classifier", ())
    assert "syncd_client/py.typed" in files_of(wheels["syncd_client"])
    with zipfile.ZipFile(wheels["syncd_client"]) as archive:
        (license_file,) = (name for name in archive.namelist() if name.endswith("/licenses/LICENSE"))
        assert archive.read(license_file) == (ROOT / "LICENSE").read_bytes()


def test_the_wheels_run_from_another_directory_on_the_locked_dependencies(
    wheels: dict[str, Path], tmp_path: Path
) -> None:
    fresh = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", fresh], check=True)
    fresh_pip = partial(pip, "--python", str(fresh / "bin" / "python"))
    install = partial(fresh_pip, "install", "--no-compile", "--no-deps")
    install("--require-hashes", "--requirement", "requirements.lock")
    install(*map(str, wheels.values()))
    fresh_pip("check")  # the lock has all that the wheels require

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
