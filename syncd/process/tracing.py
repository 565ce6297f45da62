"""Where the stages of traced writes go: to the log, and to an OpenTelemetry collector if one is set."""

import logging
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Final

from actors.tracing import Span, Tracer
from syncd.errors import ExtraMissing
from syncd.settings import Settings

if TYPE_CHECKING:
    from syncd.process.otlp import SpanExport

FIELDS: Final = (
    "trace_id", "span_id", "parent_id", "node", "user", "collection", "revision", "ms",
    "via", "device_id", "connection_id", "status", "devices", "origin",
)  # fmt: skip
"""The fields of a stage's log line; ``ms``: since the write arrived on this node."""

logger = logging.getLogger("syncd.trace")


@asynccontextmanager
async def tracing(settings: Settings, node: str) -> AsyncIterator[Tracer]:
    """Trace writes for the length of the context; on leaving, the remaining spans are exported, within a time-out.

    Raises:
        ExtraMissing: OpenTelemetry is needed and not installed.
    """
    listeners: list[Callable[[Span], None]] = [partial(_log, node)]
    async with AsyncExitStack() as stack:
        if settings.otlp_endpoint is not None:
            export = span_export()(settings.otlp_endpoint, node)
            stack.push_async_callback(export.close)
            listeners.append(export)

        def listen(span: Span) -> None:
            for listener in listeners:
                listener(span)

        yield Tracer(listen, 1.0 if settings.log_level == "debug" else settings.trace_ratio)


def span_export() -> "type[SpanExport]":
    """Return what exports spans, which needs an extra. Raises: ExtraMissing."""
    try:
        from syncd.process.otlp import SpanExport  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise ExtraMissing("--otlp-endpoint", "opentelemetry", error) from error
    return SpanExport


def _log(node: str, span: Span) -> None:
    said: dict[str, object] = {
        "trace_id": span.trace_id,
        "span_id": span.span_id,
        "node": node,
        "user": span.user_id,
        "collection": span.collection,
        "ms": round(span.since_ms, 3),
        **span.details,
    }
    if span.parent_id is not None:
        said["parent_id"] = span.parent_id
    if span.revision is not None:
        said["revision"] = span.revision
    logger.info(span.stage, extra=said)
