"""Hybrid logical clock: stamps that follow the wall clock where it can be followed and never go back.

Pure: the wall clock is an argument. Stamps order what people see and break ties; they are no causal context
(``crdt/causal.py`` says why).

Source: Kulkarni, Demirbas, Madeppa, Avva, Leone 2014, "Logical Physical Clocks".
"""

from typing import Annotated, Self

from msgspec import Meta, Struct

LOGICAL_BITS = 16
MAX_LOGICAL = (1 << LOGICAL_BITS) - 1
MAX_PHYSICAL = (1 << 48) - 1


class ClockDriftError(Exception):
    """A remote clock is further ahead than the bound: taking its time would drag every other clock along."""

    def __init__(self, remote: "HLCTimestamp", now_ms: int, max_drift_ms: int) -> None:
        super().__init__(remote, now_ms, max_drift_ms)
        self.remote = remote
        self.now_ms = now_ms
        self.max_drift_ms = max_drift_ms

    @property
    def drift_ms(self) -> int:
        """How far the remote clock is ahead of ours."""
        return self.remote.physical - self.now_ms

    def __str__(self) -> str:
        return (
            f"the clock of {self.remote.node!r} is {self.drift_ms} ms ({self.drift_ms / 1000:.1f} s) ahead; "
            f"at most {self.max_drift_ms} ms ({self.max_drift_ms / 1000:.1f} s) is accepted"
        )


class HLCTimestamp(Struct, frozen=True, order=True):
    """One point in hybrid time; totally ordered by physical, then logical, then node.

    Decoding checks the ranges; the constructor does not (msgspec's rule): see ``validated``.
    """

    physical: Annotated[int, Meta(ge=0, le=MAX_PHYSICAL)]
    """Milliseconds since 1970; 48 bits."""
    logical: Annotated[int, Meta(ge=0, le=MAX_LOGICAL)]
    """Counts events within one physical millisecond; 16 bits."""
    node: Annotated[str, Meta(max_length=128, pattern=r"^[^\u0000-\u001f\u007f-\u009f]*(?![\s\S])")]
    """Who stamped it; without control characters: PostgreSQL cannot store NUL."""

    def validated(self) -> Self:
        """Return this stamp if its numbers are in range.

        Raises:
            ValueError: names the field, its value and its range.
        """
        if not 0 <= self.physical <= MAX_PHYSICAL:
            raise ValueError(f"physical must be within 0..{MAX_PHYSICAL} ms, not {self.physical}")
        if not 0 <= self.logical <= MAX_LOGICAL:
            raise ValueError(f"logical must be within 0..{MAX_LOGICAL}, not {self.logical}")
        return self

    def pack(self) -> int:
        """Return physical and logical as one integer that sorts as they do.

        A signed 64-bit column holds it until the year 6429.

        Raises:
            ValueError: a number is out of range.
        """
        self.validated()
        return self.physical << LOGICAL_BITS | self.logical

    @classmethod
    def unpack(cls, packed: int, node: str) -> Self:
        """Return the stamp of ``node`` from which ``pack`` made ``packed``.

        Raises:
            ValueError: ``packed`` is negative or longer than 64 bits.
        """
        return cls(packed >> LOGICAL_BITS, packed & MAX_LOGICAL, node).validated()


def tick(last: HLCTimestamp, now_ms: int, node: str) -> HLCTimestamp:
    """Return the stamp of an event on ``node``: above ``last`` even if the wall clock steps back."""
    if now_ms > last.physical:
        return HLCTimestamp(now_ms, 0, node)
    if last.logical < MAX_LOGICAL:
        return HLCTimestamp(last.physical, last.logical + 1, node)
    return HLCTimestamp(last.physical + 1, 0, node)


def receive(last: HLCTimestamp, remote: HLCTimestamp, now_ms: int, max_drift_ms: int) -> HLCTimestamp:
    """Return our clock after it has seen ``remote``: above ``last`` and ``remote``, on ``last.node``.

    Raises:
        ClockDriftError: ``remote`` is more than ``max_drift_ms`` ahead of ``now_ms``.
    """
    if remote.physical - now_ms > max_drift_ms:
        raise ClockDriftError(remote, now_ms, max_drift_ms)
    return tick(max(last, remote), now_ms, last.node)
