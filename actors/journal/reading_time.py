"""How much of the reader's time users have taken lately, while others waited to write."""

from typing import Final

REST: Final = 19
"""A read is forgotten after this many times what it took; beyond ``FREE_S`` its user rests for as long."""

MAX_REST_S: Final = 0.25
"""A read that takes this long waits for a database, and not for a processor that a writer lacks."""

FREE_S: Final = 0.2
"""How long a user may read without a rest: a device that comes back is shown a list of 10,000 in half of that."""

MIN_SWEEP: Final = 1_000
"""Users kept before those whose reading is forgotten are dropped."""


class ReadingTime:
    """Says how long a user who has read more than ``FREE_S`` rests. Cost: amortised O(1). Thread: any one.

    Source: the generic cell rate algorithm (ITU-T I.371), which keeps one time for each user.
    """

    def __init__(self) -> None:
        self._forgotten_s: dict[str, float] = {}
        """User -> when all that was read is forgotten, if no more is."""
        self._sweep_at = MIN_SWEEP

    def __len__(self) -> int:
        return len(self._forgotten_s)

    def add(self, user_id: str, took_s: float, now_s: float) -> float:
        """Note a read that took ``took_s`` and ended now; return how many seconds its user rests, perhaps 0."""
        forgotten_s = max(self._forgotten_s.get(user_id, now_s), now_s) + REST * took_s
        latest_s = now_s + REST * FREE_S
        self._forgotten_s[user_id] = min(forgotten_s, latest_s)
        if len(self._forgotten_s) > self._sweep_at:
            self._forgotten_s = {user: at_s for user, at_s in self._forgotten_s.items() if at_s > now_s}
            self._sweep_at = max(MIN_SWEEP, 2 * len(self._forgotten_s))
        return min(REST * took_s, MAX_REST_S) if forgotten_s > latest_s else 0.0
