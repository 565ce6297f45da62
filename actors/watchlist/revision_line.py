"""Where one user's revisions stand on this node: the next passes, an older one is dropped, a later one shows a gap.

Revisions of another epoch do not compare: if one is named the line is doubtful, and the journal says which is right.
"""

from enum import Enum


class Step(Enum):
    """What a revision that arrives is to this node."""

    NEXT = "next"
    """It follows the last one: show it."""
    OLD = "old"
    """It was shown, or passed over, before: drop it."""
    GAP = "gap"
    """Something before it is missing: the journal has that, and it."""
    OTHER = "other"
    """It is of another epoch: either the line's revisions are void, or this one is."""


class RevisionLine:
    """The one rule for whatever reaches a node, by bus or by journal, in any order and any number of times."""

    __slots__ = ("_is_doubtful", "_looked_for", "epoch", "head", "seen")

    def __init__(self, head: int = 0, epoch: str | None = None) -> None:
        self.epoch = epoch
        """The epoch of all revisions here; ``None``: not known."""
        self.head = head
        """The last revision that passed here."""
        self.seen = head
        """The greatest revision that was named since the journal was last asked."""
        self._looked_for = head
        self._is_doubtful = False
        """Another epoch was named since the journal was last asked."""

    @property
    def is_behind(self) -> bool:
        """Whether a revision was named that has not passed, or another epoch: the journal is to be asked for it."""
        return self._is_doubtful or self.seen > self.head

    def arrive(self, revision: int, epoch: str | None = None) -> Step:
        """Judge ``revision`` of ``epoch`` (``None``: nobody says); the next one passes."""
        self.see(revision, epoch)
        if self._is_other(epoch):
            return Step.OTHER
        if revision <= self.head:
            return Step.OLD
        if revision > self.head + 1:
            return Step.GAP
        self.head = revision
        return Step.NEXT

    def see(self, revision: int, epoch: str | None = None) -> None:
        """Hear of ``revision`` of ``epoch`` (``None``: nobody says)."""
        if self._is_other(epoch):
            self._is_doubtful = True
        else:
            self.seen = max(self.seen, revision)

    def begin_look(self) -> None:
        """Note that the journal is asked for what was seen; its answer may lack what is seen from now on."""
        self._looked_for, self.seen, self._is_doubtful = self.seen, 0, False

    def end_look(self, revision: int) -> bool:
        """Hear that the journal stands at ``revision``, and say whether that confirms what was looked for.

        What it does not confirm is forgotten: whoever named it was wrong, and another look would find the same.
        """
        return revision >= self._looked_for

    def fail_look(self) -> None:
        """Hear that the journal cannot be asked now: what was looked for is to be looked for again."""
        self.see(self._looked_for)
        self._is_doubtful = True  # perhaps it was

    def jump(self, revision: int) -> None:
        """Go on from ``revision``: what came before it cannot be had one by one any more."""
        self.head = revision
        self.see(revision)

    def _is_other(self, epoch: str | None) -> bool:
        return epoch is not None and self.epoch is not None and epoch != self.epoch
