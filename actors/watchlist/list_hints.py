"""Which lists a user has, and what they are called, told to those who follow that: at first, and when it changes."""

from typing import Final

import msgspec
from typing_extensions import override

from actors.messages.collections import LISTS
from actors.messages.failures import ReadFailed
from actors.messages.lists import Lists, ReadLists
from actors.messages.sync import Catalogue, ListName
from actors.messages.watchlist import HintsRead
from actors.runtime.tell import Tell
from actors.watchlist.deps import WatchlistDeps
from actors.watchlist.hints import Hints

MAX_TOLD: Final = 1_000
"""If an operator allows a user more lists, the others are left out: the message would take megabytes."""

_encode: Final = msgspec.json.Encoder().encode


class ListHints(Hints[Lists]):
    """As any hints. However many changes come while the database is asked, it is asked for them once."""

    __slots__ = ("_told",)

    def __init__(self, user_id: str, deps: WatchlistDeps, tell: Tell[HintsRead]) -> None:
        super().__init__(user_id, LISTS, deps, tell)
        self._told: Catalogue | None = None
        """What those who follow were told; ``None``: nothing yet."""

    def changed(self) -> None:
        """Tell those who follow, soon: a list was made, named or deleted."""
        self._is_stale = self._is_due = True
        self._ask()

    @property
    @override
    def _were_told(self) -> bool:
        return self._told is not None

    @override
    def _question(self, reply_to: Tell[Lists | ReadFailed]) -> ReadLists:
        return ReadLists(self._user_id, reply_to)

    @override
    def _show(self, found: Lists) -> None:
        names = tuple([ListName(one.list, one.name) for one in found.lists[:MAX_TOLD]])
        before, now = self._told, Catalogue(names, left_out=len(found.lists) - len(names))
        self._told = now
        if before is not None and now != before:
            self._send((now,))
        self._tell_waiting((self._deps.frame(_encode(now)),) if self._waiting else ())
