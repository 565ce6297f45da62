"""Last writer wins, by hybrid clock: for values where the latest word counts, such as a playback position.

A change of mind is a later word like any other: un-watching a film wins over watching it when it came after.

Source: Shapiro, Preguiça, Baquero, Zawirski 2011, "A comprehensive study of Convergent and Commutative
Replicated Data Types", section 3.2.
"""

from collections.abc import Mapping
from typing import Generic, TypeVar

from msgspec import Struct, field, json

from crdt.hlc import HLCTimestamp

T = TypeVar("T")


class LWWRegister(Struct, Generic[T], frozen=True):
    """One JSON-encodable value and when it was written; the greatest stamp wins, its node breaks ties."""

    value: T
    timestamp: HLCTimestamp

    def merge(self, other: "LWWRegister[T]") -> "LWWRegister[T]":
        """Return the later of both."""
        if self.timestamp == other.timestamp:
            # A sound clock never stamps twice alike; one that does must not set replicas at odds for ever.
            return max(self, other, key=LWWRegister[T]._rank)
        return max(self, other, key=lambda register: register.timestamp)

    def _rank(self) -> tuple[bool, bytes]:
        """Order values of one stamp: ``None`` above all, so that what ends several registers ends all or none."""
        return self.value is None, json.encode(self.value, order="deterministic")


class LWWMap(Struct, Generic[T], frozen=True):
    """A register per key, for every key ever set; a value: what looks like a change returns another map."""

    registers: Mapping[str, LWWRegister[T]] = field(default_factory=dict[str, LWWRegister[T]])

    def get(self, key: str) -> T | None:
        """Return the latest value of ``key``, or ``None`` if it was never set."""
        register = self.registers.get(key)
        return register.value if register else None

    def set(self, key: str, value: T, timestamp: HLCTimestamp) -> "LWWMap[T]":
        """Return the map with ``value`` written at ``timestamp``, unless ``key`` has a later one.

        Cost: O(keys), as the table is copied.
        """
        return self.merge(LWWMap({key: LWWRegister(value, timestamp)}))

    def merge(self, other: "LWWMap[T]") -> "LWWMap[T]":
        """Return the map of the latest word on every key of both.

        Cost: O(keys) of both.
        """
        registers = dict(self.registers)
        for key, theirs in other.registers.items():
            ours = registers.get(key)
            registers[key] = ours.merge(theirs) if ours else theirs
        return LWWMap(registers)
