"""Following one write from its request to the devices: which writes are followed, and what is told of each stage.

A followed write carries its ``Trace`` in the messages that carry the write; every other write carries ``None``, and a
stage costs it one test. Whoever listens (the log, OpenTelemetry) is told finished ``Span``s, which are values.

Source: W3C Trace Context, https://www.w3.org/TR/trace-context/, version 00; ``tracestate`` is not kept.
"""

import random
import re
import secrets
import time
from collections.abc import Callable
from typing import Final, Literal

from msgspec import Struct, structs

MAX_ASKED_PER_S: Final = 100
"""Writes that this node follows in a second because their author asks for it: a flag of a stranger must not cost more.

Source: W3C Trace Context, section "Denial of Service".
"""

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


class Span(Struct, frozen=True, kw_only=True):
    """One stage that a followed write has passed on this node.

    ``accepted`` is the beginning of the span that ``answered`` ends: they share their ``span_id``.
    """

    stage: Stage
    trace_id: str
    span_id: str
    parent_id: str | None
    """``None``: the trace begins here."""
    user_id: str
    revision: int | None
    """Once it has one."""
    began_ns: int
    """Since 1970, as ``ended_ns``."""
    ended_ns: int
    since_ms: float
    """Milliseconds from the write's arrival on this node, by request or by bus, to the stage's end."""
    details: dict[str, str | int]


class Trace(Struct, frozen=True, eq=False, kw_only=True):
    """A span of a followed write that has begun on this node; ``passed`` ends it."""

    tracer: "Tracer"
    trace_id: str
    span_id: str
    parent_id: str | None
    user_id: str
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

    def child(self, *, since_arrival: bool = False) -> "Trace":
        """Return a span below this one: it begins now, or with the write's arrival."""
        return structs.replace(
            self,
            span_id=_new_span_id(),
            parent_id=self.span_id,
            began_ns=self.arrived_ns if since_arrival else self.tracer.monotonic_ns(),
            details={},
        )

    def passed(self, stage: Stage, **details: str | int) -> None:
        """Tell that the span has ended."""
        self.tracer.tell(self, stage, self.details | details)


class Tracer:
    """Decides which writes are followed, and tells ``listen`` what they passed.

    Args:
        listen: must neither block nor raise.
        ratio: how many of the writes that nobody asks to follow are followed, 0 to 1.

    Thread: the event loop.
    """

    def __init__(
        self,
        listen: Callable[[Span], None],
        ratio: float = 0.0,
        monotonic_ns: Callable[[], int] = time.perf_counter_ns,
        wall_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self.monotonic_ns = monotonic_ns
        self._listen = listen
        self._ratio = ratio
        self._wall_ns = wall_ns
        self._second = 0
        self._asked = 0

    def accept(self, traceparent: str | None, user_id: str, device_id: str, via: Via) -> Trace | None:
        """Begin to follow a write that has just arrived; ``None``: nobody asks for it, and it was not picked.

        Args:
            traceparent: as it came; followed if valid, sampled and within ``MAX_ASKED_PER_S``.
            user_id: whose write.
            device_id: its author.
            via: how it came.
        """
        if traceparent is None and not self._ratio:
            return None
        asker = None if traceparent is None else parse_traceparent(traceparent)
        is_picked = random.random() < self._ratio  # noqa: S311 - a sample
        if not is_picked and not (asker is not None and asker.is_sampled and self._has_room()):
            return None
        trace = self._arrived(asker, user_id, {"device_id": device_id, "via": via})
        trace.passed("accepted")
        return trace

    def receive(self, traceparent: str, user_id: str, revision: int, origin: str) -> Trace | None:
        """Go on following a write that node ``origin`` has committed; ``None``: it asks for nothing valid."""
        asker = parse_traceparent(traceparent)
        if asker is None or not asker.is_sampled:
            return None
        trace = self._arrived(asker, user_id, {"origin": origin}).at(revision)
        trace.passed("received")
        return trace

    def tell(self, trace: Trace, stage: Stage, details: dict[str, str | int]) -> None:
        """Tell that ``trace`` has ended now. The wall clock is read once, so that it cannot bend a span's length."""
        now_ns, ended_ns = self.monotonic_ns(), self._wall_ns()
        self._listen(
            Span(
                stage=stage,
                trace_id=trace.trace_id,
                span_id=trace.span_id,
                parent_id=trace.parent_id,
                user_id=trace.user_id,
                revision=trace.revision,
                began_ns=ended_ns - (now_ns - trace.began_ns),
                ended_ns=ended_ns,
                since_ms=(now_ns - trace.arrived_ns) / 1e6,
                details=details,
            )
        )

    def _arrived(self, asker: TraceParent | None, user_id: str, details: dict[str, str | int]) -> Trace:
        now_ns = self.monotonic_ns()
        return Trace(
            tracer=self,
            trace_id=secrets.token_hex(16) if asker is None else asker.trace_id,
            span_id=_new_span_id(),
            parent_id=None if asker is None else asker.span_id,
            user_id=user_id,
            arrived_ns=now_ns,
            began_ns=now_ns,
            details=details,
        )

    def _has_room(self) -> bool:
        second = self.monotonic_ns() // 1_000_000_000
        if second != self._second:
            self._second, self._asked = second, 0
        self._asked += 1
        return self._asked <= MAX_ASKED_PER_S


def untraced() -> Tracer:
    """Return a tracer that tells nobody."""
    return Tracer(lambda _span: None)


def _new_span_id() -> str:
    return secrets.token_hex(8)
