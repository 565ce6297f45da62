"""What a connection is born with: what the handshake found out, and what all connections share."""

from collections import Counter
from collections.abc import Callable

from msgspec import Struct, field

from actors.messages.commands import SendCommand
from actors.messages.connection import Following, WatchlistRequest
from actors.messages.device import DeviceReply
from actors.runtime.tell import Tell
from actors.tracing import Tracer, untraced


class HandshakeResult(Struct, frozen=True, eq=False, kw_only=True):
    """Who was let in by the handshake, until when, and what the device knows already."""

    user_id: str
    device_id: str
    ends_at_s: float
    """When the token ends, on the clock ``ConnectionDeps.now_s``."""
    connected_at: int = 0
    """Seconds since 1970."""
    follows: tuple[Following, ...] = (Following(),)
    """The collections that it wants to be shown, and what it has of them; all but a first one say since when."""
    takes_pieces: bool = False
    """Whether it wants lists in pieces."""
    polls: bool = False
    """Whether the connection is a poll."""


class ConnectionDeps(Struct, frozen=True, eq=False, kw_only=True):
    """What all connections share."""

    tell_watchlist: Tell[WatchlistRequest]
    """Reaches the ``WatchlistSync`` of the user whom the request names."""
    frame: Callable[[DeviceReply], bytes]
    """Makes a finished WebSocket frame."""
    now_s: Callable[[], float]
    """A monotonic clock: the loop's."""
    heartbeat_interval_s: float = 30.0
    heartbeat_timeout_s: float = 60.0
    unread_timeout_s: float = 30.0
    """For how long a device may take nothing of what was written to it, while more waits."""
    unread: set[Callable[[], int]] = field(default_factory=set)
    """One for each connection whose device does not take what was written: returns how many bytes are held for it."""
    closes: Counter[int] = field(default_factory=Counter)
    """Counts the connections that the service has closed, by close code."""
    illegal_steps: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Counts what cannot happen and did, by state and message."""
    tracer: Tracer = field(default_factory=untraced)
    send_command: Tell[SendCommand] = lambda send: send.answer("not_found")
    """Brings a command to another device; by default there is none."""
