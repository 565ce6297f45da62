"""Every decision of a client, without I/O: inputs one at a time, and for each what is to be done.

Its behaviour, word by word: clients/conformance/README.md. After ``Close`` nothing of that connection or attempt may be
put in any more; a token asked for it is such a thing too.
"""

from collections.abc import Callable
from enum import StrEnum
from typing import Final
from uuid import UUID

from msgspec import Struct

from syncd_client import events, messages
from syncd_client.backoff import Backoff
from syncd_client.close_policy import Then, after_close, after_refusal
from syncd_client.exchange import Exchange, GapError
from syncd_client.ids import check_user_id
from syncd_client.list_view import Item
from syncd_client.outputs import AskToken, Close, Emit, Erase, Open, Output, Save, Send, StartTimer, StopTimer, Timer
from syncd_client.silence import Silence, Verdict
from syncd_client.target import target_of
from syncd_client.token import Token
from syncd_client.user_state import PendingWrite, UserState
from syncd_client.watchlist import Watchlist

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


class CoreDeps(Struct, frozen=True, kw_only=True):
    """What a core takes from outside."""

    now_ms: Callable[[], int]
    """The wall clock, ms since 1970."""
    random: Callable[[], float]
    """In [0, 1)."""
    new_replica: Callable[[], str]
    """A name that nobody ever had: 64 random bits or more."""


class Core:
    """One client: of one user at a time, with one connection at most.

    Each method takes one input and returns what is to be done, in order.
    """

    def __init__(self, deps: CoreDeps) -> None:
        self._deps = deps
        self._spent_tokens: set[str] = set()
        self._backoff = Backoff()
        self._state = State.SIGNED_OUT
        """Stays ``OPENING`` while there is an exchange."""
        self._watchlist: Watchlist | None = None
        self._outputs: list[Output] = []
        # Of the attempt or connection under way
        self._token = ""
        self._silence = Silence()
        self._exchange: Exchange | None = None
        """While the connection is open."""

    @property
    def state(self) -> State:
        """Where the client stands."""
        if self._exchange is None:
            return self._state
        return State.LIVE if self._exchange.is_live else State.RESUMING

    @property
    def user_id(self) -> str | None:
        """Whose list is open; ``None``: nobody's."""
        return self._watchlist.user_id if self._watchlist else None

    @property
    def items(self) -> tuple[Item, ...]:
        """The list, newest first; empty when nobody is signed in."""
        return self._watchlist.items if self._watchlist else ()

    @property
    def queued(self) -> int:
        """How many writes are not settled."""
        return len(self._watchlist.queue) if self._watchlist else 0

    # The app's calls

    def sign_in(self, user_id: str, stored: UserState | None) -> list[Output]:
        """Open a user's list, as it was stored, and connect. Another user's is closed and kept.

        Raises:
            ValueError: the service can know nobody by ``user_id``.
        """
        check_user_id(user_id)
        if user_id == self.user_id:
            return self.connect()
        self._sign_out(erase=False)
        self._watchlist = Watchlist(user_id, stored, self._deps.new_replica)
        self._backoff.reset()
        self._ask_to_open()
        self._emit(events.Updated())
        return self._done()

    def sign_out(self, *, erase: bool) -> list[Output]:
        """Close the user's list; ``erase``: nothing of it stays on the device, unsent writes included."""
        self._sign_out(erase=erase)
        return self._done()

    def connect(self) -> list[Output]:
        """Connect now, if offline."""
        if self._state in (State.STOPPED, State.WAITING):
            self._backoff.reset()
            self._put(StopTimer(Timer.RECONNECT))
            self._ask_to_open()
        return self._done()

    def disconnect(self) -> list[Output]:
        """Stay offline until ``connect``."""
        if self._state not in (State.SIGNED_OUT, State.STOPPED):
            self._hang_up()
            self._stop(None, "the app disconnected")
        return self._done()

    def enqueue(self, operation: messages.Action, content_id: str | UUID) -> tuple[PendingWrite, list[Output]]:
        """Add or remove a content: shown at once, sent when that is possible.

        Raises:
            NotSignedInError: nobody's list is open.
            ValueError: ``content_id`` is no UUID.
        """
        if self._watchlist is None:
            raise NotSignedInError("sign in before changing a list")
        write = self._watchlist.enqueue(operation, content_id, self._deps.now_ms())
        return write, self._done()

    # The app's callback

    def token(self, token: Token) -> list[Output]:
        """Use the token that was asked for: to open a connection, or on the open one."""
        is_foreign = token.sub not in (None, self.user_id)
        if self._watchlist is not None and self._state is State.TOKEN:
            if is_foreign:
                self._stop(None, "the token is another user's")
            elif token.value in self._spent_tokens:
                self._stop(None, "the token was refused before")
            else:
                self._open(self._watchlist, token)
        elif is_foreign:
            return self.token_failed("the token is another user's")
        else:
            if token.value != self._token:
                self._put(Send(messages.Authenticate(token.value)))
            self._use_token(token)
        return self._done()

    def token_failed(self, reason: str) -> list[Output]:
        """There is no token to be had now."""
        if self._state is State.TOKEN:
            self._reconnect(None, f"no token: {reason}")
        else:
            self._start(Timer.RENEW, RENEW_PAUSE_MS)
        return self._done()

    # The socket

    def opened(self) -> list[Output]:
        """The socket is open."""
        assert self._watchlist is not None
        self._exchange = Exchange(self._watchlist, self._put)
        self._emit(events.Connected())
        return self._done()

    def open_failed(self, reason: str, status: int | None = None, retry_after_s: float = 0) -> list[Output]:
        """The socket did not open: refused with an HTTP ``status``, or no answer."""
        self._ended(after_refusal(status), None, reason, at_least_ms=round(retry_after_s * 1000))
        return self._done()

    def closed(self, code: int, reason: str) -> list[Output]:
        """The connection ended."""
        reconnect_after_ms = self._exchange.reconnect_after_ms if self._exchange else None
        then = after_close(code)
        if then is Then.RECONNECT and reconnect_after_ms is not None:
            self._wait(reconnect_after_ms, code, reason)
        else:
            self._ended(then, code, reason)
        return self._done()

    def heard(self) -> list[Output]:
        """Bytes came, of a message perhaps that is not whole yet: the connection lives."""
        self._silence.heard()
        return []

    def received(self, message: messages.ServerMessage | None) -> list[Output]:
        """One message came; ``None``: one that we do not know."""
        self._silence.heard()
        if message is not None and self._exchange is not None:
            try:
                self._exchange.receive(message)
            except GapError as error:
                self._lost(str(error))
            else:
                if self._exchange.has_continued_list:
                    self._backoff.reset()
        return self._done()

    # Time

    def due(self, timer: Timer) -> list[Output]:
        """A timer ran out."""
        match timer:
            case Timer.RECONNECT:
                self._ask_to_open()
            case Timer.STABLE:
                self._backoff.reset()
            case Timer.RENEW if self._exchange:
                self._put(AskToken())
            case Timer.RETRY if self._exchange:
                self._exchange.end_pause()
            case Timer.SILENCE:
                self._check_silence()
        return self._done()

    # Connecting

    def _ask_to_open(self) -> None:
        self._state = State.TOKEN
        self._put(AskToken())

    def _open(self, watchlist: Watchlist, token: Token) -> None:
        self._state = State.OPENING
        self._use_token(token)
        self._put(Open(target_of(watchlist), token.value))
        self._silence = Silence()
        self._start(Timer.SILENCE, SILENCE_MS)

    def _use_token(self, token: Token) -> None:
        self._token = token.value
        if token.exp is not None:
            ahead_ms = int(token.exp * 1000) - RENEW_AHEAD_MS - self._deps.now_ms()
            self._start(Timer.RENEW, max(ahead_ms, RENEW_PAUSE_MS))

    def _check_silence(self) -> None:
        verdict = Verdict.LOST if self.state is State.OPENING else self._silence.check()
        if verdict is Verdict.LOST:
            self._lost("silence")
            return
        if verdict is Verdict.ASK:
            self._put(Send(messages.Ping()))
        self._start(Timer.SILENCE, SILENCE_MS)

    # Ends

    def _ended(self, then: Then, code: int | None, reason: str, at_least_ms: int = 0) -> None:
        if then is Then.RECONNECT_WITH_NEW_TOKEN:
            self._spent_tokens.add(self._token)
        if then is Then.STOP:
            self._stop(code, reason)
        else:
            self._reconnect(code, reason, at_least_ms)

    def _lost(self, reason: str) -> None:
        self._hang_up()
        self._reconnect(None, reason)

    def _reconnect(self, code: int | None, reason: str, at_least_ms: int = 0) -> None:
        self._wait(max(self._backoff.next_ms(self._deps.random()), at_least_ms), code, reason)

    def _wait(self, after_ms: int, code: int | None, reason: str) -> None:
        self._end(State.WAITING)
        self._start(Timer.RECONNECT, after_ms)
        self._emit(events.Disconnected(code=code, retry_in_ms=after_ms, reason=reason))

    def _stop(self, code: int | None, reason: str) -> None:
        self._end(State.STOPPED)
        self._emit(events.Disconnected(code=code, retry_in_ms=None, reason=reason))

    def _sign_out(self, *, erase: bool) -> None:
        if self._watchlist is None:
            return
        user_id = self._watchlist.user_id
        self._hang_up()
        self._end(State.SIGNED_OUT)
        if erase:
            self._put(Erase(user_id))
        self._emit(events.SignedOut(user_id=user_id, erased=erase))
        self._watchlist = None

    def _hang_up(self) -> None:
        if self._state in (State.TOKEN, State.OPENING):
            self._put(Close())

    def _end(self, state: State) -> None:
        self._state = state
        self._exchange = None
        for timer in Timer:
            self._put(StopTimer(timer))

    # Outputs

    def _start(self, timer: Timer, after_ms: int) -> None:
        self._put(StartTimer(timer, after_ms))

    def _emit(self, event: events.Event) -> None:
        self._put(Emit(event))

    def _put(self, output: Output) -> None:
        self._outputs.append(output)

    def _done(self) -> list[Output]:
        """End an input: what it changed is stored first, then what may be sent is, and ``updated`` comes last."""
        if self._exchange:
            self._exchange.send_writes()
        outputs, self._outputs = self._outputs, []
        changes = self._watchlist.take_changes() if self._watchlist else None
        if changes is not None and self._watchlist is not None:
            outputs.insert(0, Save(self._watchlist.user_id, changes))
            if changes.are_visible:
                outputs.append(Emit(events.Updated()))
        return outputs
