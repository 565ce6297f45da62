"""Which of a user's devices are online, told to those who follow them: all when they begin, then each that changes.

What other nodes say may be lost on the bus. So the database is asked whenever heads are compared with the journal.
"""

from collections.abc import Callable, Iterable
from typing import Any, Final

import msgspec

from actors.messages.close_codes import TRY_AGAIN_LATER
from actors.messages.collections import DEVICES
from actors.messages.connection import ConnectionInfo, Deliver, Disconnect
from actors.messages.device_registers import hint
from actors.messages.devices import Devices, DeviceSeen, ReadDevices
from actors.messages.failures import ReadFailed
from actors.messages.fanout import SendToUser
from actors.messages.watchlist import PresenceRead
from actors.watchlist.deps import WatchlistDeps

_encode: Final = msgspec.json.Encoder().encode


class PresenceHints:
    """Part of a ``CollectionSync``, on its turns. What it asks for is answered by ``answered``.

    Args:
        user_id: whose devices.
        deps: of the ``WatchlistSync``.
        tell: reaches it.
    """

    __slots__ = ("_deps", "_is_due", "_is_stale", "_tell", "_told", "_user_id", "_waiting", "is_reading")

    def __init__(self, user_id: str, deps: WatchlistDeps, tell: Callable[[Any], None]) -> None:
        self._user_id = user_id
        self._deps = deps
        self._tell = tell
        self._waiting: dict[ConnectionInfo, None] = {}
        """Who is to be told of all; in the order in which they came."""
        self._told: dict[str, bool] | None = None
        """Which devices those who follow know to be online or offline; ``None``: nobody was told yet."""
        self._is_due = False
        """The database is to be asked, though nobody waits."""
        self._is_stale = False
        """Since it was asked, a device has come or gone, or somebody else waits: its answer is not enough."""
        self.is_reading = False

    def show_all(self, connection: ConnectionInfo) -> None:
        """Tell ``connection`` of each device that is known, soon."""
        self._waiting[connection] = None
        self._is_stale = True
        self._ask()

    def refresh(self) -> None:
        """Find out whether those who follow lack anything."""
        self._is_due = self._told is not None
        self._ask()

    def forget(self, connection: ConnectionInfo) -> None:
        """Do nothing more for a connection that has left."""
        self._waiting.pop(connection, None)

    def relay(self, devices: Iterable[DeviceSeen]) -> None:
        """Tell all of devices that have come online, or gone offline."""
        self._is_stale = True
        self._tell_all(devices)

    def answered(self, answer: Devices | ReadFailed) -> None:
        """Take the journal's answer."""
        self.is_reading = False
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
            tell = self._tell
            self._deps.journal(ReadDevices(self._user_id, lambda answer: tell(PresenceRead(answer))))

    def _show(self, found: Devices) -> None:
        seen = [DeviceSeen(one.device_id, bool(one.nodes), one.last_seen_ms) for one in found.devices]
        if self._told is not None:
            self._tell_all(seen)
        self._told = {one.device_id: one.is_online for one in seen}
        frames = tuple([self._deps.frame(_encode(hint(one))) for one in seen]) if self._waiting else ()
        waiting, self._waiting = self._waiting, {}
        for connection in waiting:
            connection.tell(Deliver(None, frames, DEVICES))

    def _tell_all(self, devices: Iterable[DeviceSeen]) -> None:
        """Tell those who follow what they do not know of ``devices``."""
        told = {} if self._told is None else self._told
        news = tuple([one for one in devices if told.get(one.device_id) != one.is_online])
        told.update({one.device_id: one.is_online for one in news})
        if news:
            self._deps.registry(SendToUser(self._user_id, tuple(map(hint, news)), self._deps.now_s()))
