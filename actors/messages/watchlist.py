"""What a user's ``WatchlistSync`` is told, and whom it tells."""

from collections.abc import Callable

from msgspec import Struct, field

from actors.bus.publisher import Publish
from actors.fanout.broadcaster import Relay
from actors.fanout.connection_registry import Register, Unregister
from actors.messages.connection import ConsumerResumed, DeviceWrite, Join, Leave, SlowConsumer
from actors.messages.device import WatchlistSnapshot
from actors.messages.journal import Changes, Committed, HeadsLoaded, JournalMessage, ReadFailed, Snapshot, Tell
from actors.messages.sync import HeadMoved, PubNubWatchlistUpdate, SyncMessage
from actors.metrics import BusMetrics, WriteMetrics
from actors.tracing import Tracer, untraced


class RemoteUpdate(Struct, frozen=True):
    """Another node committed ``message``; it carries its revision."""

    message: PubNubWatchlistUpdate


class ReplayRead(Struct, frozen=True, eq=False):
    """The journal's answer to what connections have missed."""

    answer: Changes | Snapshot | ReadFailed


class RetireIfIdle(Struct, frozen=True):
    """Stop, unless somebody is connected or waits for an answer."""


class TryAgain(Struct, frozen=True):
    """The journal could not be read; some time has passed."""


WatchlistMessage = (
    DeviceWrite | Join | Leave | SlowConsumer | ConsumerResumed | RemoteUpdate | HeadMoved | ReplayRead | RetireIfIdle
    | TryAgain | Committed | HeadsLoaded | Changes | Snapshot | ReadFailed
)  # fmt: skip


class WatchlistDeps(Struct, frozen=True, eq=False):
    """Whom a ``WatchlistSync`` tells, and what it is told about this node."""

    node: str
    now_ms: Callable[[], int]
    """The wall clock, milliseconds since 1970."""
    now_s: Callable[[], float]
    """A monotonic clock."""
    max_clock_drift_ms: int
    journal: Tell[JournalMessage]
    registry: Tell[Register | Unregister | SlowConsumer | ConsumerResumed]
    broadcaster: Tell[Relay]
    publisher: Tell[Publish]
    frame: Callable[[SyncMessage | WatchlistSnapshot], bytes]
    bus_metrics: BusMetrics
    write_metrics: WriteMetrics
    tracer: Tracer = field(default_factory=untraced)
