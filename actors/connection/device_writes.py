"""A device's writes until it is written their answers: so many, and it is not read until half are answered."""

from functools import partial
from typing import Final

from actors.connection.deps import ConnectionDeps
from actors.messages.connection import ConnectionInfo, WriteAnswered
from actors.messages.device import ProgressWrite, WatchlistWrite
from actors.messages.journal import DeviceWrite, Outcome
from actors.ports import DeviceSocket
from actors.runtime.tell import Tell

MAX_UNANSWERED: Final = 256


class DeviceWrites:
    """Part of a ``SyncWebSocket``, on its turns; each write is answered by ``WriteAnswered``."""

    __slots__ = ("_connection", "_deps", "_socket", "unanswered")

    def __init__(self, connection: ConnectionInfo, socket: DeviceSocket, deps: ConnectionDeps) -> None:
        self._connection = connection
        self._socket = socket
        self._deps = deps
        self.unanswered = 0

    def submit(self, write: WatchlistWrite | ProgressWrite) -> None:
        """Hand ``write`` to the user's ``WatchlistSync``."""
        self.unanswered += 1
        if self.unanswered == MAX_UNANSWERED:
            self._socket.pause_reading()
        user_id, device_id = self._connection.user_id, self._connection.device_id
        self._deps.tell_watchlist(
            DeviceWrite(
                user_id=user_id,
                device_id=device_id,
                change=write.register_change() if isinstance(write, ProgressWrite) else write,
                collection=write.collection,
                answer=partial(_tell_outcome, self._connection.tell, write),
                trace=self._deps.tracer.accept(write.traceparent, user_id, device_id, "socket", write.collection),
            )
        )

    def answered(self, count: int) -> None:
        """Note that the device has been written the answers of so many."""
        before, self.unanswered = self.unanswered, self.unanswered - count
        if before > MAX_UNANSWERED // 2 >= self.unanswered:
            self._socket.resume_reading()


def _tell_outcome(tell: Tell[WriteAnswered], write: WatchlistWrite | ProgressWrite, outcome: Outcome) -> None:
    tell(WriteAnswered(write.id, outcome, write.collection))
