"""One user who is signed in: what is kept, what is reported, and the connection."""

from collections.abc import Callable, Iterable
from typing import Any

from msgspec import Struct

from syncd_client.core.connector import Connector
from syncd_client.core.outputs import Output, Save, Timer
from syncd_client.core.reports import Reports
from syncd_client.core.timers import Timers
from syncd_client.data.user_collections import UserCollections
from syncd_client.data.user_state import PendingWrite, UserState


class CoreDeps(Struct, frozen=True, kw_only=True):
    """What a core takes from outside."""

    now_ms: Callable[[], int]
    """The wall clock, ms since 1970."""
    random: Callable[[], float]
    """In [0, 1)."""
    new_replica: Callable[[], str]
    """A name that nobody ever had: 64 random bits or more."""


class Session:
    """Holds together the parts that serve one user; their outputs go to ``put``.

    Args:
        user_id: who.
        stored: what is kept of the user; ``None``: nothing.
        opened: the names of the collections that are followed from the beginning.
    """

    def __init__(
        self,
        user_id: str,
        stored: UserState | None,
        opened: Iterable[str],
        put: Callable[[Output], None],
        deps: CoreDeps,
    ) -> None:
        self._now_ms = deps.now_ms
        self._put = put
        self._timers = Timers(put, deps.now_ms)
        self.collections = UserCollections(user_id, stored, deps.new_replica)
        self.collections.follow(opened)
        self.reports = Reports(self.collections, self._timers, deps.now_ms)
        self.connector = Connector(self.collections, put, self._timers, deps.now_ms, deps.random)

    def follow(self, collection: str) -> None:
        """Ask the service for a collection, too."""
        if self.collections.follow([collection]):
            self.connector.follow()

    def disconnect(self) -> None:
        """Stay offline until ``connect``; held reports are queued, as the process may not live much longer."""
        self.reports.put_held()
        self.connector.disconnect()

    def sign_out(self, *, erase: bool) -> None:
        """End for good; held reports are stored first, unless all is to be erased."""
        if not erase:
            self.reports.put_held()
            save, _ = self.take_changes()
            if save is not None:
                self._put(save)
        self.connector.sign_out()

    def due(self, timer: Timer) -> None:
        """Do what ``timer`` was for."""
        has_slept = self._timers.ran_out(timer)
        if timer is Timer.REPORT:
            self.reports.put_held()
        self.connector.due(timer, has_slept=has_slept)

    def update_device(self, device_id: str, says: dict[str, Any]) -> PendingWrite | None:
        """Queue what is said of a device; ``None``: the service has confirmed all of it already."""
        devices = self.collections.devices
        shown = next((item for item in devices.items if item.device_id == device_id), None)
        if shown and not shown.pending and all(getattr(shown, name) == value for name, value in says.items()):
            return None
        return self.collections.write(devices, "update", device_id, says, self._now_ms())

    def forget_device(self, device_id: str) -> PendingWrite:
        """Queue the removal of what is known of a device."""
        return self.collections.write(self.collections.devices, "remove", device_id, None, self._now_ms())

    def take_changes(self) -> tuple[Save | None, bool]:
        """Return what is to be stored since the last call, if anything, and whether something may look different."""
        changes = self.collections.take_changes()
        has_news = self.collections.take_news()
        if changes is None:
            return None, has_news
        return Save(self.collections.user_id, changes), has_news or changes.are_visible
