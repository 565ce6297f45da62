"""A collection that a device follows, and how far it has been shown it."""

from collections.abc import Iterable, Sequence
from typing import Final

from msgspec import Struct

from actors.messages.collections import LISTS, PROGRESS, WATCHLIST, list_of
from actors.messages.connection import ConnectionInfo, Following, Join, ReadOn, Replayed
from actors.messages.device import Resumed
from actors.messages.journal_reads import Bookmark
from actors.messages.register_kinds import REGISTER_KINDS

_USUAL: Final[dict[frozenset[str], frozenset[str]]] = {
    usual: usual for usual in (frozenset((WATCHLIST,)), frozenset((WATCHLIST, PROGRESS)))
}
"""One set for all who follow these."""


class Followed(Struct, eq=False):
    """Part of a ``SyncWebSocket``, on its turns."""

    asked: Following
    """What the device said that it has."""
    epoch: str | None
    revision: int = 0
    """The last one written to the device, or in the outbox."""
    list_goes_on: Bookmark | None = None
    """Where the next part begins of the list that is being sent; ``None``: no list is."""
    is_joined: bool = False
    """Whether the ``WatchlistSync`` has answered where the collection stands."""
    promised: int = 0
    """The last revision that the device was told to expect: up to it, it accepts holes among registers."""

    def lacks(self, newest: int) -> bool:
        """Return whether the device is to be brought up to date, where ``newest`` is known to exist."""
        return self.revision < newest if self.is_joined else self.asked.since is not None

    def request(self, connection: ConnectionInfo) -> Join | ReadOn:
        """Return what asks for what the device lacks."""
        asked = self.asked
        if self.list_goes_on is not None:
            return ReadOn(connection, self.list_goes_on, asked.collection)
        if self.is_joined:
            return Join(connection, self.revision, self.epoch, None, asked.collection)
        return Join(connection, asked.since, self.epoch, asked.after, asked.collection)

    def replay(self, replayed: Replayed) -> Resumed | None:
        """Join, and return what the device must be told before the replay, as it does not expect holes.

        ``None``: it knows already.
        """
        knows = self.is_joined and (replayed.revisions is None or replayed.head <= self.promised)
        self.is_joined = True
        return None if knows else self.resumed(replayed.head, replayed.epoch)

    def resumed(self, revision: int, epoch: str, reason: str | None = None) -> Resumed:
        """Return what tells the device where this stands; ``reason``: why it is shown the list."""
        name = self.asked.collection
        self.promised = revision
        return Resumed(
            recovered=reason is None,
            revision=revision,
            epoch=epoch,
            reason=reason,
            list=list_of(name),
            collection=name if name in REGISTER_KINDS or name == LISTS else None,
        )


def named(collection: str, followed: Iterable[Followed]) -> Followed:
    """Return which of the ``followed`` is ``collection``. Raises: LookupError, none is."""
    for one in followed:
        if one.asked.collection == collection:
            return one
    raise LookupError(collection)


def joined_at_once(followed: Sequence[Followed]) -> list[Followed]:
    """Return what is asked for at the beginning: the first, and what needs no replay; the others come in turn."""
    return [one for one in followed if one is followed[0] or one.asked.since is None]


def reached(replayed: Replayed, left_out: int) -> int:
    """Return where a device stands that was sent ``replayed`` but for its last ``left_out`` frames (never all)."""
    if replayed.revisions is None or not left_out:
        return replayed.revision - left_out
    return replayed.revisions[-left_out - 1]


def collections_of(follows: tuple[Following, ...]) -> frozenset[str]:
    """Return which collections these are."""
    collections = frozenset(asked.collection for asked in follows)
    return _USUAL.get(collections, collections)
