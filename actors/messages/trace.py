"""What is known of a traced write: the trace it is part of, as values.

Source: W3C Trace Context, https://www.w3.org/TR/trace-context/, version 00; ``tracestate`` is not kept.
"""

import re
from typing import Final, Literal

from msgspec import Struct, structs

Stage = Literal["accepted", "committed", "answered", "relayed", "written", "held", "published", "received"]
Via = Literal["http", "socket", "channel"]
"""How a write came in; ``channel``: a foreign publisher's."""

_TRACEPARENT: Final = re.compile(
    r"(?P<version>(?!ff)[0-9a-f]{2})-(?P<trace_id>(?!0{32})[0-9a-f]{32})-(?P<span_id>(?!0{16})[0-9a-f]{16})"
    r"-(?P<flags>[0-9a-f]{2})(?P<more>-.*)?"
)
_SAMPLED: Final = 0x01


class TraceParent(Struct, frozen=True):
    """Which trace a request is part of, and which of its spans asks for it."""

    trace_id: str
    """32 lower-case hexadecimal digits, not all zero."""
    span_id: str
    """16 of them."""
    is_sampled: bool

    def __str__(self) -> str:
        """Return the text of the header ``traceparent``."""
        return f"00-{self.trace_id}-{self.span_id}-{_SAMPLED if self.is_sampled else 0:02x}"


def parse_traceparent(text: str) -> TraceParent | None:
    """Return what a ``traceparent`` says; ``None`` if it is not valid, which the specification wants ignored.

    A later version is read as far as this one goes.
    """
    found = _TRACEPARENT.fullmatch(text)
    if found is None or (found["version"] == "00" and found["more"] is not None):
        return None
    return TraceParent(found["trace_id"], found["span_id"], bool(int(found["flags"], 16) & _SAMPLED))


class Trace(Struct, frozen=True, eq=False, kw_only=True):
    """A span of a traced write that has begun on this node; ``Tracer.passed`` ends it."""

    trace_id: str
    span_id: str
    parent_id: str | None
    line: str
    """What it changes."""
    arrived_ns: int
    """When this node saw the write first; on the tracer's monotonic clock, as ``began_ns``."""
    began_ns: int
    details: dict[str, str | int]
    """What is known of this span already."""
    revision: int | None = None

    @property
    def traceparent(self) -> str:
        """What asks others to go on from here."""
        return str(TraceParent(self.trace_id, self.span_id, is_sampled=True))

    def at(self, revision: int | None) -> "Trace":
        """Return the same span of a write whose revision is known now."""
        return structs.replace(self, revision=revision)
