"""Which writes are traced, and what their spans say."""

from itertools import count

import pytest

from actors.messages.collections import line_of
from actors.messages.trace import TraceParent, parse_traceparent
from actors.tracing import MAX_ASKED_PER_S, MAX_TRACED, Span, Tracer

TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT_ID = "00f067aa0ba902b7"
KIDS = "list:kids"
SAMPLED = f"00-{TRACE_ID}-{PARENT_ID}-01"
"""Section 3.2.2.5 of the specification, as the next."""
UNSAMPLED = f"00-{TRACE_ID}-{PARENT_ID}-00"


class Listener:
    """Records spans; on its clock each look takes a millisecond, and the wall clock goes back an hour each time."""

    def __init__(self) -> None:
        self.spans: list[Span] = []
        self._wall = count(1_764_000_000_000_000_000, -3_600_000_000_000)
        self._ticks = count(0, 1_000_000)

    def tracer(self, ratio: float = 0.0) -> Tracer:
        return Tracer(self.spans.append, ratio, lambda: next(self._ticks), lambda: next(self._wall))


@pytest.fixture
def listener() -> Listener:
    return Listener()


@pytest.mark.parametrize("traceparent", [None, UNSAMPLED, "nonsense"])
def test_a_write_that_nobody_asks_to_trace_is_not_traced(listener: Listener, traceparent: str | None) -> None:
    assert listener.tracer().accept(traceparent, "ann", "phone", "http") is None
    assert listener.spans == []


def test_a_write_goes_on_with_the_trace_of_who_asks(listener: Listener) -> None:
    trace = listener.tracer().accept(SAMPLED, "ann", "phone", "http")
    assert trace is not None
    (span,) = listener.spans
    assert (span.stage, span.trace_id, span.parent_id) == ("accepted", TRACE_ID, PARENT_ID)
    assert (span.user_id, span.details) == ("ann", {"device_id": "phone", "via": "http"})
    assert span.span_id == trace.span_id != PARENT_ID
    assert parse_traceparent(trace.traceparent) == TraceParent(TRACE_ID, span.span_id, is_sampled=True)


def test_a_write_that_is_picked_begins_a_trace_or_goes_on_with_its_own(listener: Listener) -> None:
    tracer = listener.tracer(ratio=1.0)
    for traceparent in (None, "nonsense", UNSAMPLED):
        assert tracer.accept(traceparent, "ann", "phone", "socket") is not None
    new, other, known = listener.spans
    assert (new.parent_id, other.parent_id, known.parent_id) == (None, None, PARENT_ID)
    assert known.trace_id == TRACE_ID
    assert len({new.trace_id, other.trace_id, TRACE_ID}) == 3
    for span in (new, other):
        assert parse_traceparent(f"00-{span.trace_id}-{span.span_id}-01") is not None


def test_a_write_to_a_list_is_traced_beside_one_to_the_watchlist_of_the_same_revision(listener: Listener) -> None:
    tracer = listener.tracer()
    to_list, to_watchlist = (tracer.accept(SAMPLED, "ann", "phone", "http", name) for name in (KIDS, "watchlist"))
    assert to_list is not None
    assert to_watchlist is not None
    tracer.commit(to_list, 1, "added", is_new=True)
    assert tracer.committed("ann", 1) is None
    tracer.commit(to_watchlist, 1, "added", is_new=True)
    for line, trace in ((line_of("ann", KIDS), to_list), ("ann", to_watchlist)):
        relay = tracer.begin_relay(line, 1)
        assert relay is not None
        assert relay.parent_id == trace.span_id
        assert tracer.relay(line, 1) is relay
    said = [(span.stage, span.user_id, span.collection) for span in listener.spans]
    assert said == [(stage, "ann", kind) for stage in ("accepted", "committed") for kind in ("list", "watchlist")]


def test_about_as_many_are_picked_as_the_ratio_says(listener: Listener) -> None:
    tracer = listener.tracer(ratio=0.5)
    picked = sum(tracer.accept(None, "ann", "phone", "http") is not None for _ in range(1_000))
    assert 300 < picked < 700


def test_a_stranger_can_ask_for_so_many_a_second_and_no_more() -> None:
    spans: list[Span] = []
    now_ns = 7_000_000_000
    tracer = Tracer(spans.append, monotonic_ns=lambda: now_ns)
    for _ in range(3 * MAX_ASKED_PER_S):
        tracer.accept(SAMPLED, "ann", "phone", "http")
    assert len(spans) == MAX_ASKED_PER_S
    now_ns += 1_000_000_000
    assert tracer.accept(SAMPLED, "ann", "phone", "http") is not None


def test_a_node_is_believed_when_it_says_that_a_write_is_traced(listener: Listener) -> None:
    tracer = listener.tracer()
    for traceparent in ("nonsense", UNSAMPLED):
        tracer.receive(traceparent, "ann", 7, "there")
    assert not tracer.is_tracing
    tracer.receive(SAMPLED, "ann", 7, "there")
    (span,) = listener.spans
    assert (span.stage, span.parent_id, span.revision, span.details) == ("received", PARENT_ID, 7, {"origin": "there"})
    traced = tracer.committed("ann", 7)
    assert traced is not None
    assert traced.span_id == span.span_id


def test_a_committed_write_is_traced_by_its_user_and_revision(listener: Listener) -> None:
    tracer = listener.tracer()
    trace = tracer.accept(SAMPLED, "ann", "phone", "http")
    assert trace is not None
    tracer.commit(trace, 7, "added", is_new=True)
    traced = tracer.committed("ann", 7)
    assert traced is not None
    assert (traced.span_id, traced.revision) == (trace.span_id, 7)
    assert tracer.relay("ann", 7) is None
    relay = tracer.begin_relay("ann", 7)
    assert relay is not None
    assert relay.parent_id == trace.span_id
    assert tracer.relay("ann", 7) is relay
    for user_id, revision in (("ann", 8), ("bob", 7), ("ann", None)):
        assert tracer.committed(user_id, revision) is None
        assert tracer.begin_relay(user_id, revision) is None
        assert tracer.relay(user_id, revision) is None


@pytest.mark.parametrize("revision", [None, 7])
def test_a_write_that_gave_no_new_revision_is_traced_no_further(listener: Listener, revision: int | None) -> None:
    tracer = listener.tracer()
    trace = tracer.accept(SAMPLED, "ann", "phone", "http")
    assert trace is not None
    tracer.commit(trace, revision, "existing", is_new=False)
    assert [(span.stage, span.revision) for span in listener.spans] == [("accepted", None), ("committed", revision)]
    assert not tracer.is_tracing


def test_of_too_many_traced_writes_the_oldest_are_traced_no_further() -> None:
    tracer = Tracer(lambda _span: None, 1.0)
    for revision in range(MAX_TRACED + 1):
        tracer.receive(SAMPLED, "ann", revision, "there")
        tracer.begin_relay("ann", revision)
    assert tracer.committed("ann", 0) is None
    assert tracer.committed("ann", 1) is not None
    assert tracer.committed("ann", MAX_TRACED) is not None


def test_spans_hang_together_and_last_as_long_as_they_did_whatever_the_wall_clock_does(listener: Listener) -> None:
    tracer = listener.tracer()
    accepted = tracer.accept(SAMPLED, "ann", "phone", "http")  # arrived at 1 ms
    assert accepted is not None
    child = tracer.child(accepted.at(7))
    tracer.passed(tracer.child(child), "written", device_id="tv")
    tracer.passed(child, "relayed", devices=1)
    tracer.passed(tracer.child(accepted, since_arrival=True), "committed", status="added")
    _, written, relayed, committed = listener.spans
    assert written.parent_id == relayed.span_id
    assert relayed.parent_id == committed.parent_id == accepted.span_id
    assert [span.revision for span in listener.spans] == [None, 7, 7, None]
    assert written.details == {"device_id": "tv"}
    for span, milliseconds in ((written, 1), (relayed, 3), (committed, 6)):
        assert span.ended_ns - span.began_ns == milliseconds * 1_000_000
    assert committed.since_ms == 6.0
    assert written.ended_ns > relayed.ended_ns > committed.ended_ns  # the wall clock's own doing
