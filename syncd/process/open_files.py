"""How many files the process may open, and a line in the log when there are no more.

New connections are closed at once then, and nobody else says why: the event loop accepts and closes them without
calling us. So a file is opened once a second, at the cost of some microseconds; whatever fills the table of files keeps
it full for longer than that.
"""

import asyncio
import logging
import os
import resource
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Final

from actors.metrics import OpenFilesMetrics
from syncd.background import in_background

LOOK_EVERY_S: Final = 1.0
LOG_EVERY_S: Final = 60.0

logger = logging.getLogger(__name__)


def raise_file_limit() -> None:
    """Allow as many connections as the system does: the soft limit on open files is often 1,024."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


class OpenFiles:
    """Looks whether a file can be opened. Thread: any.

    Args:
        metrics: counted into.
        now_s: a monotonic clock.
    """

    def __init__(self, metrics: OpenFilesMetrics, now_s: Callable[[], float] = time.monotonic) -> None:
        self._metrics = metrics
        self._now_s = now_s
        self._logged_s: float | None = None

    def look(self) -> None:
        """Try it; count and log that it failed, and log that it works again."""
        try:
            os.close(os.open(os.devnull, os.O_RDONLY))
        except OSError as error:
            self._metrics.exhausted += 1
            if self._logged_s is None or self._now_s() - self._logged_s >= LOG_EVERY_S:
                self._logged_s = self._now_s()
                limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
                logger.error(
                    "no file can be opened, and new connections are closed at once: %s; the limit of this process is %d"
                    ": raise LimitNOFILE (ulimit -Hn), or lower --max-connections (SYNCD_MAX_CONNECTIONS)",
                    error.strerror,
                    limit,
                )
        else:
            if self._logged_s is not None:
                logger.info("files can be opened again")
            self._logged_s = None


def watching_open_files(metrics: OpenFilesMetrics) -> AbstractAsyncContextManager[None]:
    """Look every ``LOOK_EVERY_S`` for the length of the context."""
    return in_background(_watch(OpenFiles(metrics)))


async def _watch(files: OpenFiles) -> None:
    while True:
        files.look()
        await asyncio.sleep(LOOK_EVERY_S)
