"""The wheels, as an operator gets them: built, installed beside what they need, and run from elsewhere."""

import os
import re
import subprocess
import sys
import time
import tomllib
import urllib.request
import zipfile
from email import message_from_bytes
from email.message import Message
from importlib.metadata import distribution, files
from pathlib import Path

import pytest

from tests.deploy.conftest import ROOT, SECRET
from tests.needed_packages import EXTRAS, needed
from tests.timeouts import TIMEOUT_S

pytestmark = pytest.mark.integration


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
    assert set(daemon.get_all("Provides-Extra", ())) == {*EXTRAS, "dev"}
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


@pytest.fixture(scope="module")
def place(wheels: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with an environment, ``venv``, that has the wheels and what they need without an extra."""
    place = tmp_path_factory.mktemp("place")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", place / "venv"], check=True)
    link(place, *(name for name, needs in needed().items() if "daemon" in needs))
    python = str(place / "venv" / "bin" / "python")
    pip("--python", python, "install", "--no-compile", "--no-deps", "--no-index", *map(str, wheels.values()))
    return place


def link(place: Path, *packages: str) -> None:
    """Let the environment have packages of this one, which are in the lock's versions: installing takes long."""
    (site_packages,) = (place / "venv").glob("lib/*/site-packages")
    for package in packages:
        for top in {file.parts[0] for file in files(package) or () if file.parts[0] not in ("..", "__pycache__")}:
            (site_packages / top).symlink_to(str(distribution(package).locate_file(top)))


def run(place: Path, *command: str) -> subprocess.CompletedProcess[str]:
    environment = {"SYNCD_JWT_SECRET": SECRET, "SYNCD_PORT": "0", "PATH": os.environ["PATH"]}
    program = place / "venv" / "bin" / command[0]
    return subprocess.run([program, *command[1:]], cwd=place, env=environment, capture_output=True, text=True)


def test_the_wheels_run_from_another_directory_without_any_extra(place: Path) -> None:
    assert not any((place / "venv").glob("lib/*/site-packages/pubnub"))
    assert re.fullmatch(r"syncd \d+\.\d+\.\d+\n", run(place, "syncd", "--version").stdout)

    for command in ("broker", "cluster"):  # they need the development broker, which the wheel leaves out
        done = run(place, "syncd", command)
        assert done.returncode == 1
        assert re.fullmatch(rf"syncd {command}: .* run this from a checkout of syncd\n", done.stderr)

    with subprocess.Popen(
        [place / "venv" / "bin" / "syncd", "--port", "0"],
        cwd=place,
        env={"PATH": os.environ["PATH"]},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as daemon:
        try:
            assert daemon.stdout is not None
            url = daemon.stdout.readline().decode().split()[-1]
            for path in ("/ready", "/", "/admin", "/openapi.json", "/asyncapi.json", "/metrics"):
                with urllib.request.urlopen(f"{url}{path}", timeout=TIMEOUT_S) as answer:
                    assert answer.status == 200
            daemon.terminate()
            assert daemon.wait(timeout=TIMEOUT_S) == 0
        finally:
            daemon.kill()
    assert (place / "syncd-data" / "journal.db").is_file()


EVERY_COMMAND = """
import sys
from syncd.cli import main
print([main(command.split()) for command in sys.argv[1:]])
"""
PUBNUB = "--bus pubnub --pubnub-subscribe-key s --pubnub-publish-key p"


def test_each_setting_that_needs_an_extra_says_what_to_install(place: Path) -> None:
    database, tracing = "--database-url postgresql://x@127.0.0.1:9/x", "--otlp-endpoint http://127.0.0.1:9"
    needs = {
        f"serve {PUBNUB}": "pubnub",
        "serve --bus nats://127.0.0.1:9": "nats",
        f"serve {database}": "postgresql",
        f"migrate {database}": "postgresql",
        f"serve {tracing}": "opentelemetry",
    }
    done = run(place, "python", "-c", EVERY_COMMAND, *needs)
    assert done.stdout == f"{[2] * len(needs)}\n"
    for command, line in zip(needs, done.stderr.splitlines(), strict=True):
        assert command.split()[1] in line
        assert f"pip install 'syncd[{needs[command]}]'" in line

    checked = run(place, "syncd", "check", *f"{PUBNUB} {database} {tracing}".split()).stdout
    assert set(re.findall(r"fix: pip install 'syncd\[(\w+)\]', for --", checked)) == set(needs.values()) - {"nats"}


def test_nats_works_without_pubnub(place: Path, tmp_path: Path) -> None:
    link(place, "nats-py")
    program = str(Path(sys.executable).with_name("nats-server"))
    log = tmp_path / "log"
    with subprocess.Popen([program, "-a", "127.0.0.1", "-p", "-1", "-l", str(log)]) as server:
        try:
            ends_s = time.monotonic() + TIMEOUT_S
            while not log.exists() or "Server is ready" not in log.read_text():
                assert time.monotonic() < ends_s
                time.sleep(0.02)
            (port,) = re.findall(r"client connections on 127\.0\.0\.1:(\d+)", log.read_text())
            checked = run(place, "syncd", "check", "--bus", f"nats://127.0.0.1:{port}").stdout
        finally:
            server.terminate()
    assert re.search(r"^ok +bus .*: a message came back in ", checked, re.MULTILINE), checked
