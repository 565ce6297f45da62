"""Which of a user's devices are online, told to those who follow them: all when they begin, then each that changes."""

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

    def __init__(self, user_id: str, deps: WatchlistDeps, tell: Callable[[Any], None]) -> None:
        self._user_id = user_id
        self._deps = deps
        self._tell = tell
        self._waiting: dict[ConnectionInfo, None] = {}
        """Who is to be told of all, as it was asked for; in the order in which they came."""
        self._is_stale = False
        """Since the database was asked, a device has come or gone, or somebody else waits: its answer is not enough."""
        self.is_reading = False

    def show_all(self, connection: ConnectionInfo) -> None:
        """Tell ``connection`` of each device that is known, soon."""
        self._waiting[connection] = None
        self._is_stale = True
        self._ask()

    def forget(self, connection: ConnectionInfo) -> None:
        """Do nothing more for a connection that has left."""
        self._waiting.pop(connection, None)

    def relay(self, devices: Iterable[DeviceSeen]) -> None:
        """Tell all of devices that have come online, or gone offline."""
        self._is_stale = True
        self._deps.registry(SendToUser(self._user_id, tuple(map(hint, devices)), self._deps.now_s()))

    def answered(self, answer: Devices | ReadFailed) -> None:
        """Take the journal's answer."""
        self.is_reading = False
        if isinstance(answer, ReadFailed):
            waiting, self._waiting = self._waiting, {}
            for connection in waiting:
                connection.tell(Disconnect(TRY_AGAIN_LATER))
        elif self._is_stale:
            self._ask()
        else:
            self._show(answer)

    def _ask(self) -> None:
        if self._waiting and not self.is_reading:
            self.is_reading, self._is_stale = True, False
            tell = self._tell
            self._deps.journal(ReadDevices(self._user_id, lambda answer: tell(PresenceRead(answer))))

    def _show(self, found: Devices) -> None:
        seen = (DeviceSeen(one.device_id, bool(one.nodes), one.last_seen_ms) for one in found.devices)
        frames = tuple([self._deps.frame(_encode(hint(one))) for one in seen])
        waiting, self._waiting = self._waiting, {}
        for connection in waiting:
            connection.tell(Deliver(None, frames, DEVICES))
