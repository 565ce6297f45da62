"""The devices of one user that wait for what they have missed: one read of the journal at a time, for all of them."""

from bisect import bisect_right
from collections.abc import Callable
from typing import NamedTuple

from actors.messages.close_codes import TRY_AGAIN_LATER
from actors.messages.collections import WATCHLIST
from actors.messages.connection import ConnectionInfo, Disconnect, Join, Replayed
from actors.messages.failures import ReadFailed
from actors.messages.journal_reads import Bookmark, Changes, ChangesExpired


class ResumePoint(NamedTuple):
    """Where a device stands that has missed something."""

    since: int
    """The last revision that it has seen."""
    epoch: str | None
    """The epoch that this revision belongs to."""
    takes_pieces: bool
    """It takes the list in pieces, and prefers it to a replay that is as long."""


def _resume_point(join: Join) -> ResumePoint:
    return ResumePoint(join.since or 0, join.epoch, join.connection.takes_pieces)


class Replays:
    """Part of a ``WatchlistSync``, on its turns.

    A read is for the waiting device that has missed most, and those that have missed less share its answer. So a user's
    devices that come back together cost one read. It is a slice: a device that has taken it asks for the next. One that
    comes while a read is under way gets a later one: what was relayed before may not be in this answer.

    Args:
        read: asks the journal for a slice of what came after a resume point; answered by ``answered``.
        frame: makes a finished WebSocket frame of JSON.
        show_list: shows a connection the whole list, with the reason; or what follows the part that it has.
        collection: whose revisions these are.
    """

    def __init__(
        self,
        read: Callable[[ResumePoint], None],
        frame: Callable[[bytes], bytes],
        show_list: Callable[[ConnectionInfo, str, Bookmark | None], None],
        collection: str = WATCHLIST,
    ) -> None:
        self._read = read
        self._frame = frame
        self._show_list = show_list
        self._collection = collection
        self._waiting: dict[ConnectionInfo, Join] = {}
        self._asking: dict[ConnectionInfo, Join] = {}
        """Who waited when the read under way was begun; empty: there is none."""
        self._asked: ResumePoint | None = None
        """What the read under way is for."""

    @property
    def is_reading(self) -> bool:
        """Whether the journal is being asked."""
        return self._asked is not None

    def wait(self, join: Join) -> None:
        """Bring ``join``'s connection up to date, soon."""
        self._waiting[join.connection] = join
        self._ask()

    def forget(self, connection: ConnectionInfo) -> None:
        """Do nothing more for a connection that has left."""
        self._waiting.pop(connection, None)
        self._asking.pop(connection, None)

    def answered(self, answer: Changes | ChangesExpired | ReadFailed) -> None:
        """Tell the journal's ``answer`` to everybody it serves, and ask for the others."""
        assert self._asked is not None
        asked, self._asked = self._asked, None
        asking, self._asking = self._asking, {}
        match answer:
            case Changes():
                self._waiting |= self._tell_changes(answer, asked, asking)
            case ChangesExpired(reason=reason):
                for connection, join in asking.items():
                    if _resume_point(join) == asked:
                        self._show_list(connection, reason, join.after)
                    else:
                        self._waiting[connection] = join
            case ReadFailed():
                for connection in asking:
                    connection.tell(Disconnect(TRY_AGAIN_LATER))
        self._ask()

    def _tell_changes(
        self, changes: Changes, first: ResumePoint, asking: dict[ConnectionInfo, Join]
    ) -> dict[ConnectionInfo, Join]:
        """Tell ``changes`` after ``first``, and return whom they do not serve."""
        frames = tuple(map(self._frame, changes.updates))
        others: dict[ConnectionInfo, Join] = {}
        for connection, join in asking.items():
            since, epoch, takes_pieces = _resume_point(join)
            is_served = since < changes.revision or (since == changes.revision and not changes.has_more)
            may_get_list = takes_pieces and not first.takes_pieces and changes.has_more
            known = since - first.since if changes.revisions is None else bisect_right(changes.revisions, since)
            if is_served and not may_get_list and epoch in (None, changes.epoch):
                connection.tell(
                    Replayed(
                        revision=changes.revision,
                        head=changes.head,
                        epoch=changes.epoch,
                        frames=frames[known:],
                        collection=self._collection,
                        revisions=None if changes.revisions is None else changes.revisions[known:],
                    )
                )
            else:
                others[connection] = join
        return others

    def _ask(self) -> None:
        if self._asked is None and self._waiting:
            self._asking, self._waiting = self._waiting, {}
            self._asked = min(map(_resume_point, self._asking.values()), key=lambda resume: resume.since)
            self._read(self._asked)
