"""The processes of a daemon's store, as the system sees them."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg

from tests.timeouts import TIMEOUT_S


def store_process(daemon: int, name: str) -> int:
    """Return the process id of the daemon's ``writer`` or ``reader``; it may have to be started first."""
    ends_s = time.monotonic() + TIMEOUT_S
    while time.monotonic() < ends_s:
        for child in _children(daemon):
            with suppress(FileNotFoundError):
                arguments = Path(f"/proc/{child}/cmdline").read_bytes().split(b"\0")
                if arguments[2:5] == [b"-m", b"storage.processes.worker", name.encode()]:
                    return child
        time.sleep(0.01)
    raise AssertionError(f"process {daemon} has no {name}")


def is_running(pid: int) -> bool:
    """Return whether ``pid`` is a process that is more than a zombie."""
    with suppress(FileNotFoundError, ProcessLookupError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    return False


def wait_until_gone(pid: int) -> None:
    """Return when ``pid`` does not run any more."""
    ends_s = time.monotonic() + TIMEOUT_S
    while is_running(pid):
        assert time.monotonic() < ends_s, f"process {pid} does not end"
        time.sleep(0.01)


def _children(pid: int) -> list[int]:
    with suppress(FileNotFoundError, ProcessLookupError):
        return [
            int(child) for file in Path(f"/proc/{pid}/task").glob("*/children") for child in file.read_text().split()
        ]
    return []


@contextmanager
def frozen(*pids: int) -> Iterator[None]:
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            if is_running(pid):
                os.kill(pid, signal.SIGCONT)


@contextmanager
def frozen_postgresql(url: str) -> Iterator[None]:
    with psycopg.connect(url) as connection:
        row = connection.execute("SHOW data_directory").fetchone()
    assert row is not None
    postmaster = int((Path(row[0]) / "postmaster.pid").read_text().split()[0])
    backends = Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text().split()
    with frozen(postmaster, *map(int, backends)):
        yield
