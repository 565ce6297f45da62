"""Which transport the next attempt uses, and when the WebSocket is tried again: some networks let none through."""

from collections.abc import Callable
from typing import Final

from syncd_client.core.close_policy import Then
from syncd_client.core.outputs import Output, Probe, Timer, Transport
from syncd_client.core.timers import Timers

FAILURES: Final = 2
"""How often in a row the WebSocket has to fail before another transport is tried."""
FIRST_PROBE_MS: Final = 60_000
LAST_PROBE_MS: Final = 900_000


class Transports:
    """Counts what failed; its outputs go to ``put``.

    An attempt fails if it ends before any message of the service has come.
    """

    def __init__(self, put: Callable[[Output], None], timers: Timers, now_ms: Callable[[], int]) -> None:
        self._put = put
        self._timers = timers
        self._now_ms = now_ms
        self._is_probing = False
        self.begin_again()

    def begin_again(self) -> None:
        """Forget all failures: the network may be another one."""
        self.current = Transport.WEBSOCKET
        """That of the attempt or connection under way, or else of the next one."""
        self._failures = 0
        self._has_message = False
        self._instead_of: Transport | None = None
        """The transport that works, while a WebSocket is tried in its place."""
        self._forget_probes()

    def _forget_probes(self) -> None:
        self._probe_pause_ms = FIRST_PROBE_MS
        self._probe_ms: int | None = None
        """When the WebSocket is to be probed, by the wall clock."""

    def begin_attempt(self) -> None:
        """Note that an attempt begins."""
        self._has_message = False

    def message_came(self) -> None:
        """Note that the current transport works."""
        self._has_message = True
        self._instead_of = None
        if self.current is Transport.WEBSOCKET:
            self._failures = 0
            self._forget_probes()

    def attempt_ended(self, then: Then, *, is_silence: bool = False) -> bool:
        """Choose the next attempt's transport; return whether to use it at once: a WebSocket was tried in its place."""
        if self._has_message or then not in (Then.RECONNECT, Then.RECONNECT_WITHOUT_UPGRADE):
            return False
        if self._instead_of is not None:
            self.current, self._instead_of = self._instead_of, None
            self._lengthen_pause()
            return True
        match self.current:
            case Transport.WEBSOCKET:
                self._failures += 1 if then is Then.RECONNECT else FAILURES
                if self._failures >= FAILURES:
                    self.current = Transport.STREAM
            case Transport.STREAM if is_silence:  # something on the way holds the answer back until it is complete
                self.current = Transport.POLLING
            case Transport.STREAM | Transport.POLLING:
                self.current = Transport.WEBSOCKET
                self._failures = FAILURES - 1
        return False

    # The WebSocket beside another way

    def time_probe(self) -> None:
        """Have the WebSocket probed after a pause; a connection that ends meanwhile does not put it off."""
        if self.current is Transport.WEBSOCKET:
            return
        now_ms = self._now_ms()
        if self._probe_ms is None:
            self._probe_ms = now_ms + self._probe_pause_ms
        self._timers.start(Timer.PROBE, min(max(self._probe_ms - now_ms, 0), self._probe_pause_ms))

    def probe(self, target: str, token: str) -> None:
        """See whether a WebSocket can be had."""
        self._is_probing = True
        self._put(Probe(target, token))

    def end_probe(self) -> None:
        """Accept no answer any more."""
        self._is_probing = False

    def probed(self, *, is_there: bool) -> bool:
        """Return whether to try a WebSocket now, in place of what works; if not, probe again after a longer pause."""
        if not self._is_probing:
            return False
        self._is_probing = False
        if is_there:
            self._instead_of, self.current = self.current, Transport.WEBSOCKET
        else:
            self._lengthen_pause()
            self.time_probe()
        return is_there

    def _lengthen_pause(self) -> None:
        self._probe_pause_ms = min(2 * self._probe_pause_ms, LAST_PROBE_MS)
        self._probe_ms = None
