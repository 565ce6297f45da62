"""The processes of a daemon's store, as the system sees them."""

import time
from contextlib import suppress
from pathlib import Path

from tests.timeouts import TIMEOUT_S


def store_process(daemon: int, name: str) -> int:
    """Return the process id of the daemon's ``writer`` or ``reader``; it may have to be started first."""
    ends_s = time.monotonic() + TIMEOUT_S
    while time.monotonic() < ends_s:
        for child in _children(daemon):
            with suppress(FileNotFoundError):
                arguments = Path(f"/proc/{child}/cmdline").read_bytes().split(b"\0")
                if arguments[2:5] == [b"-m", b"storage.worker", name.encode()]:
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
