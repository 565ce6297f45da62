"""A bus that is not there at first, and then says what a test wants it to."""

from actors.errors import BusUnavailable
from actors.ports import OnGap, OnMessage


class FlakyBus:
    """Cannot be started ``failures`` times; then the test speaks for it."""

    def __init__(self, failures: int = 0) -> None:
        self.failures = failures
        self.on_message: OnMessage | None = None
        self.on_gap: OnGap | None = None

    async def start(self, on_message: OnMessage, on_gap: OnGap) -> None:
        if self.failures:
            self.failures -= 1
            raise BusUnavailable("nobody listens")
        self.on_message, self.on_gap = on_message, on_gap

    async def publish(self, user_id: str, payload: bytes) -> None: ...

    def status(self) -> str | None:
        return None

    async def close(self) -> None: ...
