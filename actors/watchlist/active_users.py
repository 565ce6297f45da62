"""Which users have a ``WatchlistSync`` on this node."""

from collections.abc import Callable, Iterator

from pykka import ActorRef

from actors.messages.channel import HeadMoved
from actors.messages.connection import WatchlistRequest
from actors.messages.journal import DeviceWrite
from actors.messages.watchlist import DevicesSeen, ListsChanged, RemoteUpdate, RetireIfIdle
from actors.watchlist.watchlist_sync import WatchlistSync


class ActiveUsers:
    """Starts a user's ``WatchlistSync`` when somebody needs it; idle ones retire at the next ``sweep``.

    Thread: the event loop. Because actors run there too, a ref that is told at once reaches a living actor.
    """

    def __init__(self, start: Callable[[str, Callable[[str], None]], ActorRef[WatchlistSync]]) -> None:
        self._start = start
        self._watchlists: dict[str, ActorRef[WatchlistSync]] = {}

    def tell_watchlist(self, request: WatchlistRequest) -> None:
        """Tell ``request`` to the actor of the user whom it names: the way in for devices and HTTP clients."""
        user_id = request.user_id if isinstance(request, DeviceWrite) else request.connection.user_id
        self.watchlist(user_id).tell(request)

    def tell_if_active(self, user_id: str, message: RemoteUpdate | HeadMoved | DevicesSeen | ListsChanged) -> None:
        """Tell ``message`` to the user's actor if there is one; else nobody here needs it."""
        ref = self._watchlists.get(user_id)
        if ref is not None:
            ref.tell(message)

    def watchlist(self, user_id: str) -> ActorRef[WatchlistSync]:
        """Return the user's actor, started if need be."""
        ref = self._watchlists.get(user_id)
        if ref is None:
            ref = self._watchlists[user_id] = self._start(user_id, self._retired)
        return ref

    def sweep(self) -> None:
        """Ask every actor to retire if nobody needs it."""
        for ref in self._watchlists.values():
            ref.tell(RetireIfIdle())

    def __iter__(self) -> Iterator[str]:
        """Iterate over the active users' ids, as of now."""
        return iter(tuple(self._watchlists))

    def __len__(self) -> int:
        return len(self._watchlists)

    def _retired(self, user_id: str) -> None:
        del self._watchlists[user_id]
