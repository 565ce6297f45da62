"""A process of the store: ``python -m storage.processes.worker NAME DESCRIPTOR PARENT``, which ``client`` starts.

It reads requests from the socket ``DESCRIPTOR``, does one after the other, and answers in the same order. It has no
life of its own: it ends when the socket does, and on Linux with its parent whatever became of the socket. Signals that
are meant for the daemon do not end it: the daemon has something to write yet.
"""

import gc
import os
import signal
import socket
import sys
from collections.abc import Sequence
from typing import Final

from storage.processes.forked import die_with

_READER: Final = "reader"
_READER_NICENESS: Final = 5
"""Where processors are scarce a reader gets a third of what a writer or the daemon gets (sched(7)), so that users who
read page after page do not slow those who write; otherwise it gets all it can use. Not set while it loads: a start
waits for that."""
_GARBAGE_AFTER: Final = 10_000
"""Allocations before a collection: with Python's 700 every batch of writes is walked through, a part of it twice."""


def main(arguments: Sequence[str]) -> int:
    """Work until the parent is gone; return the exit status."""
    name, descriptor, parent = arguments
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    if not die_with(int(parent)):
        return 1
    from storage.processes.requests import serve  # noqa: PLC0415 - it takes a while, which the parent may not outlive

    gc.freeze()  # what is imported stays
    gc.set_threshold(_GARBAGE_AFTER)
    if name == _READER:
        os.nice(_READER_NICENESS)
    with socket.socket(fileno=int(descriptor)) as connection:
        serve(connection)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
