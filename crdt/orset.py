"""Observed-remove set in which adds win: live tags per element and a causal context, no tombstones.

One element at a time: a store keeps an element per row and touches only that row. Throughout, every tag of an entry is
in the context that goes with it, and a tag names one add of one element.

A store may let an add supersede more than its author had observed, to bound the tags of an entry: the oldest ones. The
element stays in, and the tags stay in the context, as if they had been observed.

Adds and removes commute and repeat freely. What an add supersedes is its author's to say, once: told to others, the add
is ``remove(observed)`` and ``add(tag)``, in either order.

Source: Almeida, Shoker, Baquero 2018, "Delta State Replicated Data Types"; Bieniusa et al. 2012, "An
Optimized Conflict-free Replicated Set".
"""

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
