"""Log lines on standard error: text on a terminal, JSON for machines."""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, Literal

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from syncd.process import tracing
from syncd.process.log_bounds import LogBounds
from syncd.process.log_writer import LogWriter
from syncd.process.standard_error import StandardError

AUDIT_FIELDS = ("action", "by", "address", "target", "outcome")
"""The fields of an audit line."""

MAX_CHARACTERS: Final = 8_000
"""Of one field of a line: a stack of 60 calls. Lines are counted and not bytes, so that a line needs a bound, too."""

_SHARED: list[Processor] = [
    structlog.stdlib.add_logger_name,
    structlog.stdlib.add_log_level,
    structlog.stdlib.PositionalArgumentsFormatter(),
    structlog.stdlib.ExtraAdder(allow=(*AUDIT_FIELDS, *tracing.FIELDS)),
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]


@contextmanager
def writing(log_format: Literal["auto", "console", "json"], level: str) -> Iterator[None]:
    """Send every logger's records to standard error, off the event loop, for the length of the context.

    Args:
        log_format: ``auto`` is ``console`` on a terminal, else ``json``.
        level: the lowest level that is shown.
    """
    is_console = log_format == "console" or (log_format == "auto" and sys.stderr.isatty())
    renderer: Processor = (
        structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
        if is_console
        else structlog.processors.JSONRenderer()
    )
    target = StandardError(sys.stderr.fileno())
    target.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=_SHARED,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                _shortened,
                renderer,
            ],
        )
    )
    writer = LogWriter(target, LogBounds())
    logging.basicConfig(handlers=[writer], level=level.upper(), force=True)
    for quiet in ("alembic", "httpx", "urllib3"):
        logging.getLogger(quiet).setLevel(logging.WARNING)
    logging.getLogger("uvicorn.error").setLevel(logging.ERROR)  # it warns about every invalid request
    try:
        yield
    finally:
        writer.close()
        if writer.is_stuck:
            target.discard_what_follows()
        logging.basicConfig(handlers=[target], level=level.upper(), force=True)  # for what is said after it


def _shortened(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Keep the beginning and the end of what is very long: of a stack, the end says what happened."""
    for name, value in event.items():
        if isinstance(value, str) and len(value) > MAX_CHARACTERS:
            half = MAX_CHARACTERS // 2
            event[name] = f"{value[:half]} [{len(value) - 2 * half} characters] {value[-half:]}"
    return event


def lines_left_out() -> int:
    """Return how many lines were not written, because there were too many of their kind or nobody reads them."""
    return sum(handler.left_out for handler in logging.root.handlers if isinstance(handler, LogWriter))
