"""The stages of traced writes as OpenTelemetry spans, exported by OTLP over HTTP.

Only ``syncd.process.tracing`` imports this, and only if asked to: OpenTelemetry is an extra. Its own environment
variables apply to what has no setting here (``OTEL_EXPORTER_OTLP_HEADERS``, ``OTEL_RESOURCE_ATTRIBUTES``,
``OTEL_BSP_…``).
"""

import asyncio
import threading
from typing import Final

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from opentelemetry.trace import (
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    StatusCode,
    TraceFlags,
    set_span_in_context,
)

from actors.messages.journal import Status
from actors.messages.trace import Stage
from actors.tracing import Span
from syncd import __version__

CLOSE_TIMEOUT_S: Final = 2.0
"""How long the last batch may take: an unreachable collector must not delay the shutdown."""

_SPANS: Final[dict[Stage, tuple[str, SpanKind]]] = {
    "answered": ("{} write", SpanKind.SERVER),
    "committed": ("journal commit", SpanKind.INTERNAL),
    "relayed": ("relay", SpanKind.INTERNAL),
    "written": ("write to device", SpanKind.INTERNAL),
    "held": ("device not ready", SpanKind.INTERNAL),
    "published": ("bus publish", SpanKind.PRODUCER),
    "received": ("bus receive", SpanKind.CONSUMER),
}
"""``accepted`` has no span: it is the start of ``answered``. ``{}``: which kind of collection is written to."""


class SpanExport:
    """Exports spans in batches. Thread: the event loop; the export has its own thread.

    Args:
        endpoint: the collector's base URL, as in ``OTEL_EXPORTER_OTLP_ENDPOINT``: ``/v1/traces`` is added.
        node: the ``service.instance.id``.
    """

    def __init__(self, endpoint: str, node: str) -> None:
        self._ids = _GivenIds()
        self._provider = TracerProvider(
            sampler=ALWAYS_ON,  # the tracer has already sampled
            resource=Resource.create(
                {"service.name": "syncd", "service.version": __version__, "service.instance.id": node}
            ),
            id_generator=self._ids,
            shutdown_on_exit=False,
        )
        exporter = OTLPSpanExporter(endpoint=f"{endpoint.rstrip('/')}/v1/traces")
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer("syncd", __version__)

    def __call__(self, span: Span) -> None:
        """Queue ``span``; never blocks. Spans are dropped when the collector is unreachable for long."""
        known = _SPANS.get(span.stage)
        if known is None:
            return
        name, kind = known[0].format(span.collection), known[1]
        self._ids.trace_id, self._ids.span_id = int(span.trace_id, 16), int(span.span_id, 16)
        attributes: dict[str, str | int] = {"enduser.id": span.user_id, "syncd.collection": span.collection}
        if span.revision is not None:
            attributes["syncd.revision"] = span.revision
        attributes |= {f"syncd.{detail}": value for detail, value in span.details.items()}
        exported = self._tracer.start_span(name, _below(span, kind), kind, attributes, start_time=span.began_ns)
        if span.details.get("status") == Status.REFUSED:
            exported.set_status(StatusCode.ERROR)
        exported.end(span.ended_ns)

    async def close(self) -> None:
        """Export what is left, within ``CLOSE_TIMEOUT_S``."""
        closing = threading.Thread(target=self._provider.shutdown, name="otlp-close", daemon=True)
        closing.start()
        await asyncio.to_thread(closing.join, CLOSE_TIMEOUT_S)


class _GivenIds(IdGenerator):
    """Gives spans the ids that are in the log."""

    trace_id = 0
    span_id = 0

    def generate_trace_id(self) -> int:
        return self.trace_id

    def generate_span_id(self) -> int:
        return self.span_id


def _below(span: Span, kind: SpanKind) -> Context:
    if span.parent_id is None:
        return Context()
    flags = TraceFlags(TraceFlags.SAMPLED)
    is_remote = kind in (SpanKind.SERVER, SpanKind.CONSUMER)
    parent = SpanContext(int(span.trace_id, 16), int(span.parent_id, 16), is_remote, flags)
    return set_span_in_context(NonRecordingSpan(parent), Context())
