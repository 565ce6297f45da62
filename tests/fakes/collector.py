"""An OpenTelemetry collector, as far as OTLP over HTTP goes."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


class Collector:
    """Keeps the spans it is sent."""

    def __init__(self) -> None:
        self.url = ""
        self.spans: list[tuple[dict[str, str], Any]] = []
        """Each with its resource's attributes."""

    async def take(self, request: web.Request) -> web.Response:
        sent = ExportTraceServiceRequest.FromString(await request.read())
        for of_resource in sent.resource_spans:
            resource = {pair.key: pair.value.string_value for pair in of_resource.resource.attributes}
            self.spans += [(resource, span) for of_scope in of_resource.scope_spans for span in of_scope.spans]
        return web.Response(content_type="application/x-protobuf")


@asynccontextmanager
async def running_collector() -> AsyncIterator[Collector]:
    collector = Collector()
    app = web.Application()
    app.router.add_post("/v1/traces", collector.take)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    collector.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield collector
    finally:
        await runner.cleanup()
