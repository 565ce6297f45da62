"""Which of a user's devices are online, told to those who follow them: all when they begin, then each that changes."""

from collections.abc import Iterable
from typing import Final

import msgspec
from typing_extensions import override

from actors.messages.collections import DEVICES
from actors.messages.device_registers import hint
from actors.messages.devices import Devices, DeviceSeen, ReadDevices
from actors.messages.failures import ReadFailed
from actors.messages.watchlist import HintsRead
from actors.runtime.tell import Tell
from actors.watchlist.deps import WatchlistDeps
from actors.watchlist.hints import Hints

MAX_TOLD: Final = 1_000
"""Devices of which it is remembered what was told, or twice as many as are known. Of more, which have come and gone
unknown, only those that are online are: connections bound these."""

_encode: Final = msgspec.json.Encoder().encode


class PresenceHints(Hints[Devices]):
    """As any hints."""

    __slots__ = ("_most_told", "_told")

    def __init__(self, user_id: str, deps: WatchlistDeps, tell: Tell[HintsRead]) -> None:
        super().__init__(user_id, DEVICES, deps, tell)
        self._told: dict[str, bool] | None = None
        """Which devices those who follow know to be online or offline; ``None``: nobody was told yet."""
        self._most_told = MAX_TOLD

    def relay(self, devices: Iterable[DeviceSeen]) -> None:
        """Tell all of devices that have come online, or gone offline."""
        self._is_stale = True
        self._tell_all(devices)

    @property
    @override
    def _were_told(self) -> bool:
        return self._told is not None

    @override
    def _question(self, reply_to: Tell[Devices | ReadFailed]) -> ReadDevices:
        return ReadDevices(self._user_id, reply_to)

    @override
    def _show(self, found: Devices) -> None:
        seen = [DeviceSeen(one.device_id, bool(one.nodes), one.last_seen_ms) for one in found.devices]
        if self._told is not None:
            self._tell_all(seen)
        self._told = {one.device_id: one.is_online for one in seen}
        self._most_told = max(MAX_TOLD, 2 * len(seen))
        self._tell_waiting(tuple([self._deps.frame(_encode(hint(one))) for one in seen]) if self._waiting else ())

    def _tell_all(self, devices: Iterable[DeviceSeen]) -> None:
        """Tell those who follow what they do not know of ``devices``."""
        told = {} if self._told is None else self._told
        news = tuple([one for one in devices if told.get(one.device_id) != one.is_online])
        told.update({one.device_id: one.is_online for one in news})
        if len(told) > self._most_told and self._told is not None:
            # One that is forgotten may be told again to be offline.
            self._told = {device_id: True for device_id, is_online in told.items() if is_online}
        if news:
            self._send(tuple(map(hint, news)))
