"""The daemon and its peers as processes of their own, on free ports, ended whatever happens."""

import os
import re
import secrets
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from tempfile import TemporaryDirectory, TemporaryFile
from typing import IO, Final

from msgspec import Struct

from transport.access.minting import mint

START_TIMEOUT_S: Final = 30.0
STOP_TIMEOUT_S: Final = 15.0
WATCHLIST: Final = "/api/v1/sync/watchlist"
BULK: Final = "/api/v1/sync/operations"

_SECRET: Final = secrets.token_urlsafe(48)
_PORT: Final = re.compile(r":(\d+)$")


class MeasurementFailed(Exception):
    """A server or its load did not do what was to be measured; the text says what."""


class Server(Struct, frozen=True):
    """A running server on the loopback."""

    pid: int
    port: int
    started_s: float
    """From the start of its process until it said that it listens."""


@contextmanager
def daemon(*arguments: str) -> Iterator[Server]:
    """Run ``syncd`` as it comes, or with further ``arguments``.

    Its data directory is empty and here: on a real disk, where every commit pays its fsync.
    """
    with (
        TemporaryDirectory(prefix=".bench-", dir=".") as directory,
        _running("syncd", "--port", "0", "--data-dir", directory, *arguments) as server,
    ):
        yield server


@contextmanager
def plain_websockets() -> Iterator[Server]:
    """Run the plain ``websockets`` server."""
    with _running("bench.peers.plain_websockets") as server:
        yield server


@contextmanager
def empty_post() -> Iterator[Server]:
    """Run the empty Starlette endpoint."""
    with _running("bench.peers.empty_post") as server:
        yield server


def token(user_id: str, device_id: str) -> str:
    """Return a token that every daemon started here accepts."""
    return mint(_SECRET, user_id, device_id, ttl_s=24 * 3600)


@contextmanager
def _running(module: str, *arguments: str) -> Iterator[Server]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SYNCD_")}
    environment["SYNCD_JWT_SECRET"] = _SECRET
    with TemporaryFile() as log:
        began_s = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, "-m", module, *arguments], stdout=subprocess.PIPE, stderr=log, env=environment
        )
        try:
            port = _announced_port(process)
            if port is None:
                raise MeasurementFailed(f"{module} did not start: {_end_of(log)}")
            yield Server(process.pid, port, time.perf_counter() - began_s)
        finally:
            _end(process)


def _announced_port(process: "subprocess.Popen[bytes]") -> int | None:
    """Return the port at the end of the first line that the process prints; ``None`` if it does not."""
    assert process.stdout is not None
    ready, _, _ = select.select([process.stdout], [], [], START_TIMEOUT_S)
    line = process.stdout.readline().decode().strip() if ready else ""
    found = _PORT.search(line)
    return int(found[1]) if found else None


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
