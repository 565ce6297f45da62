"""The core of the client: every decision, no I/O. The normative text is clients/conformance/README.md.

Each method takes one input and returns what is to be done, in order. Time and chance come from outside. After ``Close``
nothing of that connection or attempt may be put in any more; a token asked for it is such a thing too.
"""

from collections.abc import Callable
from enum import StrEnum
from typing import Final
from urllib.parse import quote

from syncd_client import ends, events, messages
from syncd_client.ends import Then
from syncd_client.exchange import Exchange, GapError, ListMessage
from syncd_client.outputs import AskToken, Close, Emit, Erase, Open, Output, Save, Send, StartTimer, StopTimer, Timer
from syncd_client.stored import Operation, Stored
from syncd_client.token import Token
from syncd_client.watchlist import Item, Watchlist

SILENCE_MS: Final = 20_000
RENEW_AHEAD_MS: Final = 60_000
RENEW_PAUSE_MS: Final = 30_000


class State(StrEnum):
    """Where the client stands."""

    SIGNED_OUT = "signed_out"
    STOPPED = "stopped"  # offline until the app connects
    WAITING = "waiting"  # offline until the timer
    TOKEN = "token"  # noqa: S105  # the app's callback is asked
    OPENING = "opening"
    RESUMING = "resuming"
    LIVE = "live"


class NotSignedInError(Exception):
    """The app wants to change a list, but nobody's list is open."""


class Session:
    """One client: of one user at a time, with one connection at most.

    Args:
        random: gives a number in [0, 1).
        new_replica: gives a name that nobody ever had.
    """

    def __init__(self, random: Callable[[], float], new_replica: Callable[[], str]) -> None:
        self._random = random
        self._new_replica = new_replica
        self.state = State.SIGNED_OUT
        self.user_id: str | None = None
        self._list: Watchlist | None = None
        self._exchange: Exchange | None = None
        self._out: list[Output] = []
        self._failures = 0
        self._token: str | None = None
        self._spent_token: str | None = None
        self._is_renewing = False
        self._come_back_ms: int | None = None
        self._has_heard = False
        self._has_pinged = False

    @property
    def items(self) -> tuple[Item, ...]:
        """The list, newest first; empty when nobody is signed in."""
        return self._list.items if self._list else ()

    @property
    def queued(self) -> int:
        """How many operations are not settled."""
        return len(self._list.queue) if self._list else 0

    # The app

    def sign_in(self, user_id: str, stored: Stored | None) -> list[Output]:
        """Open a user's list, as it was stored, and connect. Another user's is closed and kept."""
        if user_id == self.user_id:
            return self.connect()
        self._sign_out(erase=False)
        self.user_id = user_id
        self._list = Watchlist(stored) if stored else Watchlist.new(self._new_replica())
        self._failures = 0
        self._ask_token()
        self._emit(events.Updated())
        return self._done()

    def sign_out(self, *, erase: bool) -> list[Output]:
        """Close the user's list; ``erase``: nothing of it stays on the device, unsent operations included."""
        self._sign_out(erase=erase)
        return self._done()

    def connect(self) -> list[Output]:
        """Connect now, if offline."""
        if self.state in (State.STOPPED, State.WAITING):
            self._failures = 0
            self._stop(Timer.RECONNECT)
            self._ask_token()
        return self._done()

    def disconnect(self) -> list[Output]:
        """Stay offline until ``connect``."""
        if self.state not in (State.SIGNED_OUT, State.STOPPED):
            self._out.append(Close())
            self._end(Then.STOP, None, "the app disconnected")
        return self._done()

    def want(self, action: messages.Action, content_id: str, wall_ms: int) -> tuple[Operation, list[Output]]:
        """Add or remove a content: shown at once, sent when that is possible.

        Raises:
            NotSignedInError: whose list?
            ValueError: ``content_id`` is no UUID.
        """
        if self._list is None:
            raise NotSignedInError("sign in before changing a list")
        operation = self._list.want(action, content_id, wall_ms)
        return operation, self._done()

    # The token

    def token(self, token: Token, wall_ms: int) -> list[Output]:
        """Use the token that was asked for: to open a connection, or on the open one."""
        is_foreign = token.sub not in (None, self.user_id)
        if self.state is State.TOKEN:
            if is_foreign or token.value == self._spent_token:
                self._end(Then.STOP, None, "the token is another user's" if is_foreign else "the token has ended")
            else:
                self._open(token, wall_ms)
        elif self._is_renewing:
            if is_foreign:
                return self.token_failed("the token is another user's")
            self._is_renewing = False
            if token.value != self._token:
                self._out.append(Send(messages.Authenticate(token.value)))
            self._take_token(token, wall_ms)
        return self._done()

    def token_failed(self, reason: str) -> list[Output]:
        """There is no token to be had now."""
        if self.state is State.TOKEN:
            self._end(Then.RECONNECT, None, f"no token: {reason}")
        elif self._is_renewing:
            self._is_renewing = False
            self._start(Timer.RENEW, RENEW_PAUSE_MS)
        return self._done()

    # The connection

    def opened(self) -> list[Output]:
        """The socket is open."""
        assert self._list is not None
        self.state = State.RESUMING
        self._exchange = Exchange(self._list, self._new_replica)
        self._emit(events.Connected())
        return self._done()

    def open_failed(self, reason: str, status: int | None = None, retry_after_s: float = 0) -> list[Output]:
        """The socket did not open: refused with an HTTP ``status``, or no answer."""
        self._end(ends.after_refusal(status), None, reason, at_least_ms=round(retry_after_s * 1000))
        return self._done()

    def closed(self, code: int, reason: str) -> list[Output]:
        """The connection ended."""
        self._end(ends.after_close(code), code, reason)
        return self._done()

    def received(self, message: messages.ServerMessage | None) -> list[Output]:
        """Take one message; ``None``: one that we do not know."""
        self._has_heard = True
        match message:
            case messages.Goodbye(reconnect_in_ms=reconnect_in_ms):
                self._come_back_ms = reconnect_in_ms
            case messages.ProgressUpdate(content_id=content_id, position=position, duration=duration):
                self._emit(events.Progress(content_id=content_id, position=position, duration=duration))
            case messages.DeviceCommand(command=command, target_device=target_device):
                self._emit(events.Command(command=command, target_device=target_device))
            case messages.Pong() | messages.Authenticated() | None:
                pass
            case _:
                self._take(message)
        return self._done()

    def due(self, timer: Timer) -> list[Output]:
        """A timer ran out."""
        match timer:
            case Timer.RECONNECT:
                self._ask_token()
            case Timer.STABLE:
                self._failures = 0
            case Timer.RENEW:
                self._is_renewing = True
                self._out.append(AskToken())
            case Timer.RETRY if self._exchange:
                self._exchange.end_pause()
            case Timer.SILENCE:
                self._check_silence()
        return self._done()

    # Within

    def _sign_out(self, *, erase: bool) -> None:
        if self.user_id is None:
            return
        self._out.append(Close())
        self._forget_connection()
        if erase:
            self._out.append(Erase(self.user_id))
        self._emit(events.SignedOut(user_id=self.user_id, erased=erase))
        self.state, self.user_id, self._list, self._spent_token = State.SIGNED_OUT, None, None, None

    def _ask_token(self) -> None:
        self.state = State.TOKEN
        self._out.append(AskToken())

    def _take_token(self, token: Token, wall_ms: int) -> None:
        self._token = token.value
        if token.exp is not None:
            self._start(Timer.RENEW, max(RENEW_PAUSE_MS, round(token.exp * 1000) - wall_ms - RENEW_AHEAD_MS))

    def _open(self, token: Token, wall_ms: int) -> None:
        assert self._list is not None
        self.state = State.OPENING
        self._take_token(token, wall_ms)
        epoch = "" if self._list.epoch is None else f"&epoch={quote(self._list.epoch, safe='')}"
        self._out.append(Open(f"/ws?since={self._list.revision}{epoch}", token.value))
        self._start(Timer.SILENCE, SILENCE_MS)

    def _take(self, message: ListMessage) -> None:
        assert self._exchange is not None
        try:
            self._out += self._exchange.take(message)
        except GapError as error:
            self._lost(str(error))
        else:
            self.state = State.LIVE if self._exchange.is_live else State.RESUMING

    def _check_silence(self) -> None:
        if self.state is State.OPENING or (self._has_pinged and not self._has_heard):
            self._lost("silence")
            return
        self._has_pinged = not self._has_heard
        self._has_heard = False
        if self._has_pinged:
            self._out.append(Send(messages.Ping()))
        self._start(Timer.SILENCE, SILENCE_MS)

    def _lost(self, reason: str) -> None:
        self._out.append(Close())
        self._end(Then.RECONNECT, None, reason)

    def _end(self, then: Then, code: int | None, reason: str, at_least_ms: int = 0) -> None:
        """Take the end of a connection or attempt; it has been closed already."""
        come_back_ms = self._come_back_ms
        self._forget_connection()
        retry_in_ms = None
        if then is Then.RECONNECT_WITH_NEW_TOKEN:
            self._spent_token = self._token
        if then is not Then.STOP:
            if come_back_ms is None:
                come_back_ms = ends.backoff_ms(self._failures, self._random)
                self._failures += 1
            retry_in_ms = max(come_back_ms, at_least_ms)
            self._start(Timer.RECONNECT, retry_in_ms)
        self.state = State.STOPPED if retry_in_ms is None else State.WAITING
        self._emit(events.Disconnected(code=code, retry_in_ms=retry_in_ms, reason=reason))

    def _forget_connection(self) -> None:
        self._out += map(StopTimer, Timer)
        self._exchange = self._come_back_ms = None
        self._is_renewing = self._has_heard = self._has_pinged = False

    def _start(self, timer: Timer, after_ms: int) -> None:
        self._out.append(StartTimer(timer, after_ms))

    def _stop(self, timer: Timer) -> None:
        self._out.append(StopTimer(timer))

    def _emit(self, event: events.Event) -> None:
        self._out.append(Emit(event))

    def _done(self) -> list[Output]:
        """Return what the input led to: what is to be stored, its effects, and that the list changed."""
        if self._exchange:
            self._out += self._exchange.sends()
        out, self._out = self._out, []
        changes = self._list.take_changes() if self._list else None
        if changes is None or self.user_id is None:
            return out
        out.insert(0, Save(self.user_id, changes))
        if changes.are_visible:
            out.append(Emit(events.Updated()))
        return out
