"""Causal context: which tags were ever seen, in the size of the replicas and not of the history."""

# Theory of operation
# -------------------
# A set without tombstones has one hard question. An add arrives under a tag that I do not hold: have I not seen it
# yet, or have I seen it and removed it? The first means "take it", the second "drop it". The answer is a
# record of every tag ever seen, kept beside the live ones: seen and absent is removed; unseen is news.
#
# Written out, that record would be the history itself. So tags are dots, `(replica, counter)`, and each
# replica mints its counters without gaps: 1, 2, 3 ... Then "everything of replica a up to 7" is one number,
# and the whole record is a version vector: replica -> 7.
#
# A vector alone is wrong, and silently so. Replica `a` adds film X with a:1, then film Y with a:2. The
# message with a:1 is delayed; `b` receives a:2 and raises its vector to {a: 2}, which claims a:1 too. When a:1
# comes at last, `b` "has seen it and removed it": X never appears at `b`, though nobody removed it. Clock stamps
# as context fail likewise, and cannot be saved: "seen up to 12:00:05" claims every stamp below, those of slower
# clocks too, and as stamps are not contiguous no gap ever shows.
#
# So a dot that arrives before its predecessors waits in the *cloud*, and the vector only ever covers what
# was really seen. `b` above holds vector {} and cloud {a:2}: X is news to it. When a:1 comes, the gap is
# filled and both move into the vector: {a: 2}, cloud {}.
#
# Vector and cloud are one thing here: for each replica the runs of counters seen, of which the vector is the run
# from 1. So the record is as large as the open gaps, mostly none, and not as what waits behind them.
#
# Two duties follow for whoever mints. One minter at a time per replica, as `next_tag` is "the first never
# seen" and two that mint from one context name two adds alike. And a replica that lost its context comes
# back under a new name: under the old one it would mint tags that others remember as removed.
#
# A foreign tag that is no dot (`movie-123`) has no predecessors and no successors. It is counter 0 of a replica of its
# own, and stays for ever: the price of remembering a tag whose author does not count, paid per such tag.
#
# Source: Almeida, Shoker, Baquero 2018, "Delta State Replicated Data Types" (the causal context and its
# compression); Riak's riak_dt_orswot.

import re
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator, Sequence
from operator import lt
from typing import Annotated, Any, TypedDict

from msgspec import Meta, Struct, convert, field

_DOT = re.compile(r"(.*):([1-9][0-9]{0,17})", re.DOTALL)  # 18 digits: a counter fits 64 bits everywhere


class Tag(Struct, frozen=True, order=True, gc=False):
    """The name of one add, unique for ever.

    Its text is ``replica:counter``. Any other text is an opaque tag of somebody who does not count: its own
    replica, counter 0. So ``x`` and ``x:1`` are different tags.
    """

    replica: str
    counter: int
    """1, 2, 3 … per replica; 0: opaque."""

    @classmethod
    def parse(cls, text: str) -> "Tag":
        """Return the tag that ``text`` names; ``str`` gives ``text`` back unchanged.

        Raises:
            ValueError: ``text`` is empty.
        """
        if dot := _DOT.fullmatch(text):
            return cls(dot[1], int(dot[2]))
        if not text:
            raise ValueError("a tag must not be empty")
        return cls(text, 0)

    def __str__(self) -> str:
        return f"{self.replica}:{self.counter}" if self.counter else self.replica


class ContextWire(TypedDict):
    """A context as JSON holds it: equal contexts give equal text."""

    vector: dict[str, Annotated[int, Meta(ge=1)]]
    cloud: list[Annotated[str, Meta(min_length=1)]]


Runs = tuple[int, ...]
"""The counters seen of one replica, as half-open ranges: from the first number to below the second, and so on."""


class CausalContext(Struct, frozen=True):
    """Every tag ever seen; a value: what looks like a change returns another context.

    Build one from ``CausalContext()`` by ``with_tags`` and ``merge``; or by ``from_runs`` or ``from_wire``.
    """

    # No run is empty, no two touch, every replica has at least one: equal sets of tags are equal contexts.
    _seen: dict[str, Runs] = field(default_factory=dict)

    def __contains__(self, tag: Tag) -> bool:
        return bisect_right(self._seen.get(tag.replica, ()), tag.counter) % 2 == 1

    def next_tag(self, replica: str) -> Tag:
        """Return the first tag of ``replica`` not yet seen: the one to add under."""
        runs = self._seen.get(replica, ())
        at = bisect_right(runs, 1)
        return Tag(replica, runs[at] if at % 2 else 1)

    def gaps(self, replica: str) -> int:
        """Return how many runs of counters of ``replica`` were skipped."""
        runs = self._seen.get(replica)
        return 0 if runs is None else len(runs) // 2 - (runs[0] <= 1)

    def with_tags(self, *tags: Tag) -> "CausalContext":
        """Return this context with ``tags`` seen; itself if they all were.

        Cost: O(replicas + gaps of those of the tags), as they are copied.
        """
        unseen: dict[str, list[int]] = defaultdict(list)
        for tag in tags:
            if tag not in self:
                unseen[tag.replica].append(tag.counter)
        if not unseen:
            return self
        seen = self._seen.copy()
        for replica, counters in unseen.items():
            seen[replica] = _with_counters(seen.get(replica, ()), counters)
        return CausalContext(seen)

    def merge(self, other: "CausalContext") -> "CausalContext":
        """Return the context of everything seen here or there.

        Cost: O(replicas), and O(gaps) of those known to both.
        """
        seen = self._seen.copy()
        for replica, runs in other._seen.items():
            ours = seen.get(replica)
            seen[replica] = runs if ours is None else _union(ours, runs)
        return CausalContext(seen)

    def runs(self, replica: str) -> Runs:
        """Return what was seen of ``replica``."""
        return self._seen.get(replica, ())

    @classmethod
    def from_runs(cls, replica: str, runs: Sequence[int]) -> "CausalContext":
        """Return the context in which only ``runs`` of ``replica`` were seen.

        Raises:
            ValueError: these are no runs.
        """
        if len(runs) % 2 or not all(map(lt, runs, runs[1:])) or (runs and runs[0] < 0):
            raise ValueError(f"no runs of counters: {len(runs)} numbers that begin {[*runs[:4]]}")
        return cls({replica: tuple(runs)} if runs else {})

    def to_wire(self) -> ContextWire:
        """Return the form for JSON.

        Cost: O(n log n) of replicas and of every tag beyond the vector.
        """
        vector: dict[str, int] = {}
        cloud: list[str] = []
        for replica, runs in self._seen.items():
            for first, stop in _pairs(runs):
                if first == 0:
                    cloud.append(replica)
                if first > 1:
                    cloud += [str(Tag(replica, counter)) for counter in range(first, stop)]
                elif stop > 1:
                    vector[replica] = stop - 1
        return {"vector": dict(sorted(vector.items())), "cloud": sorted(cloud)}

    @classmethod
    def from_wire(cls, wire: Any) -> "CausalContext":
        """Return the context from which ``to_wire`` made ``wire``.

        Raises:
            ValueError: ``wire`` has another shape; names the place.
        """
        checked = convert(wire, ContextWire)
        context = cls({replica: (1, counter + 1) for replica, counter in checked["vector"].items()})
        return context.with_tags(*map(Tag.parse, checked["cloud"]))


def _with_counters(runs: Runs, counters: list[int]) -> Runs:
    """Return ``runs`` with ``counters``. Cost: O(runs) for each counter but those that only follow."""
    grown = list(runs)
    for counter in sorted(counters):
        at = bisect_right(grown, counter)
        if at % 2:
            continue
        follows = at > 0 and grown[at - 1] == counter
        precedes = at < len(grown) and grown[at] == counter + 1
        grown[at - follows : at + precedes] = [counter] * (not follows) + [counter + 1] * (not precedes)
    return tuple(grown)


def _union(one: Runs, other: Runs) -> Runs:
    joined: list[int] = []
    for first, stop in sorted((*_pairs(one), *_pairs(other))):
        if joined and first <= joined[-1]:
            joined[-1] = max(joined[-1], stop)
        else:
            joined += (first, stop)
    return tuple(joined)


def _pairs(runs: Runs) -> Iterator[tuple[int, int]]:
    return zip(runs[::2], runs[1::2], strict=True)
