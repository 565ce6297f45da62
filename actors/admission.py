"""What a connection is born with: its socket, what the handshake found out, and what all connections share."""

from collections.abc import Callable
from typing import Protocol

from msgspec import Struct

from actors.connection_messages import WatchlistRequest
from actors.device_messages import Answer
from actors.journal_messages import Tell
from actors.ports import DeviceSocket


class PaceableSocket(DeviceSocket, Protocol):
    """A ``DeviceSocket`` that can be told not to read: how a device that writes too fast is slowed down."""

    def pause_reading(self) -> None:
        """Leave what the device sends in the network; idempotent."""

    def resume_reading(self) -> None:
        """Read again; idempotent."""


class Admission(Struct, frozen=True, eq=False, kw_only=True):
    """Who was let in by the handshake, until when, and what the device knows already."""

    user_id: str
    device_id: str
    ends_at_s: float
    """When the token ends, on the clock ``Surroundings.now_s``."""
    since: int | None = None
    epoch: str | None = None


class Surroundings(Struct, frozen=True, eq=False, kw_only=True):
    """What all connections share."""

    tell_watchlist: Tell[WatchlistRequest]
    """Reaches the ``WatchlistSync`` of the user whom the request names."""
    frame: Callable[[Answer], bytes]
    """Makes a finished WebSocket frame."""
    now_s: Callable[[], float]
    """A monotonic clock: the loop's."""
    heartbeat_interval_s: float = 30.0
    heartbeat_timeout_s: float = 60.0
