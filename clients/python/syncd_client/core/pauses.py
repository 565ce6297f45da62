"""How long a client stays offline, and what the app is told of it."""

from collections.abc import Callable

from syncd_client.core.backoff import Backoff
from syncd_client.core.events import Disconnected
from syncd_client.core.outputs import Emit, Output, Timer
from syncd_client.core.timers import Timers


class Pauses:
    """Begins each pause between attempts; its outputs go to ``put``. ``random``: in [0, 1)."""

    def __init__(self, put: Callable[[Output], None], timers: Timers, random: Callable[[], float]) -> None:
        self._put = put
        self._timers = timers
        self._random = random
        self._backoff = Backoff()

    def shorten(self) -> None:
        """Begin again with short pauses: an attempt got somewhere, or the app wants another one now."""
        self._backoff.reset()

    def back_off(self, code: int | None, reason: str, at_least_ms: int) -> None:
        """Wait, as a rule longer than the last time, and at least ``at_least_ms``."""
        self.wait(max(self._backoff.next_ms(self._random()), at_least_ms), code, reason)

    def wait(self, after_ms: int, code: int | None, reason: str) -> None:
        """Wait for ``after_ms``."""
        self._timers.start(Timer.RECONNECT, after_ms)
        self._tell(code, after_ms, reason)

    def skip(self, reason: str) -> None:
        """Do not wait at all."""
        self._tell(None, 0, reason)

    def stop(self, code: int | None, reason: str) -> None:
        """Wait until the app connects."""
        self._tell(code, None, reason)

    def _tell(self, code: int | None, retry_in_ms: int | None, reason: str) -> None:
        self._put(Emit(Disconnected(code=code, retry_in_ms=retry_in_ms, reason=reason)))
