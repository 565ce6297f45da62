"""A whole set at one of its replicas, made of the product's functions on one element."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from crdt.causal import CausalContext, Tag
from crdt.orset import ABSENT, Entry, add, remove


@dataclass(frozen=True)
class Change:
    """What an author tells the others: the tag that makes an element live, if any, and those that it had observed."""

    element: str
    tag: Tag | None
    observed: Entry = ABSENT


@dataclass(frozen=True)
class Replica:
    """A value: what looks like a change returns another replica."""

    entries: Mapping[str, Entry] = field(default_factory=dict)
    context: CausalContext = field(default_factory=CausalContext)

    @property
    def value(self) -> frozenset[str]:
        return frozenset(self.entries)

    @property
    def tags(self) -> frozenset[Tag]:
        return ABSENT.union(*self.entries.values())

    def entry(self, element: str) -> Entry:
        return self.entries.get(element, ABSENT)

    def add(self, element: str, name: str) -> tuple["Replica", Change]:
        """Add ``element`` here, at the replica called ``name``."""
        change = Change(element, self.context.next_tag(name), self.entry(element))
        assert change.tag is not None
        return self._with(element, *add(self.entry(element), self.context, change.tag, change.observed)), change

    def remove(self, element: str) -> tuple["Replica", Change]:
        change = Change(element, None, self.entry(element))
        return self.apply(change), change

    def apply(self, change: Change) -> "Replica":
        """Take in a change made here or elsewhere."""
        entry, context = remove(self.entry(change.element), self.context, change.observed)
        if change.tag is not None:
            entry, context = add(entry, context, change.tag)
        return self._with(change.element, entry, context)

    def _with(self, element: str, entry: Entry, context: CausalContext) -> "Replica":
        entries = {**self.entries, element: entry}
        return Replica({element: entry for element, entry in entries.items() if entry}, context)


def foreign_add(element: str, text: str) -> Change:
    """Return the add of a publisher who names his tags himself and has observed nothing."""
    return Change(element, Tag.parse(text))
