"""A task in a process of its own, which takes with it what memory the task needs."""

import os
from collections.abc import Callable

from storage.processes.worker import die_with


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
