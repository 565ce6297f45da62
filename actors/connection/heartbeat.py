"""Whether one device is there and reads: pings it, watches what its socket takes, and says when it is to be closed."""

from asyncio import TimerHandle
from typing import Any, Final, assert_never

from pykka import ActorRef

from actors.connection.deadlines import Deadlines, Due
from actors.connection.deps import ConnectionDeps
from actors.connection.outbox import Outbox
from actors.messages.close_codes import HEARTBEAT_MISSED, SLOW_CONSUMER, TOKEN_ENDED, Close
from actors.messages.connection import TimerDue
from actors.ports import DeviceSocket
from actors.runtime.tell import tell_later

_TIMER_DUE: Final = TimerDue()


class Heartbeat:
    """Part of a ``SyncWebSocket``, on its turns; one timer, for whatever comes first, tells it ``TimerDue``.

    Args:
        ref: of the actor.
        socket: of the device.
        deps: of the actor; ``unread`` has the outbox while the device does not take what was written to it.
        outbox: what waits for the device.
        token_ends_s: when its token ends.
    """

    __slots__ = ("_deadlines", "_deps", "_outbox", "_ref", "_socket", "_timer")

    def __init__(
        self,
        ref: ActorRef[Any],
        socket: DeviceSocket,
        deps: ConnectionDeps,
        outbox: Outbox,
        token_ends_s: float,
    ) -> None:
        self._ref = ref
        self._socket = socket
        self._deps = deps
        self._outbox = outbox
        timeouts_s = deps.heartbeat_interval_s, deps.heartbeat_timeout_s, deps.unread_timeout_s
        self._deadlines = Deadlines(deps.now_s(), *timeouts_s, token_ends_s)
        self._timer: TimerHandle | None = None

    def start(self) -> None:
        """Set the timer."""
        self._unset_timer()
        self._timer = tell_later(self._deadlines.next_s - self._deps.now_s(), self._ref, _TIMER_DUE)

    def stop(self) -> bool:
        """Stop watching; return whether it was watching."""
        was_watching = self._timer is not None
        self._unset_timer()
        self._deps.unread.discard(self._outbox.held_bytes)
        return was_watching

    def heard(self) -> None:
        """Note a sign of life."""
        self._deadlines.heard(self._deps.now_s())

    def renew_token(self, ends_s: float) -> None:
        """Go on until another token ends."""
        self._deadlines.renew_token(ends_s)
        self.start()

    def caught_up(self) -> None:
        """Note that the device has taken what was written to it."""
        self._deps.unread.discard(self._outbox.held_bytes)
        self._deadlines.caught_up(self._deps.now_s())

    def watch_reading(self) -> None:
        """Look whether the device takes what was written to it."""
        socket = self._socket
        if not socket.is_congested():
            self.caught_up()
        elif self._deadlines.watch_reading(self._deps.now_s(), socket.unconfirmed_bytes()):
            self._deps.unread.add(self._outbox.held_bytes)
            self.start()

    def check(self, *, is_waiting_for_us: bool) -> Close | None:
        """Do what is due, and return why the connection is to be closed, if it is.

        ``is_waiting_for_us``: the device may be silent because it is not read.
        """
        if is_waiting_for_us:
            self.heard()
        self.watch_reading()
        due = self._deadlines.check(self._deps.now_s())
        match due:
            case Due.TOKEN_END:
                return TOKEN_ENDED
            case Due.UNREAD:
                return SLOW_CONSUMER
            case Due.SILENCE:
                return HEARTBEAT_MISSED
            case Due.PING:
                if not self._socket.is_congested():  # it would wait behind what the device has not taken
                    self._socket.ping()
            case Due.NOTHING:
                pass
            case _:
                assert_never(due)
        self.start()
        return None

    def _unset_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
