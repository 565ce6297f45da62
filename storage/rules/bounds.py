"""How much one user may make grow in the journal. An operation beyond a bound is refused, and the bound is named."""

from collections import deque
from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from typing import Final

from msgspec import Struct

from actors.messages.journal import Quota
from crdt.causal import CausalContext

UNUSED_DAYS: Final = 90
"""A replica that named no new tag for so long is forgotten when a new one needs its place."""


class Bounds(Struct, frozen=True):
    """The bounds; a write at any of them costs about what it costs without."""

    items_per_list: int = 10_000
    tags_per_item: int = 16
    """Live ones. An add beyond it is accepted, and the oldest tags go for it."""
    gaps_per_replica: int = 1_024
    """Runs of counters that were skipped, and may come yet."""
    replicas_per_user: int = 12_000
    """Beside the journal's own, in each list."""
    lists_per_user: int = 100
    """Beside the watchlist."""
    devices_per_user: int = 100
    """Known ones. For one more, the one that has been offline for longest is forgotten."""
    keys_per_user: int = 10_000
    """That have a value, in each collection of registers. As many that were removed are remembered."""


DEFAULT_BOUNDS: Final = Bounds()


class BoundReached(Exception):
    """Nothing may happen; the text is for the author, ``field`` the part of the operation to blame."""

    def __init__(self, quota: Quota, field: str, text: str) -> None:
        super().__init__(text)
        self.quota = quota
        self.field = field


def lists_bound(bounds: Bounds) -> BoundReached:
    """Return what is raised where another list is wanted, and there may be none."""
    most = bounds.lists_per_user
    return BoundReached("lists_per_user", "list", f"list: there are {most} lists (lists_per_user): delete one first")


def keys_bound(bounds: Bounds, field: str) -> BoundReached:
    """Return what is raised where no other key may have a value; ``field``: what a key is called."""
    most = bounds.keys_per_user
    return BoundReached("keys_per_user", field, f"{field}: {most} have a value (keys_per_user): remove one first")


class Usage:
    """What one user has of what is bounded, while a batch is applied.

    Args:
        bounds: how much there may be of it.
        items: contents in the list.
        replicas: how many foreign ones are remembered.
        known: those of them that the batch names.
        unused: others, unused for ``UNUSED_DAYS``, which may be forgotten; the longest unused first.
    """

    def __init__(
        self, bounds: Bounds, items: int, replicas: int = 0, known: Iterable[str] = (), unused: Iterable[str] = ()
    ) -> None:
        self._bounds = bounds
        self.items = items
        self.replicas = replicas
        self.forgotten: list[str] = []
        """Replicas whose place others have taken."""
        self._known = set(known)
        self._unused = deque(unused)

    def check_room(self) -> None:
        """Check that another content may come into the list. Raises: BoundReached."""
        most = self._bounds.items_per_list
        if self.items >= most:
            text = f"content_id: the list has its {most} items (items_per_list): remove one first"
            raise BoundReached("items_per_list", "content_id", text)

    def name(self, replicas: AbstractSet[str], seen: CausalContext, grown: CausalContext) -> None:
        """Count ``replicas`` of which tags are named; with their tags what was ``seen`` becomes ``grown``.

        Raises:
            BoundReached: they may not be remembered, and nothing was counted.
        """
        most = self._bounds.gaps_per_replica
        for replica in replicas:
            if grown.gaps(replica) > max(most, seen.gaps(replica)):
                text = (
                    f"tag: replica {replica!r} has skipped counters {most} times (gaps_per_replica): use a new replica"
                )
                raise BoundReached("gaps_per_replica", "tag", text)
        self._make_room(replicas - self._known)
        self._known |= replicas

    def _make_room(self, new: AbstractSet[str]) -> None:
        """Count ``new`` replicas, and forget unused ones where there is no room. Raises: BoundReached."""
        most = self._bounds.replicas_per_user
        in_the_way = min(self.replicas + len(new) - most, len(new))
        if in_the_way > len(self._unused):
            text = (
                f"tag: {most} replicas have named tags within {UNUSED_DAYS} days (replicas_per_user): leave the tag out"
            )
            raise BoundReached("replicas_per_user", "tag", text)
        for _ in range(in_the_way):
            self.forgotten.append(self._unused.popleft())
        self.replicas += len(new) - max(in_the_way, 0)
