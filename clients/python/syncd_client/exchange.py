"""What is said about a list on one open connection, from ``resumed`` to its end."""

from collections.abc import Callable
from typing import Final, assert_never

from syncd_client import events, messages
from syncd_client.events import Event
from syncd_client.messages import Ack, Error, ServerMessage, WatchlistUpdate
from syncd_client.outputs import Emit, Output, Send, Timer
from syncd_client.timers import Timers
from syncd_client.watchlist import Watchlist

STABLE_MS: Final = 10_000
RETRY_MS: Final = 1_000


class GapError(Exception):
    """A revision, or a piece of a list, is missing: only a new connection brings it."""


class Exchange:
    """Brings ``watchlist`` and the service's list together; its outputs go to ``put``."""

    def __init__(self, watchlist: Watchlist, put: Callable[[Output], None], timers: Timers) -> None:
        self._watchlist = watchlist
        self._put = put
        self._timers = timers
        self._resumed: messages.Resumed | None = None
        self._is_paused = False
        self._has_begun_list = False
        self.is_live = False
        """Whether the list is up to date."""
        self.has_continued_list = False
        """Whether it has brought more of a list that an earlier connection began."""
        self.reconnect_after_ms: int | None = None
        """How long the service asks to wait, once it has said that it is about to close; ``None``: it has not."""
        watchlist.queue.release_all()

    def receive(self, message: ServerMessage) -> None:
        """Act on one message.

        Raises:
            GapError: nothing of it was applied; the connection is of no use any more.
        """
        match message:
            case WatchlistUpdate():
                self._update(message)
            case messages.WatchlistSnapshot():
                self._replace_list(message)
            case messages.WatchlistSnapshotPiece():
                self._collect(message)
            case messages.Resumed():
                self._resume(message)
            case Ack():
                self._acknowledge(message)
            case Error():
                self._fail(message)
            case messages.Goodbye(reconnect_in_ms=reconnect_in_ms):
                self.reconnect_after_ms = reconnect_in_ms
            case messages.ProgressUpdate(content_id=content_id, position=position, duration=duration):
                self._emit(events.Progress(content_id=content_id, position=position, duration=duration))
            case messages.DeviceCommand(command=command, target_device=target_device):
                self._emit(events.Command(command=command, target_device=target_device))
            case messages.Pong() | messages.Authenticated():
                pass
            case _:
                assert_never(message)

    def send_writes(self) -> None:
        """Send the writes that may go now; they are in flight from here on."""
        if not self.is_live or self._is_paused:
            return
        for write in self._watchlist.queue.take_sendable():
            self._put(Send(write.as_message()))

    def end_pause(self) -> None:
        """Allow sending again what the service asked to be tried later."""
        self._is_paused = False

    def _resume(self, resumed: messages.Resumed) -> None:
        self._resumed = resumed
        if resumed.recovered:
            self._watchlist.pieces.drop()
            self._watchlist.adopt_epoch(resumed.epoch)
            self._check_live()
        else:
            self._watchlist.pieces.keep_only(resumed.revision, resumed.epoch)
            self.is_live = False

    def _collect(self, piece: messages.WatchlistSnapshotPiece) -> None:
        pieces = self._watchlist.pieces
        if not pieces.collect(piece):
            raise GapError(f"a piece of the list at revision {piece.revision} came without those before it")
        if piece.start:
            self._has_begun_list = True
        elif not self._has_begun_list:
            self.has_continued_list = True
        if snapshot := pieces.snapshot():
            self._replace_list(snapshot)

    def _replace_list(self, snapshot: messages.WatchlistSnapshot) -> None:
        self._watchlist.pieces.drop()
        self._watchlist.apply_snapshot(snapshot)
        self._go_live(recovered=False)

    def _update(self, update: WatchlistUpdate) -> None:
        if update.revision is None or update.revision <= self._watchlist.revision:
            return
        if update.revision > self._watchlist.revision + 1:
            raise GapError(f"revision {update.revision} came after {self._watchlist.revision}")
        self._watchlist.apply_update(update, update.revision)
        self._check_live()

    def _check_live(self) -> None:
        resumed = self._resumed
        if resumed and resumed.recovered and self._watchlist.revision >= resumed.revision:
            self._go_live(recovered=True)

    def _go_live(self, *, recovered: bool) -> None:
        if self.is_live:
            return
        self.is_live = True
        reason = None if recovered or self._resumed is None else self._resumed.reason
        self._emit(events.Resumed(recovered=recovered, reason=reason))
        self._timers.start(Timer.STABLE, STABLE_MS)

    def _acknowledge(self, ack: Ack) -> None:
        write = self._watchlist.queue.in_flight(ack.id)
        if write is None:
            return
        self._watchlist.acknowledge(write, ack.revision, ack.timestamp)
        event = events.Confirmed(
            operation_id=write.operation_id,
            operation=write.operation,
            content_id=write.content_id,
            status=ack.status,
            revision=ack.revision,
        )
        self._emit(event)

    def _fail(self, error: Error) -> None:
        write = self._watchlist.queue.in_flight(error.id)
        if write is None:
            return
        if error.code == "not_found":  # a remove of what is not there: that is what the user wants
            self._acknowledge(Ack("not_found", id=error.id))
            return
        self._watchlist.queue.release(write.operation_id)
        if error.code == "try_again_later":
            self._is_paused = True
            after_ms = RETRY_MS if error.retry_after_ms is None else error.retry_after_ms
            self._timers.start(Timer.RETRY, after_ms)
        elif error.field == "timestamp" and not write.is_unstamped:
            self._watchlist.unstamp(write)
        elif _has_no_room_for_tag(error) and write.tag is not None:
            self._watchlist.retag(write)
        else:
            self._watchlist.refuse(write)
            event = events.Refused(
                operation_id=write.operation_id,
                operation=write.operation,
                content_id=write.content_id,
                code=error.code,
                message=error.message,
            )
            self._emit(event)

    def _emit(self, event: Event) -> None:
        self._put(Emit(event))


def _has_no_room_for_tag(error: Error) -> bool:
    return (error.code, error.field) == ("quota_exceeded", "tag")
