"""Keeps one user's lists connected: tokens, attempts, and what follows each end of one."""

from collections.abc import Callable
from typing import Final

from syncd_client.core import events
from syncd_client.core.close_policy import Then, after_close, after_refusal, delay_ms
from syncd_client.core.exchange import Exchange, GapError
from syncd_client.core.outputs import Close, Emit, Open, Output, Send, Timer, Transport
from syncd_client.core.pauses import Pauses
from syncd_client.core.silence import Silence
from syncd_client.core.state import State
from syncd_client.core.target import target_of
from syncd_client.core.timers import Timers
from syncd_client.core.token import Token
from syncd_client.core.tokens import NO_ANSWER, Fault, Tokens, stripped
from syncd_client.core.transports import Transports
from syncd_client.data import messages
from syncd_client.data.user_collections import UserCollections

FOLLOW_MS: Final = 50
"""How long to wait for more lists to be opened before the connection is replaced for all of them."""


class Connector:
    """Keeps at most one connection, for one user; its outputs go to ``put``.

    Args:
        collections: the user's.
        timers: the user's.
        now_ms: the wall clock, ms since 1970.
        random: in [0, 1).
    """

    def __init__(
        self,
        collections: UserCollections,
        put: Callable[[Output], None],
        timers: Timers,
        now_ms: Callable[[], int],
        random: Callable[[], float],
    ) -> None:
        self._collections = collections
        self._followed = collections.followed
        """What the attempt or connection under way asks for."""
        self._put = put
        self._timers = timers
        self._now_ms = now_ms
        self._tokens = Tokens(collections.user_id, put, self._timers, now_ms)
        self._transports = Transports(put, self._timers, now_ms)
        self._silence = Silence(put, self._timers)
        self._pauses = Pauses(put, self._timers, random)
        self._state = State.STOPPED
        """Stays ``OPENING`` while there is an exchange."""
        self._exchange: Exchange | None = None
        """While the connection is open."""

    @property
    def state(self) -> State:
        """Where the client stands."""
        if self._exchange is None:
            return self._state
        return State.LIVE if self._exchange.is_live else State.RESUMING

    @property
    def transport(self) -> Transport | None:
        """The transport of the attempt or connection under way; ``None``: there is neither."""
        return self._transports.current if self._state is State.OPENING else None

    # The app and its callback

    def connect(self) -> None:
        """Connect now, if offline."""
        if self._state in (State.STOPPED, State.WAITING):
            self._pauses.shorten()
            self._transports.begin_again()
            self._timers.stop(Timer.RECONNECT)
            self._ask_to_open()

    def disconnect(self) -> None:
        """Stay offline until ``connect``."""
        if self._state is not State.STOPPED:
            self._hang_up()
            self._stop(None, "the app disconnected")

    def sign_out(self) -> None:
        """End for good."""
        self._hang_up()
        self._leave(State.SIGNED_OUT)
        self._timers.stop(Timer.REPORT)

    def wake(self) -> None:
        """Make sure of the connection: the network is back, the device woke or the user returned."""
        if self._state is State.WAITING:
            self.connect()
        elif self._state is State.OPENING and (self._exchange is None or self._is_websocket):
            if not self._silence.is_urgent:
                self._silence.hurry()
        elif self._exchange is not None:
            self._open_instead(self._tokens.used)

    def follow(self) -> None:
        """Ask for the newly opened collections, too: once for all that are opened together."""
        if self._state is State.OPENING:
            self._timers.start(Timer.FOLLOW, FOLLOW_MS)

    def send_writes(self) -> None:
        """Send the writes that may go now."""
        if self._exchange is not None:
            self._exchange.send_writes()

    def token(self, token: Token) -> None:
        """Use the token that was asked for: to open a connection, or on the open one."""
        if not self._tokens.end_question():
            return
        token = stripped(token)
        if fault := self._tokens.fault_of(token):
            self._go_without(fault)
        elif self._state is State.TOKEN:
            self._open(token)
        elif token.value == self._tokens.used.value:
            self._tokens.use(token)
        elif self._is_websocket:
            self._put(Send(messages.Authenticate(token.value)))
            self._tokens.use(token)
        else:
            self._open_instead(token)

    def no_token(self, fault: Fault) -> None:
        """Go on without a token: the app's callback gave none."""
        if self._tokens.end_question():
            self._go_without(fault)

    def _go_without(self, fault: Fault) -> None:
        if self._state is not State.TOKEN:
            self._tokens.renew_later()
        elif fault.is_lasting:
            self._stop(None, fault.reason)
        else:
            self._reconnect(None, fault.reason)

    # The connection

    def opened(self) -> None:
        """Begin an exchange: the connection is open, or the next poll is being answered."""
        if self._exchange is not None:
            return
        self._exchange = Exchange(self._collections, self._followed, self._put, self._timers, self._now_ms)
        self._silence.begin(can_ask=self._is_websocket, has_asked=not self._is_websocket)
        self._put(Emit(events.Connected()))

    def open_failed(self, reason: str, status: int | None, retry_after_s: float, problem: str | None) -> None:
        """Decide what follows: the connection did not open, or a poll was refused; ``problem``: the service's words."""
        is_own = problem is not None
        then = after_refusal(self._transports.current, status, is_own=is_own)
        words = f"refused with status {status}: {problem}" if is_own else reason
        self._ended(then, None, words, delay_ms(retry_after_s, is_own=is_own))

    def closed(self, code: int, reason: str) -> None:
        """Decide what follows: the connection ended."""
        reconnect_after_ms = self._exchange.reconnect_after_ms if self._exchange else None
        then = after_close(code)
        if then is Then.RECONNECT and reconnect_after_ms is not None:
            self._leave(State.WAITING)
            self._pauses.wait(reconnect_after_ms, code, reason)
        else:
            self._ended(then, code, reason)

    def heard(self) -> None:
        """Note that bytes came."""
        self._silence.heard()

    def received(self, message: messages.ServerMessage | None) -> None:
        """Act on one message; ``None``: one of a type that we do not know."""
        self._silence.heard()
        exchange = self._exchange
        if message is None or exchange is None:
            return
        self._transports.message_came()
        was_live = exchange.is_live
        try:
            exchange.receive(message)
        except GapError as error:
            self._lost(str(error))
            return
        if exchange.has_continued_list:
            self._pauses.shorten()
        if exchange.is_live and not was_live:
            self._transports.time_probe()

    def polled(self) -> None:
        """Poll again: the last answer ended as it should."""
        if self._exchange is not None and self._transports.current is Transport.POLLING:
            self._silence.heard()
            self._put_open(self._tokens.used)

    def probed(self, *, is_there: bool) -> None:
        """Change over to a WebSocket, if the probe has found that one can be had."""
        if self._transports.probed(is_there=is_there):
            self._open_instead(self._tokens.used)

    # Time

    def due(self, timer: Timer, *, has_slept: bool) -> None:
        """Do what ``timer`` was for; after a sleep, make sure of the connection as well."""
        if timer is Timer.SILENCE and not (has_slept and self._is_unasked):
            self._check_silence()
        else:
            self._do_what_is_due(timer)
            if has_slept and self._is_unasked:
                self._silence.hurry()

    def _do_what_is_due(self, timer: Timer) -> None:
        match timer:
            case Timer.RECONNECT:
                self._ask_to_open()
            case Timer.STABLE:
                self._pauses.shorten()
            case Timer.RENEW if self._exchange:
                self._tokens.ask()
            case Timer.RETRY if self._exchange:
                self._exchange.end_pause()
            case Timer.TOKEN:
                if self._state is State.TOKEN:
                    self._hang_up()
                self.no_token(NO_ANSWER)
            case Timer.FOLLOW:
                self._open_instead(self._tokens.used)
            case Timer.PROBE if self._exchange:
                target = target_of(Transport.WEBSOCKET, self._followed, is_live=False)
                self._transports.probe(target, self._tokens.used.value)

    def _check_silence(self) -> None:
        if self._exchange is not None and not self._silence.check():
            return
        if not self._silence.is_urgent:
            self._lost("silence", is_silence=True)
            return
        self._hang_up()
        self._leave(State.WAITING)
        self._pauses.skip("silence after waking up")
        self._ask_to_open()

    # Attempts and their ends

    @property
    def _is_websocket(self) -> bool:
        return self._transports.current is Transport.WEBSOCKET

    @property
    def _is_unasked(self) -> bool:
        """Whether there is an open WebSocket that owes no sign of life soon."""
        return self._exchange is not None and self._is_websocket and not self._silence.is_urgent

    def _ask_to_open(self) -> None:
        self._state = State.TOKEN
        self._tokens.ask()

    def _open(self, token: Token) -> None:
        self._state = State.OPENING
        self._tokens.use(token)
        self._followed = self._collections.followed
        self._transports.begin_attempt()
        self._put_open(token)
        self._silence.begin(can_ask=False, has_asked=True)

    def _put_open(self, token: Token) -> None:
        transport = self._transports.current
        target = target_of(transport, self._followed, is_live=self.state is State.LIVE)
        self._put(Open(transport, target, token.value))

    def _open_instead(self, token: Token) -> None:
        """Replace the connection at once: nothing is lost, and the app is not told of an end."""
        self._put(Close())
        self._leave(State.OPENING)
        self._open(token)

    def _ended(self, then: Then, code: int | None, reason: str, at_least_ms: int = 0) -> None:
        if then is Then.RECONNECT_WITH_NEW_TOKEN:
            self._tokens.spend()
        if then is Then.STOP:
            self._stop(code, reason)
        elif self._transports.attempt_ended(then):
            self._open_instead(self._tokens.used)
        else:
            self._reconnect(code, reason, at_least_ms)

    def _lost(self, reason: str, *, is_silence: bool = False) -> None:
        if self._transports.attempt_ended(Then.RECONNECT, is_silence=is_silence):
            self._open_instead(self._tokens.used)
        else:
            self._hang_up()
            self._reconnect(None, reason)

    def _reconnect(self, code: int | None, reason: str, at_least_ms: int = 0) -> None:
        self._leave(State.WAITING)
        self._pauses.back_off(code, reason, at_least_ms)

    def _stop(self, code: int | None, reason: str) -> None:
        self._leave(State.STOPPED)
        self._pauses.stop(code, reason)

    def _hang_up(self) -> None:
        if self._state in (State.TOKEN, State.OPENING):
            self._put(Close())

    def _leave(self, state: State) -> None:
        self._state = state
        if self._exchange is not None:
            self._exchange.end()
        self._exchange = None
        self._transports.end_probe()
        self._tokens.end_question()
        self._timers.stop_all()
