"""Where one user's revisions stand on this node: the next passes, an older one is dropped, a later one shows a gap."""

from enum import Enum


class Step(Enum):
    """What a revision that arrives is to this node."""

    NEXT = "next"
    """It follows the last one: show it."""
    OLD = "old"
    """It was shown, or passed over, before: drop it."""
    GAP = "gap"
    """Something before it is missing: the journal has that, and it."""


class RevisionLine:
    """The one rule for whatever reaches a node, by bus or by journal, in any order and any number of times."""

    __slots__ = ("head", "seen")

    def __init__(self, head: int = 0) -> None:
        self.head = head
        """The last revision that passed here."""
        self.seen = head
        """The greatest revision known to exist."""

    @property
    def is_behind(self) -> bool:
        """Whether a revision is known to exist that has not passed."""
        return self.seen > self.head

    def arrive(self, revision: int) -> Step:
        """Judge ``revision``; the next one passes."""
        self.see(revision)
        if revision <= self.head:
            return Step.OLD
        if revision > self.head + 1:
            return Step.GAP
        self.head = revision
        return Step.NEXT

    def see(self, revision: int) -> None:
        """Learn that ``revision`` exists."""
        self.seen = max(self.seen, revision)

    def jump(self, revision: int) -> None:
        """Go on from ``revision``: what came before it cannot be had one by one any more."""
        self.head = revision
        self.see(revision)
