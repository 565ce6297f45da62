"""Observed-remove set in which adds win: live tags per element and a causal context, no tombstones.

The functions on one element carry the whole meaning: a store can keep an element per row and touch only that
row. ``ORSet`` is the same set in one value, for clients, snapshots and the laws.

Throughout, every tag of an entry is in the context that goes with it, and a tag names one add of one element.
Adds and removes commute and repeat freely. What an add supersedes is its author's to say, once: told to others,
the add is ``remove(observed)`` and ``add(tag)``, in either order, or a ``Delta``.

Source: Almeida, Shoker, Baquero 2018, "Delta State Replicated Data Types"; Bieniusa et al. 2012, "An
Optimized Conflict-free Replicated Set".
"""

from collections.abc import Mapping

from msgspec import Struct, field

from crdt.causal import CausalContext, Tag

Entry = frozenset[Tag]
"""The live tags of one element; empty: the element is not in the set."""

ABSENT: Entry = frozenset()


def add(entry: Entry, context: CausalContext, tag: Tag, observed: Entry = ABSENT) -> tuple[Entry, CausalContext]:
    """Return ``entry`` and ``context`` after an add under ``tag`` by an author who had observed ``observed``.

    The add supersedes what was observed, so an element added again and again keeps one tag. A tag already
    seen changes nothing: it is a repetition, or it was removed before it came here.
    """
    if tag in context:
        return entry, context
    return (entry - observed) | {tag}, context.with_tags(tag, *observed)


def remove(entry: Entry, context: CausalContext, observed: Entry) -> tuple[Entry, CausalContext]:
    """Return ``entry`` and ``context`` after a remove by an author who had observed ``observed``.

    A concurrent add is not among the observed and survives. An observed tag that was never seen here is
    remembered: when its add arrives, it stays removed.
    """
    return entry - observed, context.with_tags(*observed)


def merge(left: Entry, left_context: CausalContext, right: Entry, right_context: CausalContext) -> Entry:
    """Return one element's live tags after two replicas join; ``CausalContext.merge`` joins the contexts."""
    both = left & right  # nobody removed these
    only_left = {tag for tag in left - both if tag not in right_context}  # seen on the right: removed there
    only_right = {tag for tag in right - both if tag not in left_context}  # seen on the left: removed there
    return both.union(only_left, only_right)


class Delta(Struct, frozen=True):
    """What one change does to one element: all a replica needs, in any order, any number of times."""

    element: str
    entry: Entry
    """The tags the change makes live."""
    context: CausalContext
    """Those, and the tags it takes away."""


class Stats(Struct, frozen=True):
    """The size of a set's state, in things stored."""

    elements: int
    tags: int
    replicas: int
    cloud: int


class ORSet(Struct, frozen=True):
    """A whole set as one value: what looks like a change returns another set.

    Cost: each change copies the table of elements, O(elements).
    """

    entries: Mapping[str, Entry] = field(default_factory=dict)
    """Element -> its live tags, never empty."""
    context: CausalContext = CausalContext()

    @property
    def value(self) -> frozenset[str]:
        """The elements."""
        return frozenset(self.entries)

    def add(self, element: str, replica: str) -> tuple["ORSet", Delta]:
        """Return the set with ``element`` added by ``replica``, and the delta that tells the others."""
        tag, observed = self.context.next_tag(replica), self.entries.get(element, ABSENT)
        delta = Delta(element, *add(ABSENT, CausalContext(), tag, observed))
        return self.apply(delta), delta

    def remove(self, element: str) -> tuple["ORSet", Delta]:
        """Return the set without ``element`` (absent or not), and the delta that tells the others."""
        delta = Delta(element, *remove(ABSENT, CausalContext(), self.entries.get(element, ABSENT)))
        return self.apply(delta), delta

    def apply(self, delta: Delta) -> "ORSet":
        """Return the set after a change made here or elsewhere; one known already changes nothing."""
        ours = self.entries.get(delta.element, ABSENT)
        entries = {**self.entries, delta.element: merge(ours, self.context, delta.entry, delta.context)}
        if not entries[delta.element]:
            del entries[delta.element]
        return ORSet(entries, self.context.merge(delta.context))

    def merge(self, other: "ORSet") -> "ORSet":
        """Return the set of everything added and not removed, as far as both know together.

        Cost: O(elements) of both.
        """
        entries = {}
        for element in self.entries.keys() | other.entries.keys():
            left, right = self.entries.get(element, ABSENT), other.entries.get(element, ABSENT)
            if entry := merge(left, self.context, right, other.context):
                entries[element] = entry
        return ORSet(entries, self.context.merge(other.context))

    def stats(self) -> Stats:
        """Return how much is stored: live things and replicas, whatever the history was."""
        return Stats(
            elements=len(self.entries),
            tags=sum(map(len, self.entries.values())),
            replicas=self.context.replica_count,
            cloud=self.context.cloud_size,
        )
