"""The stages of a traced write as a collector sees them."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from actors.messages.trace import Stage
from actors.tracing import Span
from syncd.process.otlp import SpanExport
from tests.fakes.collector import Collector, running_collector

TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT_ID = "00f067aa0ba902b7"
SPAN_ID = "53995c3f42cd8ad8"


def span(stage: Stage, parent_id: str | None = PARENT_ID, revision: int | None = 7, **details: str | int) -> Span:
    return Span(
        stage=stage,
        trace_id=TRACE_ID,
        span_id=SPAN_ID,
        parent_id=parent_id,
        user_id="ann",
        collection="watchlist",
        revision=revision,
        began_ns=1_000,
        ended_ns=2_000,
        since_ms=0.001,
        details=details,
    )


@pytest.fixture
async def collector() -> AsyncIterator[Collector]:
    async with running_collector() as collector:
        yield collector


async def exported(collector: Collector, *spans: Span) -> list[Any]:
    export = SpanExport(collector.url + "/", "node-a")
    for one in spans:
        export(one)
    await export.close()
    for resource, _ in collector.spans:
        assert (resource["service.name"], resource["service.instance.id"]) == ("syncd", "node-a")
    return [one for _, one in collector.spans]


async def test_a_span_keeps_its_ids_its_times_and_what_is_known_of_it(collector: Collector) -> None:
    (sent,) = await exported(collector, span("answered", status="added", device_id="phone"))
    assert (sent.name, sent.trace_id.hex(), sent.span_id.hex()) == ("watchlist write", TRACE_ID, SPAN_ID)
    assert (sent.parent_span_id.hex(), sent.start_time_unix_nano, sent.end_time_unix_nano) == (PARENT_ID, 1_000, 2_000)
    attributes = {pair.key: pair.value.string_value or pair.value.int_value for pair in sent.attributes}
    assert attributes == {
        "enduser.id": "ann",
        "syncd.collection": "watchlist",
        "syncd.revision": 7,
        "syncd.status": "added",
        "syncd.device_id": "phone",
    }
    assert sent.status.code == sent.status.STATUS_CODE_UNSET


async def test_a_trace_that_begins_here_has_no_parent_and_a_refused_write_is_an_error(collector: Collector) -> None:
    (sent,) = await exported(collector, span("answered", parent_id=None, revision=None, status="refused"))
    assert sent.parent_span_id == b""
    assert sent.status.code == sent.status.STATUS_CODE_ERROR
    assert "syncd.revision" not in {pair.key for pair in sent.attributes}


async def test_every_stage_has_its_name_and_its_kind_and_the_beginning_has_no_span(collector: Collector) -> None:
    stages: tuple[Stage, ...] = (
        "accepted", "answered", "committed", "relayed", "written", "held", "published", "received",
    )  # fmt: skip
    sent = await exported(collector, *map(span, stages))
    kinds = {one.name: one.SpanKind.Name(one.kind).removeprefix("SPAN_KIND_") for one in sent}
    assert kinds == {
        "watchlist write": "SERVER",
        "journal commit": "INTERNAL",
        "relay": "INTERNAL",
        "write to device": "INTERNAL",
        "device not ready": "INTERNAL",
        "bus publish": "PRODUCER",
        "bus receive": "CONSUMER",
    }
