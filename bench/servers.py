"""The daemon and its peers as processes of their own, on free ports, ended whatever happens."""

import os
import re
import secrets
import select
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from string import Template
from tempfile import TemporaryDirectory, TemporaryFile
from typing import IO, Final

from msgspec import Struct

from bench.programs import NATS_SERVER, NCHAN, nginx, path_of
from syncd.cluster import local_postgresql
from transport.access.minting import mint

START_TIMEOUT_S: Final = 30.0
STOP_TIMEOUT_S: Final = 15.0
WATCHLIST: Final = "/api/v1/sync/watchlist"
BULK: Final = "/api/v1/sync/operations"

_HERE: Final = Path(__file__).resolve().parent
_SECRET: Final = secrets.token_urlsafe(48)
_PORT: Final = re.compile(r":(\d+)$")


class MeasurementFailed(Exception):
    """A server or its load did not do what was to be measured; the text says what."""


class Server(Struct, frozen=True):
    """A running server on the loopback."""

    pid: int
    port: int
    started_s: float
    """From the start of its process until it said that it listens, or did."""


class Checkout(Struct, frozen=True):
    """Whose daemon is measured: a directory with its code, and an interpreter that has what it depends on."""

    directory: Path
    python: str

    @classmethod
    def at(cls, directory: Path) -> "Checkout":
        """Return the checkout in ``directory``, with its own environment if it has one, else with this one.

        Raises:
            MeasurementFailed: there is no daemon.
        """
        if not (directory / "syncd" / "__main__.py").exists():
            raise MeasurementFailed(f"{directory} is no checkout of syncd")
        its_own = directory.absolute() / ".venv" / "bin" / "python"
        return cls(directory.absolute(), str(its_own) if its_own.exists() else sys.executable)

    @contextmanager
    def daemon(self, *arguments: str) -> Iterator[Server]:
        """Run ``syncd`` as it comes, or with further ``arguments``.

        Its data directory is empty and in the working directory: on a real disk, where every commit pays its fsync.
        """
        with TemporaryDirectory(prefix=".bench-", dir=Path.cwd()) as data, self.daemon_on(data, *arguments) as server:
            yield server

    @contextmanager
    def daemon_on(self, data: str, *arguments: str) -> Iterator[Server]:
        """Run ``syncd`` on a data directory that stays."""
        command = [self.python, "-m", "syncd", "--port", "0", "--data-dir", data, *arguments]
        with _running(command, self.directory) as server:
            yield server

    def if_known(self, flag: str, value: str) -> tuple[str, ...]:
        """Return the flag and its value if this daemon has such a setting, as another release may not."""
        return (flag, value) if flag in _help(self) else ()


THIS: Final = Checkout(_HERE.parent, sys.executable)


@contextmanager
def plain_websockets() -> Iterator[Server]:
    """Run the plain ``websockets`` server."""
    with _running([sys.executable, "-m", "bench.peers.plain_websockets"], THIS.directory) as server:
        yield server


@contextmanager
def empty_post() -> Iterator[Server]:
    """Run the empty Starlette endpoint."""
    with _running([sys.executable, "-m", "bench.peers.empty_post"], THIS.directory) as server:
        yield server


@contextmanager
def nchan() -> Iterator[Server]:
    """Run nginx with nchan, one worker: ``GET /ws?user=`` subscribes, ``POST /pub?user=`` publishes."""
    with TemporaryDirectory(prefix="bench-nchan-") as directory:
        port, configuration = free_port(), Path(directory, "nginx.conf")
        template = Template((_HERE / "peers" / "nchan.conf").read_text())
        configuration.write_text(template.safe_substitute(PORT=port, MODULE=path_of(NCHAN), DIRECTORY=directory))
        command = [str(nginx()), "-e", "stderr", "-p", directory, "-c", str(configuration)]
        with _running(command, Path(directory), port) as server:
            yield server


@contextmanager
def nats_server() -> Iterator[Server]:
    """Run nats-server."""
    port = free_port()
    with _running([str(path_of(NATS_SERVER)), "-a", "127.0.0.1", "-p", str(port)], THIS.directory, port) as server:
        yield server


@contextmanager
def postgresql() -> Iterator[str]:
    """Run PostgreSQL with an empty database in the working directory: a real disk; its URL."""
    with TemporaryDirectory(prefix=".bench-postgresql-", dir=Path.cwd()) as directory:
        Path(directory).chmod(0o755)  # PostgreSQL does not run as root, whoever runs this
        with local_postgresql(Path(directory, "postgresql")) as server:
            yield server.url


def token(user_id: str, device_id: str) -> str:
    """Return a token that every daemon started here accepts."""
    return mint(_SECRET, user_id, device_id, ttl_s=24 * 3600)


def free_port() -> int:
    """Return a port of the loopback that nobody listens on now."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


@contextmanager
def _running(command: Sequence[str], directory: Path, port: int | None = None) -> Iterator[Server]:
    """Run ``command``; without ``port`` it prints where it listens."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SYNCD_")}
    environment["SYNCD_JWT_SECRET"] = _SECRET
    with TemporaryFile() as log:
        began_s = time.perf_counter()
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, env=environment, cwd=directory)
        try:
            listens_on = _announced_port(process) if port is None else _answering_port(process, port)
            if listens_on is None:
                raise MeasurementFailed(f"{' '.join(command[:3])} did not start: {_end_of(log)}")
            yield Server(process.pid, listens_on, time.perf_counter() - began_s)
        finally:
            _end(process)


def _announced_port(process: "subprocess.Popen[bytes]") -> int | None:
    """Return the port at the end of the first line that the process prints; ``None`` if it does not."""
    assert process.stdout is not None
    ready, _, _ = select.select([process.stdout], [], [], START_TIMEOUT_S)
    line = process.stdout.readline().decode().strip() if ready else ""
    found = _PORT.search(line)
    return int(found[1]) if found else None


def _answering_port(process: "subprocess.Popen[bytes]", port: int) -> int | None:
    """Return ``port`` when it accepts connections; ``None`` if the process ended, or took too long."""
    ends_s = time.perf_counter() + START_TIMEOUT_S
    while process.poll() is None and time.perf_counter() < ends_s:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port)):
            return port
        time.sleep(0.02)
    return None


@cache
def _help(checkout: Checkout) -> str:
    command = [checkout.python, "-m", "syncd", "serve", "--help"]
    return subprocess.run(command, cwd=checkout.directory, capture_output=True, text=True, check=True).stdout


def _end_of(log: IO[bytes]) -> str:
    log.seek(0)
    return log.read()[-2_000:].decode(errors="replace").strip()


def _end(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    try:
        process.wait(STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    assert process.stdout is not None
    process.stdout.close()
