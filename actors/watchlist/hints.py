"""Hints that the database can be asked for: told to whoever begins to follow, then to all when they have changed.

What other nodes say may be lost on the bus. So the database is asked whenever heads are compared with the journal.
"""

from abc import ABC, abstractmethod
from typing import Generic, TypeVar

from actors.messages.close_codes import TRY_AGAIN_LATER
from actors.messages.connection import ConnectionInfo, Deliver, Disconnect
from actors.messages.devices import Devices
from actors.messages.failures import ReadFailed
from actors.messages.fanout import SendToUser
from actors.messages.journal import JournalMessage
from actors.messages.lists import Lists
from actors.messages.sync import SyncMessage
from actors.messages.watchlist import HintsRead
from actors.runtime.tell import Tell
from actors.watchlist.deps import WatchlistDeps

A = TypeVar("A", Devices, Lists)
"""The journal's answer."""


class Hints(ABC, Generic[A]):
    """Part of a ``CollectionSync``, on its turns. What it asks for is answered by ``answered``.

    Args:
        user_id: whose.
        collection: what has to be followed.
        deps: of the ``WatchlistSync``.
        tell: reaches it.
    """

    __slots__ = (
        "_collection",
        "_deps",
        "_is_due",
        "_is_stale",
        "_tell",
        "_user_id",
        "_waiting",
        "is_owed",
        "is_reading",
    )

    def __init__(self, user_id: str, collection: str, deps: WatchlistDeps, tell: Tell[HintsRead]) -> None:
        self._user_id = user_id
        self._collection = collection
        self._deps = deps
        self._tell = tell
        self._waiting: dict[ConnectionInfo, None] = {}
        """Who is to be told all; in the order in which they came."""
        self._is_due = False
        """The database is to be asked, though nobody waits."""
        self._is_stale = False
        """Since it was asked, something has changed, or somebody else waits: its answer is not enough."""
        self.is_reading = False
        self.is_owed = False
        """The journal could not be read: those who follow may lack something."""

    def show_all(self, connection: ConnectionInfo) -> None:
        """Tell ``connection`` all, soon."""
        self._waiting[connection] = None
        self._is_stale = True
        self._ask()

    def refresh(self) -> None:
        """Find out whether those who follow lack anything."""
        self._is_due = self._is_due or self._were_told
        self._ask()

    def forget(self, connection: ConnectionInfo) -> None:
        """Do nothing more for a connection that has left."""
        self._waiting.pop(connection, None)

    def answered(self, answer: A | ReadFailed) -> None:
        """Take the journal's answer."""
        self.is_reading, self.is_owed = False, isinstance(answer, ReadFailed)
        if isinstance(answer, ReadFailed):
            waiting, self._waiting = self._waiting, {}
            for connection in waiting:
                connection.tell(Disconnect(TRY_AGAIN_LATER))
        elif self._is_stale:
            self._is_due = True
            self._ask()
        else:
            self._show(answer)

    def _ask(self) -> None:
        if (self._waiting or self._is_due) and not self.is_reading:
            self.is_reading, self._is_stale, self._is_due = True, False, False
            tell, collection = self._tell, self._collection
            self._deps.journal(self._question(lambda answer: tell(HintsRead(answer, collection))))

    def _tell_waiting(self, frames: tuple[bytes, ...]) -> None:
        waiting, self._waiting = self._waiting, {}
        for connection in waiting:
            connection.tell(Deliver(None, frames, self._collection))

    def _send(self, messages: tuple[SyncMessage, ...]) -> None:
        """Tell all who follow."""
        self._deps.registry(SendToUser(self._user_id, messages, self._deps.now_s()))

    @property
    @abstractmethod
    def _were_told(self) -> bool:
        """Return whether somebody was told anything."""

    @abstractmethod
    def _question(self, reply_to: Tell[A | ReadFailed]) -> JournalMessage:
        """Return what asks the journal."""

    @abstractmethod
    def _show(self, found: A) -> None:
        """Tell those who wait all, and the others what they lack."""
