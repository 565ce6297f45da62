"""The life of a store's process: as long as its parent and its socket, and no longer."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

import storage
from tests.timeouts import TIMEOUT_S

pytestmark = pytest.mark.integration


def worker(descriptor: int, parent: int) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [sys.executable, "-m", "storage.processes.worker", "writer", str(descriptor), str(parent)],
        cwd=Path(storage.__file__).parent.parent,
        pass_fds=(descriptor,),
    )


def test_a_process_ends_with_its_socket() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs, worker(theirs.fileno(), os.getpid()) as process:
        theirs.close()
        ours.close()
        assert process.wait(TIMEOUT_S) == 0


def test_a_process_whose_parent_is_gone_already_does_not_begin() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs, worker(theirs.fileno(), 1) as process:
        assert process.wait(TIMEOUT_S) == 1
