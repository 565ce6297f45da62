"""What is said about lists on one open connection, from ``resumed`` to its end."""

from collections.abc import Callable, Sequence
from typing import Final, assert_never

from syncd_client import events, messages
from syncd_client.collection import Collection
from syncd_client.events import Event
from syncd_client.messages import Ack, Error, ServerMessage, WatchlistUpdate, list_of
from syncd_client.outputs import Emit, Output, Send, Timer
from syncd_client.timers import Timers
from syncd_client.user_lists import UserLists

STABLE_MS: Final = 10_000
RETRY_MS: Final = 1_000


OfList = WatchlistUpdate | messages.WatchlistSnapshot | messages.WatchlistSnapshotPiece | messages.Resumed


class GapError(Exception):
    """A revision, or a piece of a list, is missing: only a new connection brings it."""


class Follow:
    """How far one list has come on the connection."""

    def __init__(self, collection: Collection) -> None:
        self.collection = collection
        self.resumed: messages.Resumed | None = None
        self.has_begun_list = False
        self.is_live = False


class Exchange:
    """Brings the lists that a connection follows and the service's together; its outputs go to ``put``.

    Args:
        lists: the user's.
        followed: those that the connection was opened for.
    """

    def __init__(
        self, lists: UserLists, followed: Sequence[Collection], put: Callable[[Output], None], timers: Timers
    ) -> None:
        self._lists = lists
        self._follows = {collection.list_id: Follow(collection) for collection in followed}
        self._put = put
        self._timers = timers
        self._is_paused = False
        self.is_live = False
        """Whether all lists are up to date."""
        self.has_continued_list = False
        """Whether it has brought more of a list that an earlier connection began."""
        self.reconnect_after_ms: int | None = None
        """How long the service asks to wait, once it has said that it is about to close; ``None``: it has not."""
        lists.queue.release_all()

    def receive(self, message: ServerMessage) -> None:
        """Act on one message.

        Raises:
            GapError: nothing of it was applied; the connection is of no use any more.
        """
        match message:
            case (
                WatchlistUpdate()
                | messages.WatchlistSnapshot()
                | messages.WatchlistSnapshotPiece()
                | messages.Resumed()
            ):
                if follow := self._follows.get(list_of(message)):
                    self._receive(follow, message)
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
        for write in self._lists.queue.take_sendable():
            self._put(Send(write.as_message()))

    def end_pause(self) -> None:
        """Allow sending again what the service asked to be tried later."""
        self._is_paused = False

    def _receive(self, follow: Follow, message: OfList) -> None:
        match message:
            case WatchlistUpdate():
                self._update(follow, message)
            case messages.WatchlistSnapshot():
                self._replace_list(follow, message)
            case messages.WatchlistSnapshotPiece():
                self._collect(follow, message)
            case messages.Resumed():
                self._resume(follow, message)

    def _resume(self, follow: Follow, resumed: messages.Resumed) -> None:
        collection = follow.collection
        follow.resumed = resumed
        if resumed.recovered:
            collection.pieces.drop()
            collection.adopt_epoch(resumed.epoch)
            self._check_live(follow)
        else:
            collection.pieces.keep_only(resumed.revision, resumed.epoch)
            follow.is_live = self.is_live = False

    def _collect(self, follow: Follow, piece: messages.WatchlistSnapshotPiece) -> None:
        pieces = follow.collection.pieces
        if not pieces.collect(piece):
            raise GapError(f"a piece of the list at revision {piece.revision} came without those before it")
        if piece.start:
            follow.has_begun_list = True
        elif not follow.has_begun_list:
            self.has_continued_list = True
        if snapshot := pieces.snapshot():
            self._replace_list(follow, snapshot)

    def _replace_list(self, follow: Follow, snapshot: messages.WatchlistSnapshot) -> None:
        follow.collection.pieces.drop()
        self._lists.apply_snapshot(follow.collection, snapshot)
        self._go_live(follow, recovered=False)

    def _update(self, follow: Follow, update: WatchlistUpdate) -> None:
        collection = follow.collection
        if update.revision is None or update.revision <= collection.revision:
            return
        if update.revision > collection.revision + 1:
            raise GapError(f"revision {update.revision} came after {collection.revision}")
        self._lists.apply_update(collection, update, update.revision)
        self._check_live(follow)

    def _check_live(self, follow: Follow) -> None:
        resumed = follow.resumed
        if resumed and resumed.recovered and follow.collection.revision >= resumed.revision:
            self._go_live(follow, recovered=True)

    def _go_live(self, follow: Follow, *, recovered: bool) -> None:
        if follow.is_live:
            return
        follow.is_live = True
        reason = None if recovered or follow.resumed is None else follow.resumed.reason
        self._emit(events.Resumed(recovered=recovered, reason=reason, list=follow.collection.list_id))
        if all(other.is_live for other in self._follows.values()):
            self.is_live = True
            self._timers.start(Timer.STABLE, STABLE_MS)

    def _acknowledge(self, ack: Ack) -> None:
        write = self._lists.queue.in_flight(ack.id)
        if write is None:
            return
        self._lists.acknowledge(write, ack.revision, ack.timestamp)
        event = events.Confirmed(
            operation_id=write.operation_id,
            operation=write.operation,
            content_id=write.content_id,
            status=ack.status,
            revision=ack.revision,
            list=write.list,
        )
        self._emit(event)

    def _fail(self, error: Error) -> None:
        write = self._lists.queue.in_flight(error.id)
        if write is None:
            return
        if error.code == "not_found":  # a remove of what is not there: that is what the user wants
            self._acknowledge(Ack("not_found", id=error.id))
            return
        self._lists.queue.release(write.operation_id)
        if error.code == "try_again_later":
            self._is_paused = True
            after_ms = RETRY_MS if error.retry_after_ms is None else error.retry_after_ms
            self._timers.start(Timer.RETRY, after_ms)
        elif error.field == "timestamp" and not write.is_unstamped:
            self._lists.unstamp(write)
        elif _has_no_room_for_tag(error) and write.tag is not None:
            self._lists.retag(write)
        else:
            self._lists.refuse(write)
            event = events.Refused(
                operation_id=write.operation_id,
                operation=write.operation,
                content_id=write.content_id,
                code=error.code,
                message=error.message,
                list=write.list,
            )
            self._emit(event)

    def _emit(self, event: Event) -> None:
        self._put(Emit(event))


def _has_no_room_for_tag(error: Error) -> bool:
    return (error.code, error.field) == ("quota_exceeded", "tag")
