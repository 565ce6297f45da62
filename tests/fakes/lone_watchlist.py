"""What stands behind a connection's actor where there is nothing else."""

import asyncio

from actors.messages.collections import WATCHLIST
from actors.messages.connection import (
    ConnectionInfo,
    Join,
    Joined,
    Leave,
    Listed,
    ListPart,
    ReadOn,
    Replayed,
    WatchlistRequest,
)
from actors.messages.journal import DeviceWrite, Outcome, Status
from actors.messages.journal_reads import Bookmark
from transport.wire.frames import fragments

BOOKMARK = Bookmark(epoch="e", revision=9, timestamp=1, added_revision=1)


def part(json: bytes, *, opens: bool, closes: bool) -> ListPart:
    """A part of a list in one message."""
    after = None if closes else BOOKMARK
    frames = fragments(json, opens=opens, closes=closes)
    return ListPart(revision=9, epoch="e", frames=frames, ends_message=closes, after=after)


class LoneWatchlist:
    """Stands for every user's ``WatchlistSync``: at revision 0, acknowledges writes at once."""

    def __init__(self) -> None:
        self.joined: asyncio.Queue[ConnectionInfo] = asyncio.Queue()
        self.left: asyncio.Queue[ConnectionInfo] = asyncio.Queue()
        self.asked_on: asyncio.Queue[ConnectionInfo] = asyncio.Queue()
        """Who has taken a part of the list that was not the last."""
        self.missed: tuple[bytes, ...] = ()
        self.parts: list[ListPart] = []
        """The parts of the list, shown to a device that resumes instead of what it missed."""
        self.writes = 0

    def tell(self, request: WatchlistRequest) -> None:
        match request:
            case Join(connection=connection, since=None, collection=collection):
                connection.tell(Joined(0, collection))
                if collection == WATCHLIST:
                    self.joined.put_nowait(connection)
            case Join(connection=connection) if self.parts:
                connection.tell(Listed(self.parts.pop(0), 9, "history_pruned"))
                self.joined.put_nowait(connection)
            case ReadOn(connection=connection):
                self.asked_on.put_nowait(connection)
            case Join(connection=connection, since=since):
                assert since is not None
                revision = since + len(self.missed)
                connection.tell(Replayed(revision=revision, head=revision, epoch="e", frames=self.missed))
                self.joined.put_nowait(connection)
            case Leave(connection=connection):
                self.left.put_nowait(connection)
            case DeviceWrite(answer=answer):
                self.writes += 1
                assert answer is not None
                answer(Outcome(status=Status.EXISTING))
