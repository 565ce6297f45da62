"""How much one user may make grow in the journal. Beyond it an operation is refused by the bound's name."""

from typing import Final

from msgspec import Struct

UNUSED_DAYS: Final = 90
"""A replica that named no new tag for so long is forgotten when a new one needs its place."""


class Bounds(Struct, frozen=True):
    """The bounds; a write at any of them costs about what it costs without."""

    items_per_list: int = 10_000
    tags_per_item: int = 16
    """Live ones. An add beyond is taken, and the oldest tags go for it."""
    gaps_per_replica: int = 1_024
    """Runs of counters that were skipped, and may come yet."""
    replicas_per_user: int = 12_000
    """But the journal's own."""


DEFAULT_BOUNDS: Final = Bounds()
