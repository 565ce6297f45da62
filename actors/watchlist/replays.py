"""The devices of one user that wait to be brought up to date: one read of the journal, and one encoding, for all."""

from collections.abc import Callable

from actors.messages.close_codes import TRY_AGAIN_LATER
from actors.messages.connection import ConnectionInfo, Disconnect, Join, Replayed
from actors.messages.conversion import device_snapshot, device_update
from actors.messages.device import WatchlistSnapshot
from actors.messages.journal import Changes, ReadFailed, Snapshot
from actors.messages.sync import SyncMessage


class Replays:
    """Part of a ``WatchlistSync``, on its turns.

    The read under way is for the device that has missed most; whoever has missed less, or comes meanwhile, shares its
    answer. So a user's devices that come back together cost one read, and one that comes and goes costs no more.

    Args:
        read: asks the journal for what came after a revision, of an epoch; answered by ``answered``.
        frame: makes a finished WebSocket frame.
    """

    def __init__(
        self,
        read: Callable[[int, str | None], None],
        frame: Callable[[SyncMessage | WatchlistSnapshot], bytes],
    ) -> None:
        self._read = read
        self._frame = frame
        self._waiting: dict[ConnectionInfo, tuple[int, str | None]] = {}
        """Connection -> the last revision it has seen, and of which epoch."""
        self._asked: tuple[int, str | None] | None = None

    def wait(self, join: Join) -> None:
        """Bring ``join``'s connection up to date, soon."""
        self._waiting[join.connection] = (join.since or 0, join.epoch)
        self._ask()

    def forget(self, connection: ConnectionInfo) -> None:
        """Do nothing more for a connection that has left."""
        self._waiting.pop(connection, None)

    def answered(self, answer: Changes | Snapshot | ReadFailed) -> None:
        """Tell the journal's ``answer`` to everybody it serves, and ask for the others."""
        assert self._asked is not None
        asked, self._asked = self._asked, None
        match answer:
            case Changes():
                self._tell_changes(answer, asked[0])
            case Snapshot():
                served = [connection for connection, missed in self._waiting.items() if missed == asked]
                self.tell_snapshot(answer, served)
            case ReadFailed():
                for connection in self._waiting:
                    connection.tell(Disconnect(TRY_AGAIN_LATER))
                self._waiting.clear()
        self._ask()

    def tell_snapshot(self, snapshot: Snapshot, connections: list[ConnectionInfo]) -> None:
        """Tell the whole list to ``connections``."""
        replayed = Replayed(
            revision=snapshot.revision,
            epoch=snapshot.epoch,
            frames=(self._frame(device_snapshot(snapshot)),),
            is_recovered=False,
            reason=snapshot.reason,
        )
        for connection in connections:
            self._waiting.pop(connection, None)
            connection.tell(replayed)

    def _tell_changes(self, changes: Changes, first: int) -> None:
        frames = tuple(self._frame(device_update(update)) for update in changes.updates)
        for connection, (since, epoch) in list(self._waiting.items()):
            if first <= since <= changes.revision and epoch in (None, changes.epoch):
                del self._waiting[connection]
                connection.tell(
                    Replayed(revision=changes.revision, epoch=changes.epoch, frames=frames[since - first :])
                )

    def _ask(self) -> None:
        if self._asked is None and self._waiting:
            self._asked = min(self._waiting.values(), key=lambda missed: missed[0])
            self._read(*self._asked)
