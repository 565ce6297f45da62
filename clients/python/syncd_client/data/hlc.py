"""The client's hybrid logical clock: stamps that rise even when the wall clock steps back.

The rules are the daemon's; the code is not shared, as the client depends on nothing of the daemon.

Source: Kulkarni, Demirbas, Madeppa, Avva, Leone 2014, "Logical Physical Clocks".
"""

from typing import Final

from msgspec import Struct

MAX_LOGICAL: Final = (1 << 16) - 1


class Timestamp(Struct, frozen=True, order=True):
    """A point in hybrid time: ms since 1970, a counter within the millisecond, and the node or replica that set it."""

    physical: int
    logical: int
    node: str


NEVER: Final = Timestamp(0, 0, "")


def tick(last: Timestamp, now_ms: int, node: str) -> Timestamp:
    """Return the next stamp of ``node``, above ``last`` whatever the wall clock says."""
    if now_ms > last.physical:
        return Timestamp(now_ms, 0, node)
    if last.logical < MAX_LOGICAL:
        return Timestamp(last.physical, last.logical + 1, node)
    return Timestamp(last.physical + 1, 0, node)


def follow(last: Timestamp, remote: Timestamp) -> Timestamp:
    """Return our clock after it has seen a stamp of the service, which is trusted however far ahead it is."""
    return max(last, remote)
