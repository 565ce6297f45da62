"""Log lines leave the event loop: a thread formats and writes them, so that a slow or stuck reader stops nobody."""

import logging
import threading
import time
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Final

from syncd.process.log_bounds import LogBounds

MAX_WAITING: Final = 10_000
"""Records that wait to be written, some 10 MB; what comes beyond is left out and counted."""
SUMMARY_EVERY_S: Final = 1.0
STOP_TIMEOUT_S: Final = 2.0
"""How long to wait for the rest to be written: whoever reads standard error may never read again."""


class LogWriter(logging.Handler):
    """Takes records in and hands them to ``target`` on a thread of its own, within ``LogBounds``. Thread: any.

    Args:
        target: formats and writes.
        bounds: what it lets pass is written.
        stop_timeout_s: how long ``close`` waits for what is to be written.
    """

    def __init__(self, target: logging.Handler, bounds: LogBounds, *, stop_timeout_s: float = STOP_TIMEOUT_S) -> None:
        super().__init__()
        self._stop_timeout_s = stop_timeout_s
        self._target = target
        self._bounds = bounds
        self._unwritten = 0
        self._is_closed = False
        self._waiting: SimpleQueue[logging.LogRecord | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._write, name="log", daemon=True)
        self.addFilter(bounds)
        self._thread.start()

    @property
    def left_out(self) -> int:
        """Records that were not written, and will not be."""
        return self._bounds.left_out + self._unwritten

    @property
    def is_stuck(self) -> bool:
        """Whether the thread was not done when ``close`` returned: nobody reads what it writes."""
        return self._is_closed and self._thread.is_alive()

    def emit(self, record: logging.LogRecord) -> None:
        """Queue ``record``; its message is made now, before its arguments can change."""
        if self._waiting.qsize() >= MAX_WAITING:
            self._unwritten += 1
            return
        record.msg, record.args = record.getMessage(), None
        self._waiting.put(record)

    def close(self) -> None:
        """Write what waits, within ``stop_timeout_s``; idempotent."""
        if not self._is_closed:
            self._is_closed = True
            self._waiting.put(None)
            self._thread.join(self._stop_timeout_s)
        super().close()

    def _write(self) -> None:
        summarized_s = time.monotonic()
        is_over = False
        while not is_over:
            with suppress(Empty):
                record = self._waiting.get(timeout=SUMMARY_EVERY_S)
                is_over = record is None
                if record is not None:
                    self._hand_on(record)
            if is_over or time.monotonic() - summarized_s >= SUMMARY_EVERY_S:
                summarized_s = time.monotonic()
                for summary in self._bounds.summaries(is_end=is_over):
                    self._hand_on(summary)

    def _hand_on(self, record: logging.LogRecord) -> None:
        # Not handle, which says nothing of what could not be written.
        try:
            self._target.emit(record)
        except OSError:
            self._unwritten += 1
        except Exception:  # noqa: BLE001 - it cannot be formatted: told on standard error, and the next line is written
            self._target.handleError(record)
