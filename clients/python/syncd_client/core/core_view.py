"""What an app can see of a core: where the client stands, and what the user has."""

from typing import Any

from syncd_client.core.outputs import Transport
from syncd_client.core.session import Session
from syncd_client.core.state import State
from syncd_client.data.collection_names import list_in
from syncd_client.data.device_registers import DeviceItem
from syncd_client.data.list_view import Item
from syncd_client.data.messages import ListName
from syncd_client.data.progress_registers import ProgressItem


class CoreView:
    """Shows what belongs to the user who is signed in; what was opened stays open when another user signs in."""

    def __init__(self) -> None:
        self._session: Session | None = None
        self._opened: dict[str, None] = {}
        """The names of the opened collections, in order: a set that keeps it."""

    @property
    def state(self) -> State:
        """Where the client stands."""
        return self._session.connector.state if self._session else State.SIGNED_OUT

    @property
    def transport(self) -> Transport | None:
        """The transport of the attempt or connection under way; ``None``: there is neither."""
        return self._session.connector.transport if self._session else None

    @property
    def user_id(self) -> str | None:
        """Whose list is open; ``None``: nobody's."""
        return self._session.collections.user_id if self._session else None

    @property
    def items(self) -> tuple[Item, ...]:
        """The watchlist; empty when nobody is signed in."""
        return self.items_of(None)

    @property
    def queued(self) -> int:
        """How many writes are not settled."""
        return len(self._session.collections.queue) if self._session else 0

    @property
    def wanted(self) -> tuple[str, ...]:
        """The names of the collections beside the watchlist that the app wants to see, whoever is signed in."""
        return tuple(self._opened)

    @property
    def opened_lists(self) -> tuple[str, ...]:
        """The lists among them."""
        return tuple(list_id for name in self._opened if (list_id := list_in(name)) is not None)

    def items_of(self, list_id: str | None) -> tuple[Item, ...]:
        """Return a list as it is known; ``None``: the watchlist."""
        return self._session.collections.collection(list_id).items if self._session else ()

    @property
    def progress(self) -> tuple[ProgressItem, ...]:
        """How far the user has come, the newest play first."""
        return self._session.collections.progress.items if self._session else ()

    @property
    def devices(self) -> tuple[DeviceItem, ...]:
        """The user's devices, by their ids."""
        return self._session.collections.devices.items if self._session else ()

    @property
    def catalogue(self) -> tuple[ListName, ...]:
        """Which lists the user has beside the watchlist."""
        return self._session.collections.catalogue.items if self._session else ()

    @property
    def held(self) -> tuple[tuple[str, dict[str, Any]], ...]:
        """The reports of progress that are shown but neither queued nor stored yet: content ids and what they say."""
        held = self._session.collections.progress.held if self._session else ()
        return tuple((content_id, report.says) for content_id, report in held)
