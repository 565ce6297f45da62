"""Every decision of a client, without I/O: inputs one at a time, and for each what is to be done.

Its behaviour, word by word: clients/conformance/README.md. After ``Close``, no more inputs may come from that
connection or attempt, nor from a token that was asked for it or a probe beside it.
"""

from collections.abc import Callable, Iterable
from typing import Any

from syncd_client.core import events
from syncd_client.core.connector import Connector
from syncd_client.core.core_view import CoreView
from syncd_client.core.outputs import Emit, Erase, Output, Timer
from syncd_client.core.session import CoreDeps, Session
from syncd_client.core.state import State
from syncd_client.core.token import Token
from syncd_client.core.tokens import Fault
from syncd_client.data import messages
from syncd_client.data.collection_names import check_collection, collection_of_list
from syncd_client.data.ids import check_list_id, check_name, check_user_id
from syncd_client.data.register_fields import check_device, check_report
from syncd_client.data.user_state import PendingWrite, UserState

__all__ = ["Core", "CoreDeps", "NotSignedInError", "State"]


class NotSignedInError(Exception):
    """The app wants to change a list, but nobody's list is open."""


class Core(CoreView):
    """One client: for one user at a time, with one connection at most.

    Each method takes one input and returns what is to be done, in order: nothing while nobody is signed in.
    """

    def __init__(self, deps: CoreDeps) -> None:
        super().__init__()
        self._deps = deps
        self._outputs: list[Output] = []

    # The app's calls

    def sign_in(self, user_id: str, stored: UserState | None) -> list[Output]:
        """Open a user's list, as it was stored, and connect. Another user's is closed and kept.

        Raises:
            ValueError: ``user_id`` is none that the service can know.
        """
        check_user_id(user_id)
        if user_id == self.user_id:
            return self.connect()
        self._sign_out(erase=False)
        self._session = Session(user_id, stored, self._opened, self._outputs.append, self._deps)
        self._session.connector.connect()
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
        if self._session is not None:
            self._session.disconnect()
        return self._done()

    def wake(self) -> list[Output]:
        """Make sure of the connection: the network is back, the device woke or the user returned."""
        return self._put(Connector.wake)

    def open_list(self, list_id: str) -> list[Output]:
        """Follow a list beside the watchlist from here on, whoever is signed in.

        Raises:
            ValueError: no list can be called so.
        """
        return self._open(collection_of_list(check_list_id(list_id)))

    def open(self, collection: str) -> list[Output]:
        """Follow ``progress``, ``devices`` or ``lists`` from here on, whoever is signed in.

        Raises:
            ValueError: ``collection`` is none of them.
        """
        return self._open(check_collection(collection))

    def want(self, collections: Iterable[str]) -> list[Output]:
        """Follow what an earlier core has ``wanted``."""
        for collection in collections:
            self._open(collection)
        return self._done()

    def _open(self, collection: str) -> list[Output]:
        self._opened[collection] = None
        if self._session is not None:
            self._session.follow(collection)
        return self._done()

    def enqueue(
        self,
        operation: messages.Action,
        content_id: str,
        list_id: str | None = None,
        data: dict[str, Any] | None = None,
        position: str | None = None,
    ) -> tuple[PendingWrite, list[Output]]:
        """Add or remove a content: shown at once, sent when that is possible.

        Args:
            operation: what to do.
            content_id: which content, in canonical form.
            list_id: which of the opened lists; ``None``: the watchlist.
            data: what an add says of its item; ``None``: nothing.
            position: where an add puts its item; ``None``: where it is.

        Raises:
            NotSignedInError: nobody's list is open.
            ValueError: ``data`` or ``position`` is none that the service keeps.
            TypeError: ``data`` is not what JSON can hold.
        """
        collections = self._signed_in().collections
        write = collections.enqueue(operation, content_id, self._deps.now_ms(), list_id, data, position)
        return write, self._done()

    def report(
        self,
        content_id: str,
        position_seconds: float,
        duration_seconds: float | None = None,
        state: str = "playing",
        watched: bool | None = None,
    ) -> list[Output]:
        """Say how far a content, by its canonical id, was played: shown at once, queued at once or within seconds.

        Raises:
            NotSignedInError: nobody's list is open.
            ValueError: the service keeps no such values.
        """
        reports = self._signed_in().reports
        reports.report(content_id, check_report(position_seconds, duration_seconds, state, watched))
        return self._done()

    def flush(self) -> list[Output]:
        """Queue what was reported and is not queued yet."""
        if self._session is not None:
            self._session.reports.put_held()
        return self._done()

    def remove_progress(self, content_id: str) -> tuple[PendingWrite, list[Output]]:
        """Forget how far a content, by its canonical id, was played.

        Raises:
            NotSignedInError: nobody's list is open.
        """
        return self._signed_in().reports.remove(content_id), self._done()

    def update_device(
        self,
        device_id: str,
        device_name: str | None = None,
        device_type: str | None = None,
        platform: str | None = None,
        capabilities: dict[str, Any] | None = None,
    ) -> tuple[PendingWrite | None, list[Output]]:
        """Say what a device is; what is ``None`` stays. No write is returned if that is known already.

        Raises:
            NotSignedInError: nobody's list is open.
            ValueError: the service keeps no such values.
            TypeError: ``capabilities`` is not what JSON can hold.
        """
        session = self._signed_in()
        says = check_device(device_name, device_type, platform, capabilities)
        return session.update_device(check_name("device_id", device_id), says), self._done()

    def forget_device(self, device_id: str) -> tuple[PendingWrite, list[Output]]:
        """Forget a device; it is known again when it connects.

        Raises:
            NotSignedInError: nobody's list is open.
            ValueError: no device can be called so.
        """
        return self._signed_in().forget_device(check_name("device_id", device_id)), self._done()

    # The app's callback

    def token(self, token: Token) -> list[Output]:
        """Use the token that was asked for: to open a connection, or on the open one."""
        return self._put(lambda connector: connector.token(token))

    def token_failed(self, reason: str) -> list[Output]:
        """Go on without a token for now: the callback failed."""
        fault = Fault(f"no token: {reason}", is_lasting=False)
        return self._put(lambda connector: connector.no_token(fault))

    def token_unusable(self, reason: str) -> list[Output]:
        """Stop: the callback answered with something that can never be a token."""
        fault = Fault(f"no token: {reason}", is_lasting=True)
        return self._put(lambda connector: connector.no_token(fault))

    # The connection

    def opened(self) -> list[Output]:
        """The connection is open: a socket, or an answer that goes on; when polling, whenever an answer begins."""
        return self._put(Connector.opened)

    def open_failed(
        self, reason: str, status: int | None = None, retry_after_s: float = 0, problem: str | None = None
    ) -> list[Output]:
        """It did not open: refused with an HTTP ``status``, or no answer.

        ``problem``: the service's own words, as ``read_problem`` finds them; ``None``: anybody may have answered.
        """
        return self._put(lambda connector: connector.open_failed(reason, status, retry_after_s, problem))

    def closed(self, code: int, reason: str) -> list[Output]:
        """The connection ended; ``code`` 1006: without a close frame."""
        return self._put(lambda connector: connector.closed(code, reason))

    def heard(self) -> list[Output]:
        """Bytes came, perhaps part of a message that is not complete yet: the connection lives."""
        if self._session is not None:
            self._session.connector.heard()
        return []

    def received(self, message: messages.ServerMessage | None) -> list[Output]:
        """One message came; ``None``: one of a type that we do not know."""
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
        if self._session is not None:
            self._session.due(timer)
        return self._done()

    # Outputs

    def _put(self, happened: Callable[[Connector], None]) -> list[Output]:
        if self._session is not None:
            happened(self._session.connector)
        return self._done()

    def _signed_in(self) -> Session:
        if self._session is None:
            raise NotSignedInError("sign in before changing a list")
        return self._session

    def _sign_out(self, *, erase: bool) -> None:
        if self._session is None:
            return
        user_id = self._session.collections.user_id
        self._session.sign_out(erase=erase)
        if erase:
            self._outputs.append(Erase(user_id))
        self._outputs.append(Emit(events.SignedOut(user_id=user_id, erased=erase)))
        self._session = None

    def _done(self) -> list[Output]:
        """End an input: first what it changed is stored, then what may go is sent, and ``updated`` comes last."""
        if self._session is None:
            return self._take_outputs()
        self._session.connector.send_writes()
        changes, has_news = self._session.take_changes()
        outputs = self._take_outputs()
        if changes is not None:
            outputs.insert(0, changes)
        if has_news:
            outputs.append(Emit(events.Updated()))
        return outputs

    def _take_outputs(self) -> list[Output]:
        outputs = self._outputs[:]
        self._outputs.clear()
        return outputs
