"""Hints for followers on all nodes: that a device has come or gone, or that a user's lists have changed; not stored.

A hint may be lost on the bus: ``actors.watchlist.hints`` makes up for that.
"""

import asyncio
import logging
import secrets
from collections import deque
from collections.abc import Callable
from typing import Final, assert_never

from msgspec import Struct

from actors.bus.freshness import Freshness
from actors.errors import BusMessageRefused, BusUnavailable, MessageRefused
from actors.messages.bus import DeviceHintsMessage, RemoteLists, RemoteSeen, ShowLists, ShowSeen
from actors.messages.channel import BusMessage, PubNubDevicesSeen, PubNubListsChanged
from actors.messages.watchlist import DevicesSeen, ListsChanged
from actors.metrics import BusMetrics
from actors.ports import Bus
from actors.runtime.supervisor import SupervisedActor

logger = logging.getLogger(__name__)

MAX_WAITING: Final = 1_000
"""Hints that wait for the bus; for one more the oldest is dropped."""
MAX_AT_ONCE: Final = 50
"""Publishes under way at once."""


class DeviceHintsDeps(Struct, frozen=True, eq=False, kw_only=True):
    """What a ``DeviceHints`` is wired with."""

    node: str
    bus: Bus
    encode: Callable[[str, BusMessage], bytes]
    """User id, message -> payload."""
    tell_if_active: Callable[[str, DevicesSeen | ListsChanged], None]
    """Reaches the ``WatchlistSync`` of a user, if it runs on this node."""
    metrics: BusMetrics
    now_ms: Callable[[], int]
    """The wall clock."""
    last_word_s: float = 0.5
    """How long a stop waits for the bus to take what it was given."""


class DeviceHints(SupervisedActor):
    """Messages in: ``DeviceHintsMessage``. Messages out: ``DevicesSeen``, ``ListsChanged``; it calls the bus.

    That a device has come or gone goes to the bus only if its user has a device on another node. A change of lists
    always does: it is rare, and whoever makes one has not looked that up.
    """

    def __init__(self, deps: DeviceHintsDeps) -> None:
        super().__init__()
        self._deps = deps
        self._freshness = Freshness()
        self._waiting: deque[tuple[str, PubNubDevicesSeen | PubNubListsChanged]] = deque(maxlen=MAX_WAITING)
        self._publishing: asyncio.Task[None] | None = None

    def on_receive(self, message: DeviceHintsMessage) -> None:
        """Take one message."""
        match message:
            case ShowSeen(users=users):
                for seen in users:
                    self._deps.tell_if_active(seen.user_id, DevicesSeen(seen.devices))
                self._waiting.extend(
                    (seen.user_id, PubNubDevicesSeen(seen.devices, *self._stamp()))
                    for seen in users
                    if seen.is_elsewhere
                )
            case ShowLists(user_id=user_id):
                self._deps.tell_if_active(user_id, ListsChanged())
                if not self._is_change_of_lists_waiting(user_id):
                    self._waiting.append((user_id, PubNubListsChanged(*self._stamp())))
            case RemoteSeen(user_id=user_id, message=remote):
                if self._is_admitted(remote):
                    self._deps.tell_if_active(user_id, DevicesSeen(remote.devices))
            case RemoteLists(user_id=user_id, message=remote_change):
                if self._is_admitted(remote_change):
                    self._deps.tell_if_active(user_id, ListsChanged())
            case _:
                assert_never(message)
        if self._waiting and self._publishing is None:
            self._publishing = asyncio.get_running_loop().create_task(self._publish_all())

    async def on_stop(self) -> None:  # type: ignore[override]
        """Let the bus take what is under way; give up what it does not take soon."""
        publishing = self._publishing
        if publishing is not None:
            await asyncio.wait([publishing], timeout=self._deps.last_word_s)
            publishing.cancel()

    def _is_change_of_lists_waiting(self, user_id: str) -> bool:
        """Return whether that hint waits already: one user's edits must not push out the hints of others."""
        return any(user_id == other and isinstance(message, PubNubListsChanged) for other, message in self._waiting)

    def _stamp(self) -> tuple[str, str, int]:
        """Return the id, the origin and the time of a message."""
        return secrets.token_hex(8), self._deps.node, self._deps.now_ms()

    def _is_admitted(self, message: PubNubDevicesSeen | PubNubListsChanged) -> bool:
        """Return whether another node's message is to be acted on."""
        try:
            self._freshness.admit(message.id, message.sent_ms, self._deps.now_ms())
        except BusMessageRefused as error:
            self._deps.metrics.refused[error.reason] += 1
            logger.warning("a hint on the bus was skipped: %s", error)
            return False
        return True

    async def _publish_all(self) -> None:
        waiting = self._waiting
        try:
            while waiting:
                some = [waiting.popleft() for _ in range(min(MAX_AT_ONCE, len(waiting)))]
                await asyncio.gather(*(self._publish(user_id, message) for user_id, message in some))
        finally:  # also after a defect: the next hint starts another task
            self._publishing = None

    async def _publish(self, user_id: str, message: PubNubDevicesSeen | PubNubListsChanged) -> None:
        try:
            await self._deps.bus.publish_to_devices(user_id, self._deps.encode(user_id, message))
        except (BusUnavailable, MessageRefused) as error:
            logger.debug("the bus took no hint: %s", error)
