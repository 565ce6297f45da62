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
# filled and both move into the vector: {a: 2}, cloud {}. The cloud is as large as the open gaps, mostly
# empty.
#
# Two duties follow for whoever mints. One minter at a time per replica, as `next_tag` is "the first never
# seen" and two that mint from one context name two adds alike. And a replica that lost its context comes
# back under a new name: under the old one it would mint tags that others remember as removed.
#
# A foreign tag that is no dot (`movie-123`) has no predecessors and no successors. It stays in the cloud
# for ever: the price of remembering a tag whose author does not count, paid per such tag.
#
# Source: Almeida, Shoker, Baquero 2018, "Delta State Replicated Data Types" (the causal context and its
# compression); Riak's riak_dt_orswot.

import re
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


class CausalContext(Struct, frozen=True):
    """Every tag ever seen; a value: what looks like a change returns another context.

    Build one from ``CausalContext()``, or ``CausalContext({replica: counter})`` with counters from 1, by
    ``with_tags`` and ``merge``; or by ``from_wire``.
    """

    # Compact at all times, so that equal sets of tags are equal contexts: no tag of the cloud is covered by
    # the vector or next to it, and the vector holds no zero.
    _vector: dict[str, int] = field(default_factory=dict)
    _cloud: frozenset[Tag] = frozenset()

    def __contains__(self, tag: Tag) -> bool:
        return 0 < tag.counter <= self._vector.get(tag.replica, 0) or tag in self._cloud

    def next_tag(self, replica: str) -> Tag:
        """Return the first tag of ``replica`` not yet seen: the one to add under."""
        return Tag(replica, self._vector.get(replica, 0) + 1)

    def with_tags(self, *tags: Tag) -> "CausalContext":
        """Return this context with ``tags`` seen; itself if they all were.

        Cost: O(replicas + cloud + tags), as everything is copied.
        """
        unseen = [tag for tag in tags if tag not in self]
        if not unseen:
            return self
        vector = self._vector.copy()
        cloud = {*self._cloud, *unseen}
        for tag in unseen:
            while (following := Tag(tag.replica, vector.get(tag.replica, 0) + 1)) in cloud:
                cloud.remove(following)
                vector[following.replica] = following.counter
        return CausalContext(vector, frozenset(cloud))

    def merge(self, other: "CausalContext") -> "CausalContext":
        """Return the context of everything seen here or there.

        Cost: O(replicas + clouds) of both.
        """
        vector = self._vector.copy()
        for replica, counter in other._vector.items():
            vector[replica] = max(counter, vector.get(replica, 0))
        return CausalContext(vector).with_tags(*self._cloud, *other._cloud)

    def to_wire(self) -> ContextWire:
        """Return the form for JSON and a database column.

        Cost: O(n log n) of replicas and cloud; some 15 bytes for each as JSON.
        """
        return {"vector": dict(sorted(self._vector.items())), "cloud": sorted(map(str, self._cloud))}

    @classmethod
    def from_wire(cls, wire: Any) -> "CausalContext":
        """Return the context that ``to_wire`` made ``wire`` of.

        Raises:
            ValueError: ``wire`` has another shape; names the place.
        """
        checked = convert(wire, ContextWire)
        return cls(checked["vector"]).with_tags(*map(Tag.parse, checked["cloud"]))
