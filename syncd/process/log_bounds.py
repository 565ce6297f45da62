"""A bound on the log lines of one cause in a minute, and a line that says how many were left out."""

import logging
import re
import time
from collections.abc import Callable, Iterator
from typing import Final

PER_MINUTE: Final = 600
"""Lines of one cause: every connection of a quiet day is told, and a storm of them costs ten lines a second."""
WINDOW_S: Final = 60.0
MAX_SHOWN: Final = 100
"""How many characters are shown of the text that the lines left out have in common."""

_NUMBER: Final = re.compile(r"\d+")
"""Counts of connections and nodes: a line about 3 of them is of the same kind as one about 4."""

Cause = tuple[str, int, object]
"""Logger, line of code, and what tells kinds of lines apart that are logged in one place."""


class _Window:
    """What has come of one cause since the window began."""

    __slots__ = ("began_s", "left_out", "level", "passed", "text")

    def __init__(self, began_s: float, first: logging.LogRecord) -> None:
        # Not the record: it holds the frames of what it tells of, and its text is about to be filled in.
        self.began_s = began_s
        self.level = first.levelno
        self.text = str(first.msg)[:MAX_SHOWN]
        self.passed = 0
        self.left_out = 0


class LogBounds(logging.Filter):
    """A filter that lets ``per_minute`` records of each cause pass in a minute. Thread: any.

    Args:
        per_minute: of one cause.
        now_s: a monotonic clock in seconds.
    """

    def __init__(self, per_minute: int = PER_MINUTE, now_s: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._per_minute = per_minute
        self._now_s = now_s
        self._windows: dict[Cause, _Window] = {}
        self.left_out = 0
        """Records that did not pass, since the start."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether ``record`` passes, and count it."""
        cause = (record.name, record.lineno, _kind(record))
        window = self._windows.get(cause)
        if window is None:
            window = self._windows[cause] = _Window(self._now_s(), record)
        if window.passed < self._per_minute:
            window.passed += 1
            return True
        window.left_out += 1
        self.left_out += 1
        return False

    def summaries(self, *, is_end: bool = False) -> Iterator[logging.LogRecord]:
        """End the windows that are over, or all of them; yield a record for each that has left something out."""
        now_s = self._now_s()
        for cause, window in tuple(self._windows.items()):
            if now_s - window.began_s < WINDOW_S and not is_end:
                continue
            del self._windows[cause]
            if window.left_out:
                logger, line, _ = cause
                text = f"left out within a minute: {window.left_out} more lines like {window.text!r}"
                yield logging.LogRecord(logger, window.level, "", line, text, None, None)


def _kind(record: logging.LogRecord) -> object:
    """Return an audit line's outcome, so that refused calls of strangers hide no operator's; a trace's stage."""
    if record.name == "syncd.trace":
        return record.msg
    outcome: str = getattr(record, "outcome", "")
    return outcome if outcome.startswith("refused") else _NUMBER.sub("#", outcome)
