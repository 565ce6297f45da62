"""Tracing single writes from their request to the devices: which writes are traced, and what is told of each stage.

A write's request carries its ``Trace`` to the commit; from then on whoever passes the update on asks the node's
``Tracer`` for it, by line and revision. Whoever listens (the log, OpenTelemetry) is told finished ``Span``s.
"""

import random
import secrets
import time
from collections.abc import Callable
from typing import Final

from msgspec import Struct, structs

from actors.messages.collections import WATCHLIST, kind_of, line_of, parts_of
from actors.messages.trace import Stage, Trace, TraceParent, Via, parse_traceparent

MAX_ASKED_PER_S: Final = 100
"""Writes that this node traces in a second because their author asks for it: a stranger's flag must not cost more.

Source: W3C Trace Context, section "Denial of Service".
"""
MAX_TRACED: Final = 1024
"""Committed writes that are traced at once; beyond it the oldest are traced no further."""


class Span(Struct, frozen=True, kw_only=True):
    """One stage that a traced write has passed on this node.

    ``accepted`` is the beginning of the span that ``answered`` ends: they share their ``span_id``.
    """

    stage: Stage
    trace_id: str
    span_id: str
    parent_id: str | None
    """``None``: the trace begins here."""
    user_id: str
    collection: str
    """Its kind: ``watchlist``, ``list`` …"""
    revision: int | None
    """Once it has one."""
    began_ns: int
    """Since 1970, as ``ended_ns``."""
    ended_ns: int
    since_ms: float
    """Milliseconds from the write's arrival on this node, by request or by bus, to the stage's end."""
    details: dict[str, str | int]


class Tracer:
    """Decides which writes are traced, keeps their traces, and tells ``listen`` of each stage that they pass.

    Args:
        listen: must neither block nor raise.
        ratio: share of the writes that are traced unasked, 0 to 1.

    Thread: the event loop.
    """

    def __init__(
        self,
        listen: Callable[[Span], None],
        ratio: float = 0.0,
        monotonic_ns: Callable[[], int] = time.perf_counter_ns,
        wall_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self._listen = listen
        self._ratio = ratio
        self._monotonic_ns = monotonic_ns
        self._wall_ns = wall_ns
        self._second = 0
        self._asked = 0
        self._committed: dict[tuple[str, int], Trace] = {}
        self._relays: dict[tuple[str, int], Trace] = {}

    # Which writes are traced

    def accept(
        self, traceparent: str | None, user_id: str, device_id: str, via: Via, collection: str = WATCHLIST
    ) -> Trace | None:
        """Begin to trace a write that has just arrived; ``None``: nobody asks for it, and it was not picked.

        Args:
            traceparent: as it came; the write is traced if it is valid, sampled and within ``MAX_ASKED_PER_S``.
            user_id: whose write.
            device_id: its author.
            via: how it came.
            collection: what it changes.
        """
        if traceparent is None and not self._ratio:
            return None
        asker = None if traceparent is None else parse_traceparent(traceparent)
        is_picked = random.random() < self._ratio  # noqa: S311 - a sample
        if not is_picked and not (asker is not None and asker.is_sampled and self._has_room()):
            return None
        trace = self._arrived(asker, line_of(user_id, collection), {"device_id": device_id, "via": via})
        self.passed(trace, "accepted")
        return trace

    def receive(self, traceparent: str, line: str, revision: int, origin: str) -> None:
        """Go on with the trace of a write that node ``origin`` has committed, if it asks for that."""
        asker = parse_traceparent(traceparent)
        if asker is None or not asker.is_sampled:
            return
        trace = self._arrived(asker, line, {"origin": origin}).at(revision)
        self.passed(trace, "received")
        self._keep(self._committed, revision, trace)

    def commit(self, trace: Trace, revision: int | None, status: str, *, is_new: bool) -> None:
        """Tell that ``trace``'s write was decided; a new revision is traced on its way to the devices."""
        trace = trace.at(revision)
        self.passed(self.child(trace, since_arrival=True), "committed", status=status)
        if is_new and revision is not None:
            self._keep(self._committed, revision, trace)

    # What is traced, by line and revision

    @property
    def is_tracing(self) -> bool:
        """Whether any committed write is traced: else there is nothing to ask for."""
        return bool(self._committed)

    def committed(self, line: str, revision: int | None) -> Trace | None:
        """Return the trace of a committed write; ``None``: it is not traced."""
        return self._committed.get((line, revision or 0))

    def begin_relay(self, line: str, revision: int | None) -> Trace | None:
        """Begin and return the relay of a committed write; ``None``: it is not traced."""
        trace = self.committed(line, revision)
        if trace is None or trace.revision is None:
            return None
        relay = self.child(trace)
        self._keep(self._relays, trace.revision, relay)
        return relay

    def relay(self, line: str, revision: int | None) -> Trace | None:
        """Return a relay that has begun; ``None``: it is not traced."""
        return self._relays.get((line, revision or 0))

    def _keep(self, traces: dict[tuple[str, int], Trace], revision: int, trace: Trace) -> None:
        traces[trace.line, revision] = trace
        if len(traces) > MAX_TRACED:
            del traces[next(iter(traces))]

    # Spans

    def child(self, trace: Trace, *, since_arrival: bool = False) -> Trace:
        """Return a span below ``trace``: it begins now, or with the write's arrival."""
        return structs.replace(
            trace,
            span_id=_new_span_id(),
            parent_id=trace.span_id,
            began_ns=trace.arrived_ns if since_arrival else self._monotonic_ns(),
            details={},
        )

    def passed(self, trace: Trace, stage: Stage, **details: str | int) -> None:
        """Tell that ``trace`` has ended now. The wall clock is read once, so that it cannot bend a span's length."""
        now_ns, ended_ns = self._monotonic_ns(), self._wall_ns()
        user_id, collection = parts_of(trace.line)
        self._listen(
            Span(
                stage=stage,
                trace_id=trace.trace_id,
                span_id=trace.span_id,
                parent_id=trace.parent_id,
                user_id=user_id,
                collection=kind_of(collection),
                revision=trace.revision,
                began_ns=ended_ns - (now_ns - trace.began_ns),
                ended_ns=ended_ns,
                since_ms=(now_ns - trace.arrived_ns) / 1e6,
                details=trace.details | details,
            )
        )

    def _arrived(self, asker: TraceParent | None, line: str, details: dict[str, str | int]) -> Trace:
        now_ns = self._monotonic_ns()
        return Trace(
            trace_id=secrets.token_hex(16) if asker is None else asker.trace_id,
            span_id=_new_span_id(),
            parent_id=None if asker is None else asker.span_id,
            line=line,
            arrived_ns=now_ns,
            began_ns=now_ns,
            details=details,
        )

    def _has_room(self) -> bool:
        second = self._monotonic_ns() // 1_000_000_000
        if second != self._second:
            self._second, self._asked = second, 0
        self._asked += 1
        return self._asked <= MAX_ASKED_PER_S


def untraced() -> Tracer:
    """Return a tracer that tells nobody."""
    return Tracer(lambda _span: None)


def _new_span_id() -> str:
    return secrets.token_hex(8)
