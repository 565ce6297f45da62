"""What every ``WatchlistSync`` of a node is wired with."""

from collections.abc import Callable

from msgspec import Struct

from actors.messages.bus import Publish, ShowLists
from actors.messages.connection import ConsumerResumed, SlowConsumer
from actors.messages.fanout import (
    RegisterConnection,
    Relay,
    RelayMissed,
    RelayPubNubMessage,
    SendToUser,
    UnregisterConnection,
)
from actors.messages.journal import JournalMessage
from actors.messages.journal_reads import SLICE_ROWS, Bookmark
from actors.metrics import BusMetrics, WriteMetrics
from actors.ports import Fragments
from actors.runtime.tell import Tell
from actors.tracing import Tracer


class WatchlistDeps(Struct, frozen=True, eq=False, kw_only=True):
    """Whom a ``WatchlistSync`` tells, and what it is told about its node."""

    node: str
    now_ms: Callable[[], int]
    """The wall clock, milliseconds since 1970."""
    now_s: Callable[[], float]
    """A monotonic clock."""
    max_clock_drift_ms: int
    journal: Tell[JournalMessage]
    registry: Tell[RegisterConnection | UnregisterConnection | SlowConsumer | ConsumerResumed | SendToUser]
    broadcaster: Tell[Relay | RelayMissed | RelayPubNubMessage]
    publisher: Tell[Publish] | None
    """``None``: there are no other nodes."""
    frame: Callable[[bytes], bytes]
    """Makes a finished WebSocket frame of JSON."""
    fragments: Fragments
    cursor_of: Callable[[Bookmark], str]
    """How devices name a bookmark."""
    bus_metrics: BusMetrics
    write_metrics: WriteMetrics
    tracer: Tracer
    show_lists: Tell[ShowLists]
    """Tells those who follow, on all nodes, which lists there are now."""
    retry_s: float = 1.0
    """The pause after a read that the store could not answer."""
    max_followed: int = 10_000
    """Collections of a user in use at which no further one is followed. Each takes 5 KB meanwhile, also a list that is
    not there, and a user's sockets may name 60,000."""
    slice_rows: int = SLICE_ROWS
    """What is read at once."""
