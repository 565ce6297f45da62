"""Log lines on standard error: text on a terminal, JSON for machines."""

import logging
import sys
from typing import Literal

import structlog
from structlog.typing import Processor

from syncd.process import tracing

AUDIT_FIELDS = ("action", "by", "target", "outcome")
"""The fields of an audit line."""

_SHARED: list[Processor] = [
    structlog.stdlib.add_logger_name,
    structlog.stdlib.add_log_level,
    structlog.stdlib.PositionalArgumentsFormatter(),
    structlog.stdlib.ExtraAdder(allow=(*AUDIT_FIELDS, *tracing.FIELDS)),
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]


def configure(log_format: Literal["auto", "console", "json"], level: str) -> None:
    """Send every logger's records to standard error.

    Args:
        log_format: ``auto`` is ``console`` on a terminal, else ``json``.
        level: the lowest level that is shown.
    """
    is_console = log_format == "console" or (log_format == "auto" and sys.stderr.isatty())
    renderers: list[Processor] = (
        [structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)]
        if is_console
        else [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    )
    handler = logging.StreamHandler()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=_SHARED,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *renderers],
        )
    )
    logging.basicConfig(handlers=[handler], level=level.upper(), force=True)
    for quiet in ("alembic", "httpx", "urllib3"):
        logging.getLogger(quiet).setLevel(logging.WARNING)
    logging.getLogger("uvicorn.error").setLevel(logging.ERROR)  # it warns about every invalid request
