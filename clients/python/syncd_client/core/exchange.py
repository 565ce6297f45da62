"""What is said about collections on one open connection, from ``resumed`` to its end."""

from collections.abc import Callable, Sequence
from typing import Any, Final, assert_never

from msgspec import structs

from syncd_client.core import events
from syncd_client.core.events import Event
from syncd_client.core.outputs import Emit, Output, Send, Timer
from syncd_client.core.timers import Timers
from syncd_client.data import messages
from syncd_client.data.collection_names import DEVICES, LISTS, NAMED, list_in
from syncd_client.data.followed_collection import AnyCollection
from syncd_client.data.messages import Ack, Error, OfCollection, Resumed, ServerMessage, WatchlistUpdate, collection_of
from syncd_client.data.register_messages import DeviceUpdate, ProgressUpdate, RegisterUpdate
from syncd_client.data.snapshots import Snapshot, SnapshotPiece
from syncd_client.data.user_collections import UserCollections
from syncd_client.data.user_state import PendingWrite

STABLE_MS: Final = 10_000
RETRY_MS: Final = 1_000


class GapError(Exception):
    """A revision, or a piece of a list, is missing: it takes a new connection to get it."""


class Follow:
    """How far one collection has been brought up to date on this connection."""

    def __init__(self, collection: AnyCollection) -> None:
        self.collection = collection
        self.resumed: Resumed | None = None
        self.has_begun_list = False
        self.is_live = False

    def lacks_before(self, update: WatchlistUpdate | RegisterUpdate, revision: int) -> bool:
        """Return whether an update is missing that should have come before this one."""
        reached, resumed = self.collection.revision, self.resumed
        if isinstance(update, ProgressUpdate | DeviceUpdate) and resumed and resumed.recovered:
            # A replay of registers leaves out the revisions that a later update of the same key has replaced.
            return revision > max(reached + 1, resumed.revision)
        return revision > reached + 1


class Exchange:
    """Brings the collections that a connection follows up to date, both ways; its outputs go to ``put``.

    Args:
        collections: the user's.
        followed: those that the connection was opened for.
        now_ms: the wall clock.
    """

    def __init__(
        self,
        collections: UserCollections,
        followed: Sequence[AnyCollection],
        put: Callable[[Output], None],
        timers: Timers,
        now_ms: Callable[[], int],
    ) -> None:
        self._collections = collections
        self._follows = {collection.name: Follow(collection) for collection in followed}
        self._put = put
        self._timers = timers
        self._now_ms = now_ms
        self._is_paused = False
        self.is_live = False
        """Whether all of them are up to date."""
        self.has_continued_list = False
        """Whether this connection has brought more pieces of a list that an earlier one began."""
        self.reconnect_after_ms: int | None = None
        """How long the service asks to wait, once it has said that it is about to close; ``None``: it has not."""

    def end(self) -> None:
        """Forget what only the connection knew: it has ended."""
        self._collections.queue.release_all()
        self._collections.devices.end_hints()

    def receive(self, message: ServerMessage) -> None:
        """Act on one message.

        Raises:
            GapError: nothing of it was applied; the connection is of no use any more.
        """
        match message:
            case ProgressUpdate(revision=None, content_id=content_id, position=position, duration=duration):
                self._emit(events.Progress(content_id=content_id, position=position, duration=duration))
            case WatchlistUpdate() | ProgressUpdate() | DeviceUpdate() | Snapshot() | SnapshotPiece() | Resumed():
                if follow := self._follows.get(collection_of(message)):
                    self._receive(follow, message)
            case messages.Lists(lists=lists):
                if LISTS in self._follows:
                    self._collections.catalogue.tell(lists)
            case Ack():
                self._acknowledge(message)
            case Error():
                self._fail(message)
            case messages.Goodbye(reconnect_in_ms=reconnect_in_ms):
                self.reconnect_after_ms = reconnect_in_ms
            case messages.DeviceCommand():
                self._emit(events.Command(**structs.asdict(message)))
            case messages.Pong() | messages.Authenticated():
                pass
            case _:
                assert_never(message)

    def send_writes(self) -> None:
        """Send the writes that may go now; they are in flight from here on."""
        if not self.is_live or self._is_paused:
            return
        for write in self._collections.queue.take_sendable():
            self._put(Send(write.as_message()))

    def end_pause(self) -> None:
        """Allow sending again: the service had asked to be tried later."""
        self._is_paused = False

    def _receive(self, follow: Follow, message: OfCollection) -> None:
        match message:
            case DeviceUpdate(revision=None, device_id=device_id, is_online=bool(is_online), last_seen=str(last_seen)):
                self._collections.devices.hint(device_id, is_online=is_online, last_seen=last_seen)
            case WatchlistUpdate() | ProgressUpdate() | DeviceUpdate():
                self._update(follow, message)
            case Snapshot():
                self._replace_list(follow, message)
            case SnapshotPiece():
                self._collect(follow, message)
            case Resumed():
                self._resume(follow, message)

    def _resume(self, follow: Follow, resumed: Resumed) -> None:
        collection = follow.collection
        follow.resumed = resumed
        if collection is self._collections.devices:
            self._collections.devices.begin_hints()
        if resumed.recovered:
            collection.pieces.drop()
            collection.adopt_epoch(resumed.epoch)
            self._check_live(follow)
        else:
            collection.pieces.keep_only(resumed.revision, resumed.epoch)
            follow.is_live = self.is_live = False

    def _collect(self, follow: Follow, piece: SnapshotPiece) -> None:
        pieces = follow.collection.pieces
        if not pieces.collect(piece):
            raise GapError(f"a piece of the list at revision {piece.revision} came without those before it")
        if piece.start:
            follow.has_begun_list = True
        elif not follow.has_begun_list:
            self.has_continued_list = True
        if snapshot := pieces.snapshot():
            self._replace_list(follow, snapshot)

    def _replace_list(self, follow: Follow, snapshot: Snapshot) -> None:
        follow.collection.pieces.drop()
        self._collections.apply_snapshot(follow.collection, snapshot)
        self._go_live(follow, recovered=False)

    def _update(self, follow: Follow, update: WatchlistUpdate | RegisterUpdate) -> None:
        collection = follow.collection
        if update.revision is None or update.revision <= collection.revision:
            return
        if follow.lacks_before(update, update.revision):
            raise GapError(f"revision {update.revision} came after {collection.revision}")
        self._collections.apply_update(collection, update, update.revision)
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
        name = follow.collection.name
        named = name if name in NAMED else None
        self._emit(events.Resumed(recovered=recovered, reason=reason, list=list_in(name), collection=named))
        if all(other.is_live for other in self._follows.values()):
            self.is_live = True
            self._timers.start(Timer.STABLE, STABLE_MS)

    def _acknowledge(self, ack: Ack) -> None:
        write = self._collections.queue.in_flight(ack.id)
        if write is None:
            return
        is_superseded = ack.status == "superseded"
        self._collections.acknowledge(write, ack.revision, ack.timestamp, is_superseded=is_superseded)
        self._emit(events.Confirmed(**_subject(write), status=ack.status, revision=ack.revision))

    def _fail(self, error: Error) -> None:
        write = self._collections.queue.in_flight(error.id)
        if write is None:
            return
        if error.code == "not_found" and write.operation != "update":  # a remove: gone is what the user wants
            self._acknowledge(Ack("not_found", id=error.id))
            return
        is_as_sent = self._collections.queue.is_as_sent(write)
        self._collections.queue.release(write.operation_id)
        if error.code == "try_again_later":
            self._is_paused = True
            after_ms = RETRY_MS if error.retry_after_ms is None else error.retry_after_ms
            self._timers.start(Timer.RETRY, after_ms)
        elif error.field == "timestamp" and not write.is_unstamped:
            if is_as_sent:  # else it has another stamp by now, and is sent again with that
                self._collections.stamp_again(write, self._now_ms())
        elif _has_no_room_for_tag(error) and write.tag is not None:
            self._collections.retag(write)
        else:
            self._collections.refuse(write)
            self._emit(events.Refused(**_subject(write), code=error.code, message=error.message))

    def _emit(self, event: Event) -> None:
        self._put(Emit(event))


def _subject(write: PendingWrite) -> dict[str, Any]:
    """Return which write an event is about."""
    about = "device_id" if write.registers == DEVICES else "content_id"
    named = {"list": write.list, "collection": write.registers, about: write.content_id}
    return {"operation_id": write.operation_id, "operation": write.operation, **named}


def _has_no_room_for_tag(error: Error) -> bool:
    return (error.code, error.field) == ("quota_exceeded", "tag")
