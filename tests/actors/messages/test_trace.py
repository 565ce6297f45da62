"""The header ``traceparent``, by the specification's own rules and examples."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.messages.trace import Trace, TraceParent, parse_traceparent

TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT_ID = "00f067aa0ba902b7"
SAMPLED = f"00-{TRACE_ID}-{PARENT_ID}-01"
"""Section 3.2.2.5 of the specification, as the next."""
UNSAMPLED = f"00-{TRACE_ID}-{PARENT_ID}-00"


def test_the_specifications_examples_are_understood() -> None:
    assert parse_traceparent(SAMPLED) == TraceParent(TRACE_ID, PARENT_ID, is_sampled=True)
    assert parse_traceparent(UNSAMPLED) == TraceParent(TRACE_ID, PARENT_ID, is_sampled=False)


@pytest.mark.parametrize(
    "text",
    [
        "",
        TRACE_ID,
        SAMPLED.upper(),
        f"ff-{TRACE_ID}-{PARENT_ID}-01",
        f"0-{TRACE_ID}-{PARENT_ID}-01",
        f"00-{'0' * 32}-{PARENT_ID}-01",
        f"00-{TRACE_ID}-{'0' * 16}-01",
        f"00-{TRACE_ID[:-1]}-{PARENT_ID}-01",
        f"00-{TRACE_ID}-{PARENT_ID}-1",
        f"00-{TRACE_ID}-{PARENT_ID}-0x",
        f"00-{TRACE_ID}-{PARENT_ID}",
        f"{SAMPLED}-what-the-future-will-be-like",
        f"{SAMPLED}\n",
        f"{SAMPLED},{SAMPLED}",
        f"cc-{TRACE_ID}-{PARENT_ID}-01.what-the-future-will-be-like",
        SAMPLED.replace("4", "\N{ARABIC-INDIC DIGIT FOUR}"),
    ],
)
def test_what_the_specification_calls_invalid_is_nothing(text: str) -> None:
    assert parse_traceparent(text) is None


@pytest.mark.parametrize("more", ["", "-what-the-future-will-be-like"])
def test_a_later_version_is_read_as_far_as_this_one_goes(more: str) -> None:
    assert parse_traceparent(f"cc-{TRACE_ID}-{PARENT_ID}-01{more}") == TraceParent(TRACE_ID, PARENT_ID, is_sampled=True)


@given(st.integers(0, 255))
def test_of_the_flags_only_the_lowest_counts(flags: int) -> None:
    parsed = parse_traceparent(f"00-{TRACE_ID}-{PARENT_ID}-{flags:02x}")
    assert parsed is not None
    assert parsed.is_sampled == bool(flags & 1)


@given(st.integers(1, 2**128 - 1), st.integers(1, 2**64 - 1), st.booleans())
def test_what_is_written_is_read_again(trace_id: int, span_id: int, is_sampled: bool) -> None:
    written = TraceParent(f"{trace_id:032x}", f"{span_id:016x}", is_sampled)
    assert parse_traceparent(str(written)) == written


@given(st.text() | st.from_regex(r"[0-9a-f]{1,3}-[0-9a-f]{31,33}-[0-9a-f]{15,17}-[0-9a-f]{1,3}(-.*)?", fullmatch=True))
def test_whatever_is_read_was_of_the_right_form(text: str) -> None:
    parsed = parse_traceparent(text)
    if parsed is not None:
        assert text[3:52] == f"{parsed.trace_id}-{parsed.span_id}"
        assert re.fullmatch(r"[0-9a-f]{32}", parsed.trace_id)
        assert int(parsed.trace_id, 16) > 0
        assert int(parsed.span_id, 16) > 0


def test_a_span_asks_others_to_go_on_from_it_and_may_learn_its_revision() -> None:
    span = Trace(
        trace_id=TRACE_ID,
        span_id=PARENT_ID,
        parent_id=None,
        line="ann",
        arrived_ns=1,
        began_ns=2,
        details={"via": "http"},
    )
    assert span.traceparent == SAMPLED
    known = span.at(7)
    assert (span.revision, known.revision) == (None, 7)
    assert (known.span_id, known.began_ns, known.details) == (PARENT_ID, 2, {"via": "http"})
