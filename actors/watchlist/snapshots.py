"""The devices of one user that are shown the whole list: part by part, as each of them takes it."""

from collections.abc import Callable, Iterable
from typing import Final
from weakref import WeakValueDictionary

from msgspec import Struct

from actors.messages.close_codes import TRY_AGAIN_LATER
from actors.messages.collections import WATCHLIST
from actors.messages.connection import MAX_PART_BYTES, ConnectionInfo, Disconnect, Listed, ListPart
from actors.messages.conversion import snapshot_part_json, snapshot_piece_json
from actors.messages.failures import ReadFailed
from actors.messages.journal_reads import Bookmark, PageExpired, SnapshotPage
from actors.ports import Fragments

MAX_BEGINNINGS: Final = 4
"""A list that changes between two parts in a way that the history does not explain is sent again from its beginning.
The next time has the same chance as the last; beyond this the device comes back when the storm may be over."""


class SnapshotDeps(Struct, frozen=True, eq=False, kw_only=True):
    """What ``Snapshots`` is wired with."""

    read: Callable[[Bookmark | None, int], None]
    """Asks the journal for the page after a bookmark (``None``: the first) of so many items; ``answered`` is told."""
    head: Callable[[], int]
    """The last revision that devices here were shown."""
    fragments: Fragments
    cursor_of: Callable[[Bookmark], str]
    """How a device names a bookmark when it comes back."""
    collection: str = WATCHLIST
    """What the list is."""


class Snapshots:
    """Part of a ``WatchlistSync``, on its turns.

    A device asks for the next part when its socket has taken the last: what it has not read stays in the journal. All
    parts show the list as it was at the first one's revision. Those who wait for the same part share one read, and
    those who are being sent it, one encoded copy.

    Args:
        deps: its wiring.
        rows: the items of a part; fewer if they are so large that a part would be above its bound.
    """

    def __init__(self, deps: SnapshotDeps, rows: int) -> None:
        self._deps = deps
        self._rows = rows
        self._waiting: dict[ConnectionInfo, Bookmark | None] = {}
        """Connection -> the bookmark behind which its next part begins."""
        self._reasons: dict[ConnectionInfo, str] = {}
        """Why it is not shown changes, which it is told with its first part."""
        self._beginnings: dict[ConnectionInfo, int] = {}
        self.is_reading = False
        """The journal is being asked."""
        self._asked: Bookmark | None = None
        """The bookmark behind which the read under way begins."""
        self._parts: WeakValueDictionary[tuple[Bookmark | None, bool], ListPart] = WeakValueDictionary()
        """Those that are being sent: bookmark, whether it is a piece -> part."""

    def begin(self, connection: ConnectionInfo, reason: str, after: Bookmark | None = None) -> None:
        """Show ``connection`` the list, from its beginning or behind what it has from before."""
        self._reasons[connection] = reason
        self.read_on(connection, after)

    def read_on(self, connection: ConnectionInfo, after: Bookmark | None) -> None:
        """Show ``connection`` the part behind ``after``, soon."""
        part = self._parts.get((after, connection.takes_pieces))
        if part is not None and (after is not None or part.revision == self._deps.head()):
            self._tell(connection, part)
            return
        self._waiting[connection] = after
        self._read()

    def forget(self, connection: ConnectionInfo) -> None:
        """Do nothing more for a connection that has left."""
        self._waiting.pop(connection, None)
        self._reasons.pop(connection, None)
        self._beginnings.pop(connection, None)

    def forget_parts(self) -> None:
        """Send nobody else what is being sent now: the list was another epoch's."""
        self._parts.clear()

    def answered(self, answer: SnapshotPage | PageExpired | ReadFailed) -> None:
        """Show the page to all who wait for it, and read for the others."""
        self.is_reading = False
        if isinstance(answer, SnapshotPage) and len(answer.items) > MAX_PART_BYTES and self._rows > 1:
            self._rows //= 2
            self._read()
            return
        asked = self._asked
        served = [connection for connection, after in self._waiting.items() if after == asked]
        for connection in served:
            del self._waiting[connection]
        match answer:
            case SnapshotPage():
                self._show(answer, served)
            case PageExpired():
                for connection in served:
                    self._begin_again(connection)
            case ReadFailed():
                for connection in served:
                    connection.tell(Disconnect(TRY_AGAIN_LATER))
        self._read()

    def _read(self) -> None:
        if self._waiting and not self.is_reading:
            self.is_reading = True
            self._asked = next(iter(self._waiting.values()))
            self._deps.read(self._asked, self._rows)

    def _show(self, page: SnapshotPage, served: Iterable[ConnectionInfo]) -> None:
        parts: dict[bool, ListPart] = {}
        for connection in served:
            is_piece = connection.takes_pieces
            if is_piece not in parts:
                parts[is_piece] = self._parts[self._asked, is_piece] = self._part(page, is_piece=is_piece)
            self._tell(connection, parts[is_piece])

    def _part(self, page: SnapshotPage, *, is_piece: bool) -> ListPart:
        is_start, is_end = self._asked is None, page.after is None
        if is_piece:
            cursor = None if page.after is None else self._deps.cursor_of(page.after)
            json = snapshot_piece_json(page, is_start=is_start, cursor=cursor, collection=self._deps.collection)
        else:
            json = snapshot_part_json(page, is_start=is_start, collection=self._deps.collection)
        return ListPart(
            revision=page.revision,
            epoch=page.epoch,
            frames=self._deps.fragments(json, opens=is_piece or is_start, closes=is_piece or is_end),
            ends_message=is_piece or is_end,
            after=page.after,
        )

    def _tell(self, connection: ConnectionInfo, part: ListPart) -> None:
        if part.after is None:
            self._beginnings.pop(connection, None)
        head = max(part.revision, self._deps.head())
        connection.tell(Listed(part, head, self._reasons.pop(connection, None), self._deps.collection))

    def _begin_again(self, connection: ConnectionInfo) -> None:
        """Show ``connection`` another list, unless it is in the midst of a message or has seen too many."""
        beginnings = self._beginnings[connection] = self._beginnings.get(connection, 1) + 1
        if connection.takes_pieces and beginnings <= MAX_BEGINNINGS:
            self._waiting[connection] = None
        else:
            connection.tell(Disconnect(TRY_AGAIN_LATER))
