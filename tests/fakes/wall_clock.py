"""A wall clock that a test sets."""


class WallClock:
    """Milliseconds since 1970, the same until a test changes them."""

    def __init__(self, now_ms: int = 1_700_000_000_000) -> None:
        self.now_ms = now_ms

    def __call__(self) -> int:
        return self.now_ms
