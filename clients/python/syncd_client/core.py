"""Every decision of a client, without I/O: inputs one at a time, and for each what is to be done.

Its behaviour, word by word: clients/conformance/README.md. After ``Close`` nothing of that connection or attempt may be
put in any more; a token asked for it, or a probe beside it, is such a thing too.
"""

from collections.abc import Callable

from msgspec import Struct

from syncd_client import events, messages
from syncd_client.connector import Connector
from syncd_client.ids import check_user_id
from syncd_client.list_view import Item
from syncd_client.outputs import Emit, Erase, Output, Save, Timer, Transport
from syncd_client.state import State
from syncd_client.token import Token
from syncd_client.tokens import Fault
from syncd_client.user_state import PendingWrite, UserState
from syncd_client.watchlist import Watchlist

__all__ = ["Core", "CoreDeps", "NotSignedInError", "State"]


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

    Each method takes one input and returns what is to be done, in order; while nobody is signed in, nothing.
    """

    def __init__(self, deps: CoreDeps) -> None:
        self._deps = deps
        self._outputs: list[Output] = []
        self._watchlist: Watchlist | None = None
        self._connector: Connector | None = None
        """There is one as long as there is a watchlist."""

    @property
    def state(self) -> State:
        """Where the client stands."""
        return self._connector.state if self._connector else State.SIGNED_OUT

    @property
    def transport(self) -> Transport | None:
        """Which way the attempt or connection under way takes; ``None``: there is none."""
        return self._connector.transport if self._connector else None

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
        deps = self._deps
        self._watchlist = Watchlist(user_id, stored, deps.new_replica)
        self._connector = Connector(self._watchlist, self._outputs.append, deps.now_ms, deps.random)
        self._connector.connect()
        self._outputs.append(Emit(events.Updated()))
        return self._done()

    def sign_out(self, *, erase: bool) -> list[Output]:
        """Close the user's list; ``erase``: nothing of it stays on the device, unsent writes included."""
        self._sign_out(erase=erase)
        return self._done()

    def connect(self) -> list[Output]:
        """Connect now, if offline."""
        return self._put(Connector.connect)

    def disconnect(self) -> list[Output]:
        """Stay offline until ``connect``."""
        return self._put(Connector.disconnect)

    def wake(self) -> list[Output]:
        """Be sure of the connection: the network is back, the device woke or the user returned."""
        return self._put(Connector.wake)

    def enqueue(self, operation: messages.Action, content_id: str) -> tuple[PendingWrite, list[Output]]:
        """Add or remove a content by its canonical id: shown at once, sent when that is possible.

        Raises:
            NotSignedInError: nobody's list is open.
        """
        if self._watchlist is None:
            raise NotSignedInError("sign in before changing a list")
        write = self._watchlist.enqueue(operation, content_id, self._deps.now_ms())
        return write, self._done()

    # The app's callback

    def token(self, token: Token) -> list[Output]:
        """Use the token that was asked for: to open a connection, or on the open one."""
        return self._put(lambda connector: connector.token(token))

    def token_failed(self, reason: str) -> list[Output]:
        """There is no token to be had now."""
        fault = Fault(f"no token: {reason}", is_lasting=False)
        return self._put(lambda connector: connector.no_token(fault))

    def token_unusable(self, reason: str) -> list[Output]:
        """The callback answered what can never be a token."""
        fault = Fault(f"no token: {reason}", is_lasting=True)
        return self._put(lambda connector: connector.no_token(fault))

    # The connection

    def opened(self) -> list[Output]:
        """The connection is open: a socket, or an answer that goes on; by polling, each answer has begun."""
        return self._put(Connector.opened)

    def open_failed(
        self, reason: str, status: int | None = None, retry_after_s: float = 0, problem: str | None = None
    ) -> list[Output]:
        """It did not open: refused with an HTTP ``status``, or no answer.

        ``problem``: the service's own words, as ``read_problem`` finds them; ``None``: anybody may have answered.
        """
        return self._put(lambda connector: connector.open_failed(reason, status, retry_after_s, problem))

    def closed(self, code: int, reason: str) -> list[Output]:
        """The connection ended; 1006: without a word."""
        return self._put(lambda connector: connector.closed(code, reason))

    def heard(self) -> list[Output]:
        """Bytes came, of a message perhaps that is not whole yet: the connection lives."""
        if self._connector is not None:
            self._connector.heard()
        return []

    def received(self, message: messages.ServerMessage | None) -> list[Output]:
        """One message came; ``None``: one that we do not know."""
        return self._put(lambda connector: connector.received(message))

    def polled(self) -> list[Output]:
        """A poll's answer ended as it should."""
        return self._put(Connector.polled)

    def probed(self, *, is_there: bool) -> list[Output]:
        """The probe ended: a WebSocket can be had, or not."""
        return self._put(lambda connector: connector.probed(is_there=is_there))

    # Time

    def due(self, timer: Timer) -> list[Output]:
        """A timer ran out."""
        return self._put(lambda connector: connector.due(timer))

    # Outputs

    def _put(self, happened: Callable[[Connector], None]) -> list[Output]:
        if self._connector is not None:
            happened(self._connector)
        return self._done()

    def _sign_out(self, *, erase: bool) -> None:
        if self._watchlist is None or self._connector is None:
            return
        user_id = self._watchlist.user_id
        self._connector.sign_out()
        if erase:
            self._outputs.append(Erase(user_id))
        self._outputs.append(Emit(events.SignedOut(user_id=user_id, erased=erase)))
        self._watchlist = self._connector = None

    def _done(self) -> list[Output]:
        """End an input: what it changed is stored first, then what may be sent is, and ``updated`` comes last."""
        if self._watchlist is None or self._connector is None:
            return self._take_outputs()
        self._connector.send_writes()
        changes = self._watchlist.take_changes()
        outputs = self._take_outputs()
        if changes is not None:
            outputs.insert(0, Save(self._watchlist.user_id, changes))
            if changes.are_visible:
                outputs.append(Emit(events.Updated()))
        return outputs

    def _take_outputs(self) -> list[Output]:
        outputs = self._outputs[:]
        self._outputs.clear()
        return outputs
