"""Where the stages of traced writes go: into the log, and to a collector if there is one."""

import logging
import re
import sys

import pytest

from actors.messages.trace import TraceParent
from syncd.checks.configuration import check_configuration
from syncd.errors import ExtraMissing
from syncd.process.tracing import FIELDS, tracing
from syncd.setting_sources import Resolved
from syncd.settings import Settings
from tests.fakes.collector import running_collector

ASKER = TraceParent("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7", is_sampled=True)


async def test_a_stage_is_a_line_with_the_fields_that_find_it(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "syncd.trace")
    async with tracing(Settings(), "node-a") as tracer:
        trace = tracer.accept(str(ASKER), "ann", "phone", "http")
        assert trace is not None
        tracer.commit(trace, 7, "added", is_new=True)
    accepted, committed = (record.__dict__ for record in caplog.records)
    assert (accepted["msg"], committed["msg"]) == ("accepted", "committed")
    assert (accepted["trace_id"], accepted["parent_id"]) == (ASKER.trace_id, ASKER.span_id)
    assert (accepted["node"], accepted["user"], accepted["device_id"], accepted["via"]) == (
        "node-a",
        "ann",
        "phone",
        "http",
    )
    assert "revision" not in accepted
    assert (committed["parent_id"], committed["revision"], committed["status"]) == (accepted["span_id"], 7, "added")
    assert committed["ms"] >= accepted["ms"] >= 0
    plain = set(logging.makeLogRecord({}).__dict__)
    assert (set(accepted) | set(committed)) - plain - {"message", "asctime"} <= set(FIELDS)


@pytest.mark.parametrize(
    ("settings", "is_traced"),
    [(Settings(), False), (Settings(trace_ratio=1.0), True), (Settings(log_level="debug"), True)],
)
async def test_writes_are_traced_unasked_as_the_settings_say(settings: Settings, is_traced: bool) -> None:
    async with tracing(settings, "node-a") as tracer:
        assert (tracer.accept(None, "ann", "phone", "http") is not None) is is_traced


async def test_a_collector_has_every_span_when_the_context_is_left() -> None:
    async with running_collector() as collector:
        async with tracing(Settings(otlp_endpoint=collector.url), "node-a") as tracer:
            trace = tracer.accept(str(ASKER), "ann", "phone", "http")
            assert trace is not None
            tracer.commit(trace, 7, "added", is_new=True)
            tracer.passed(trace, "answered", status="added")
        assert sorted(span.name for _, span in collector.spans) == ["journal commit", "watchlist write"]


async def test_without_opentelemetry_the_start_and_the_check_say_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "syncd.process.otlp", None)  # cannot be imported
    settings = Settings(otlp_endpoint="http://127.0.0.1:9")
    fix = "pip install 'syncd[opentelemetry]'"
    with pytest.raises(ExtraMissing, match=rf"^--otlp-endpoint needs .*: {re.escape(fix)}$"):
        async with tracing(settings, "node-a"):
            pass
    (result,) = check_configuration(Resolved(settings), {})
    assert (result.status, result.fix) == ("failed", f"{fix}, for --otlp-endpoint (SYNCD_OTLP_ENDPOINT)")
