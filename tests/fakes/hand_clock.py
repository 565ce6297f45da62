"""A clock that stands until a test moves it."""


class HandClock:
    """Tells seconds, from whatever the test begins with."""

    def __init__(self, now_s: float = 1_000.0) -> None:
        self.now_s = now_s

    def __call__(self) -> float:
        return self.now_s
