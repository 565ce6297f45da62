"""Node and the packages that a lock file names, for tests of JavaScript."""

import fcntl
import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest


def run(package: Path, *command: str, **variables: str) -> str:
    """Run ``command`` in ``package`` and return what it prints, which is shown if it fails."""
    done = subprocess.run(command, cwd=package, env=os.environ | variables, text=True, capture_output=True)
    if done.returncode != 0:
        pytest.fail(f"{' '.join(command)} exited {done.returncode}\n{done.stdout}\n{done.stderr}", pytrace=False)
    return done.stdout


def install(package: Path) -> None:
    """Install what the lock file of ``package`` names, unless it is there; skip without Node 20 or newer and npm."""
    if shutil.which("npm") is None or _node_version() < 20:
        pytest.skip("Node 20 or newer with npm is not installed: nothing of JavaScript is tested")
    lock_file = package / "package-lock.json"
    installed = package / "node_modules" / ".package-lock.json"
    with lock_file.open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # tests may run in several processes
        if not installed.exists() or installed.stat().st_mtime < lock_file.stat().st_mtime:
            run(package, "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")


def assert_no_address(package: Path) -> None:
    """Check that the lock file of ``package`` names no registry: whoever installs it uses their own."""
    packages = json.loads((package / "package-lock.json").read_text())["packages"]
    assert all("resolved" not in one for one in packages.values())
    assert all("integrity" in one for name, one in packages.items() if name)


def _node_version() -> int:
    if shutil.which("node") is None:
        return 0
    return int(subprocess.check_output(["node", "--version"], text=True).removeprefix("v").partition(".")[0])
