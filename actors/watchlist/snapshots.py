"""The devices of one user that wait for the whole list: read in pages, for all of them, and told as one message."""

from collections.abc import Callable
from typing import Final

from actors.messages.close_codes import TRY_AGAIN_LATER
from actors.messages.connection import ConnectionInfo, Disconnect, Replayed
from actors.messages.conversion import snapshot_json
from actors.messages.journal import Bookmark, PageExpired, ReadFailed, SnapshotPage

MAX_BEGINNINGS: Final = 4
"""A list that changes between two pages in a way that the history does not explain is read again from its beginning.
The next time has the same chance as the last; beyond this the devices come back when the storm may be over."""


class Snapshots:
    """Part of a ``WatchlistSync``, on its turns.

    Every page shows the list as it was at the first one's revision. Who comes after the first page was asked for gets
    the next list: what was relayed before may not be in this one.

    Args:
        read: asks the journal for the page after a bookmark, ``None``: for the first; answered by ``answered``.
        frame: makes a finished WebSocket frame of JSON.
    """

    def __init__(self, read: Callable[[Bookmark | None], None], frame: Callable[[bytes], bytes]) -> None:
        self._read = read
        self._frame = frame
        self._waiting: dict[ConnectionInfo, str] = {}
        """Connection -> why it is not shown changes."""
        self._asking: dict[ConnectionInfo, str] = {}
        """Who waited when the list under way was begun."""
        self._is_reading = False
        self._pages: list[bytes] = []
        """Of the list under way."""
        self._beginnings = 0

    def wait(self, connection: ConnectionInfo, reason: str) -> None:
        """Show ``connection`` the whole list, soon."""
        self._waiting[connection] = reason
        self._begin()

    def forget(self, connection: ConnectionInfo) -> None:
        """Do nothing more for a connection that has left."""
        self._waiting.pop(connection, None)
        self._asking.pop(connection, None)

    def answered(self, answer: SnapshotPage | PageExpired | ReadFailed) -> None:
        """Take in the next page; with the last one, tell the list."""
        match answer:
            case SnapshotPage(after=after):
                self._pages.append(answer.items)
                if after is not None and self._asking:
                    self._read(after)
                    return
                self._tell(answer)
            case PageExpired() if self._asking and self._beginnings < MAX_BEGINNINGS:
                self._read_from_the_beginning()
                return
            case PageExpired() | ReadFailed():
                for connection in self._asking:
                    connection.tell(Disconnect(TRY_AGAIN_LATER))
        self._asking = {}
        self._pages = []
        self._is_reading = False
        self._begin()

    def _begin(self) -> None:
        if self._waiting and not self._is_reading:
            self._asking, self._waiting = self._waiting, {}
            self._is_reading = True
            self._beginnings = 0
            self._read_from_the_beginning()

    def _read_from_the_beginning(self) -> None:
        self._pages = []
        self._beginnings += 1
        self._read(None)

    def _tell(self, last: SnapshotPage) -> None:
        if not self._asking:
            return
        frame = self._frame(snapshot_json(last.revision, last.epoch, self._pages))
        for connection, reason in self._asking.items():
            connection.tell(
                Replayed(
                    revision=last.revision,
                    head=last.revision,
                    epoch=last.epoch,
                    frames=(frame,),
                    is_recovered=False,
                    reason=reason,
                )
            )
