"""Whether a connection still lives: networks lose them without a word."""

from collections.abc import Callable
from typing import Final

from syncd_client.core.outputs import Output, Send, Timer
from syncd_client.core.timers import Timers
from syncd_client.data.messages import Ping

SILENCE_MS: Final = 20_000
URGENT_MS: Final = 4_000
"""The interval after the device woke, or its network came back."""


class Silence:
    """Watches one attempt, or the connection that it becomes; its outputs go to ``put``."""

    def __init__(self, put: Callable[[Output], None], timers: Timers) -> None:
        self._put = put
        self._timers = timers
        self._can_ask = False
        self._has_asked = False
        self._has_heard = False
        self.is_urgent = False
        """Whether the interval under way is a short one."""

    def begin(self, *, can_ask: bool, has_asked: bool) -> None:
        """Watch from here on. ``can_ask``: a ping can be sent; ``has_asked``: what was sent already wants an answer."""
        self._can_ask = can_ask
        self._has_asked = has_asked
        self._begin_interval(SILENCE_MS)

    def heard(self) -> None:
        """Note that something came."""
        self._has_heard = True

    def hurry(self) -> None:
        """Ask for a sign of life, and give it little time."""
        self._has_asked = True
        self._ask()
        self._begin_interval(URGENT_MS)
        self.is_urgent = True

    def check(self) -> bool:
        """Return whether the connection is dead, by the interval that ends now; if not, begin the next one."""
        if self._has_asked and not self._has_heard:
            return True
        self._has_asked = not self._has_heard
        if self._has_asked:
            self._ask()
        self._begin_interval(SILENCE_MS)
        return False

    def _ask(self) -> None:
        if self._can_ask:
            self._put(Send(Ping()))

    def _begin_interval(self, after_ms: int) -> None:
        self._has_heard = self.is_urgent = False
        self._timers.start(Timer.SILENCE, after_ms)
