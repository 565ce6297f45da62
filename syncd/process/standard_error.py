"""A log handler that writes to standard error and holds no lock meanwhile.

``logging.StreamHandler`` holds its own, and the stream's. A thread that never comes back from a write, because nobody
reads, would keep both, and the process could not end: ``logging.shutdown`` and the interpreter wait for them.
"""

import logging
import os
from contextlib import suppress
from typing import Final

from syncd import console

ENCODING: Final = "utf-8"


class StandardError(logging.Handler):
    """Writes each record as a line. Thread: any.

    Args:
        descriptor: of the open file, which is not closed.
    """

    def __init__(self, descriptor: int) -> None:
        super().__init__()
        self._descriptor = descriptor

    def createLock(self) -> None:  # noqa: N802 - logging's name
        """Have none: see the module."""
        self.lock = None

    def handle(self, record: logging.LogRecord) -> bool:
        """Write ``record``, unless nobody can read it any more."""
        with suppress(OSError):
            self.emit(record)
        return True

    def emit(self, record: logging.LogRecord) -> None:
        """Write ``record``; waits for the reader. Raises: OSError, it cannot be written."""
        line = f"{self.format(record)}\n".encode(ENCODING, "backslashreplace")
        while line:
            line = line[os.write(self._descriptor, line) :]

    def discard_what_follows(self) -> None:
        """Let whatever the process still writes to the descriptor go nowhere: nobody reads it, and it would wait."""
        console.discard(self._descriptor)
