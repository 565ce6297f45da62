"""A bus that is not there at first, and then says what a test wants it to."""

from actors.errors import BusUnavailable
from actors.ports import NOBODY, BusFigures, BusListener


class FlakyBus:
    """Cannot be started ``failures`` times; then the test speaks for it."""

    def __init__(self, failures: int = 0) -> None:
        self.failures = failures
        self.listener = NOBODY

    async def start(self, listener: BusListener) -> None:
        if self.failures:
            self.failures -= 1
            raise BusUnavailable("nobody listens")
        self.listener = listener

    def subscribe(self, user_id: str) -> None: ...

    def unsubscribe(self, user_id: str) -> None: ...

    async def publish(self, user_id: str, payload: bytes) -> None: ...

    async def publish_to_devices(self, user_id: str, payload: bytes) -> None: ...

    async def publish_control(self, payload: bytes) -> None: ...

    def status(self) -> str | None:
        return None

    def figures(self) -> BusFigures:
        return BusFigures()

    async def close(self) -> None: ...
