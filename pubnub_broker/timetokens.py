"""PubNub's clock: 17-digit timetokens, 100 ns units since 1970."""

import time
from collections.abc import Callable


class Timetokens:
    """Mints timetokens: each is greater than all before it, also when the wall clock stands or steps back."""

    def __init__(self, now_ns: Callable[[], int] = time.time_ns) -> None:
        self._now_ns = now_ns
        self.last = 0
        """The newest timetoken minted; everything published has one up to it."""

    def mint(self) -> int:
        """Return the next timetoken."""
        self.last = max(self._now_ns() // 100, self.last + 1)
        return self.last
