"""A process that dies with its parent, and a task in a process of its own, which takes the task's memory with it."""

import ctypes
import os
import signal
import sys
from collections.abc import Callable
from typing import Final

_PR_SET_PDEATHSIG: Final = 1


def die_with(parent: int) -> bool:
    """Let the system kill this process when its parent dies; return whether the parent still lives."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    return os.getppid() == parent


def do_in_fork(task: Callable[[], object]) -> bool:
    """Do ``task`` in a fork of this process, and return whether it ended without raising.

    What it raises is lost: whoever wants to know tries it here. The fork dies with this process.

    Thread: the only one of this process, which has no connection to a database now.
    """
    parent = os.getpid()
    fork = os.fork()
    if fork == 0:
        status = 1
        try:
            if die_with(parent):
                task()
                status = 0
        finally:
            os._exit(status)
    _, status = os.waitpid(fork, 0)
    return status == 0
