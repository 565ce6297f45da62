"""The documented figures, as plain numbers that actors count and ``/metrics`` renders.

Thread: written and read on the event loop only.
"""

from bisect import bisect_left
from collections import Counter, deque
from collections.abc import Callable, Sequence
from itertools import product
from typing import Final, get_args

from msgspec import Struct, field

from actors.messages.collections import COLLECTION_KINDS
from actors.messages.commands import CommandKind, CommandOutcome
from actors.messages.journal import Outcome, Quota, Status
from actors.messages.lists import ListEdit, ListEditOutcome

COMMIT_LATENCY_BOUNDS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
BROADCAST_LATENCY_BOUNDS_S = (
    0.00005,
    0.0001,
    0.00025,
    0.0005,
    0.001,
    0.0025,
    0.005,
    0.01,
    0.025,
    0.05,
    0.1,
    0.5,
)


class Histogram:
    """Counts observations by upper bound, as Prometheus does, and keeps the latest ``window`` of them.

    Source: Prometheus exposition format, "Histograms and summaries".
    """

    def __init__(self, bounds: Sequence[float], window: int = 1_000) -> None:
        self.bounds = tuple(bounds)
        self.counts = [0] * (len(self.bounds) + 1)
        """Observations per bucket, not cumulated; the last is above every bound."""
        self.sum = 0.0
        self.latest: deque[float] = deque(maxlen=window)

    def observe(self, value: float, times: int = 1) -> None:
        """Count ``value``, ``times`` times."""
        self.counts[bisect_left(self.bounds, value)] += times
        self.sum += value * times
        self.latest.extend((value,) * times)

    def percentiles(self, *fractions: float) -> tuple[float, ...]:
        """Return the latest observations' percentiles (0.99 for p99); zeros before the first observation."""
        ranked = sorted(self.latest) or [0.0]
        return tuple(ranked[min(int(len(ranked) * fraction), len(ranked) - 1)] for fraction in fractions)

    def average(self) -> float:
        """Return the latest observations' mean; zero before the first."""
        return sum(self.latest) / len(self.latest) if self.latest else 0.0


class BroadcastMetrics:
    """What ``WebSocketBroadcaster`` counts."""

    def __init__(self) -> None:
        self.messages_relayed = 0
        self.updates_relayed: Counter[str] = Counter(dict.fromkeys(COLLECTION_KINDS, 0))
        """Those of the messages that are updates, by kind of collection."""
        self.broadcast_latency = Histogram(BROADCAST_LATENCY_BOUNDS_S)
        """Seconds from the start of a relay to its last ``tell``."""
        self.messages_refused = 0
        """Messages that have no form for devices: their content id is not valid."""

    def record_relay(self, messages: int, elapsed_s: float, kind: str | None = None) -> None:
        """Count ``messages`` that left together, ``elapsed_s`` after their relay began.

        ``kind``: of the collection that they are updates of; ``None``: they are none.
        """
        self.messages_relayed += messages
        if kind is not None:
            self.updates_relayed[kind] += messages
        self.broadcast_latency.observe(elapsed_s, messages)


class RegistryMetrics:
    """What ``ConnectionRegistry`` counts; connections and users are those of now."""

    def __init__(self) -> None:
        self.total_connections = 0
        self.active_users = 0
        self.messages_sent = 0
        self.write_latency = Histogram(BROADCAST_LATENCY_BOUNDS_S)
        """Seconds from the start of a relay to the write to its last device's socket; of devices that read."""


class StreamMetrics:
    """Connections other than WebSockets, by kind: ``stream`` or ``poll``."""

    def __init__(self) -> None:
        self.open: Counter[str] = Counter({"stream": 0, "poll": 0})
        """Now."""
        self.opened: Counter[str] = Counter({"stream": 0, "poll": 0})
        """Since the start."""


class WriteMetrics:
    """What the per-user actors count of writes."""

    def __init__(self) -> None:
        self.commit_latency = Histogram(COMMIT_LATENCY_BOUNDS_S)
        """Seconds from a write's acceptance to its commit."""
        self.outcomes: Counter[tuple[str, str]] = Counter(
            {(kind, status.value): 0 for kind in COLLECTION_KINDS for status in Status}
        )
        """Writes answered, by kind of collection and status."""
        bounds = [quota for quota in get_args(Quota) if quota != "tags_per_item"]
        self.refusals: Counter[str] = Counter(dict.fromkeys([*bounds, "followed_per_user"], 0))
        """Writes refused because of a bound of what their user may keep, or follow, by its name."""
        self.too_many_waiting = 0
        """Writes refused because as many of their user as may waited to learn where a collection stands."""
        self.tags_superseded = 0
        """Adds for which the oldest tags of their content had to go."""

    def count(self, outcome: Outcome, kind: str) -> None:
        """Count what a write to a collection of ``kind`` was answered."""
        self.outcomes[kind, outcome.status] += 1
        if outcome.quota is None:
            return
        if outcome.exceeds_quota:
            self.refusals[outcome.quota] += 1
        else:
            self.tags_superseded += 1

    def by_status(self) -> dict[str, int]:
        """Return how many writes were answered, by status."""
        counts = dict.fromkeys((status.value for status in Status), 0)
        for (_, status), count in self.outcomes.items():
            counts[status] += count
        return counts


_LIST_EDITS: Final[tuple[tuple[ListEdit, ListEditOutcome], ...]] = (
    ("add", "created"),
    ("put", "created"),
    ("put", "renamed"),
    ("put", "quota_exceeded"),
    ("put", "failed"),
    ("delete", "deleted"),
    ("delete", "not_found"),
    ("delete", "failed"),
)
"""What can become of each. An add that is refused is counted among the writes."""


class JournalMetrics:
    """What ``Journal`` and its store's client count."""

    def __init__(self) -> None:
        self.transactions = 0
        self.operations = 0
        """Answered by those transactions."""
        self.last_batch = 0
        """Operations in the latest transaction."""
        self.commit_seconds = 0.0
        """How long those transactions took."""
        self.failures = 0
        """Times that the store was unavailable."""
        self.errors = 0
        """Operations, reads and replies that failed by a defect of ours."""
        self.unavailable: str | None = None
        """Why the latest transaction or probe failed; ``None``: it worked."""
        self.unreadable: str | None = None
        """Why the latest read failed; ``None``: it worked."""
        self.reads: Counter[str] = Counter(dict.fromkeys(COLLECTION_KINDS, 0))
        """Reads that were handed to the store, by kind of collection; of slices and pages each is one."""
        self.list_edits: Counter[tuple[str, str]] = Counter(dict.fromkeys(_LIST_EDITS, 0))
        """What became of each word about which lists a user has, and what they are called."""
        self.reads_refused = 0
        """Because too many of the same user waited."""
        self.list_edits_refused = 0
        """Likewise."""
        self.writes_refused = 0
        """Likewise."""
        self.rests = 0
        """Reads after which their user had to wait for the next, since others waited to write."""
        self.child_restarts: Counter[str] = Counter({"reader": 0, "writer": 0})
        """Starts of a process in the place of one that was lost."""

    @property
    def problem(self) -> str | None:
        """What cannot be done with the journal at the moment, and why; ``None``: it can be written and read."""
        problems = {"written": self.unavailable, "read": self.unreadable}
        return "; ".join(f"cannot be {verb}: {why}" for verb, why in problems.items() if why is not None) or None


class BusMetrics:
    """What the subscriber, its handler, the publisher and the per-user actors count of the bus."""

    def __init__(self) -> None:
        self.received = 0
        self.refused: Counter[str] = Counter()
        """Messages not relayed, by reason."""
        self.duplicates = 0
        """Updates dropped by their revision: echoes and doubles."""
        self.gaps_healed = 0
        """Times that missing revisions were read from the journal."""
        self.published = 0
        self.publish_failures = 0
        self.outbox = 0
        """Messages that wait for the bus now."""
        self.nodes = 0
        """Nodes that were heard of lately, this one included; 0: this one is on its own."""
        self.commands_failed: Counter[str] = Counter({"defect": 0, "too_many": 0, "unavailable": 0})
        """Commands of operators that this node could not carry out, by reason."""


class PresenceMetrics:
    """What ``Presence`` counts."""

    def __init__(self) -> None:
        self.devices = 0
        """Connected to this node now."""
        self.waiting = 0
        """Devices that came or went, and are not written yet."""
        self.written = 0
        self.leases_lost = 0
        """Times that the node's lease had ended while it lived."""


class CommandMetrics:
    """What ``DeviceCommands`` counts."""

    def __init__(self) -> None:
        self.outcomes: Counter[tuple[str, str]] = Counter(
            dict.fromkeys(product(get_args(CommandKind), get_args(CommandOutcome)), 0)
        )
        """Commands of this node's devices and of the API, by kind and by what they were answered."""
        self.delivered = 0
        """Connections that were shown a command."""


class IssuerMetrics:
    """What is known of the issuer of the keys that tokens are verified with; unused if the keys are fixed."""

    def __init__(self) -> None:
        self.problem: str | None = None
        """Why tokens of keys that are not known cannot be judged; ``None``: they can."""
        self.keys = 0
        """Usable keys of its set."""
        self.fetch_failures = 0
        self.tokens_undecided = 0
        """Tokens that were neither accepted nor refused."""


class ListenerMetrics:
    """What is known of who connects, before anything is said."""

    def __init__(self) -> None:
        self.origins_refused = 0
        """Pages of other origins that were refused."""
        self.certificate_ends_s = 0.0
        """When the certificate in use ends, in seconds since 1970; 0: TLS is not served."""
        self.certificate_failures = 0
        """Changed certificates that could not be used."""


LOOP_LAG_BOUNDS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0)


class OpenFilesMetrics:
    """What is counted about the process's open files."""

    __slots__ = ("exhausted",)

    def __init__(self) -> None:
        self.exhausted = 0
        """Checks, one a second, that found that no file could be opened."""


class NodeMetrics(Struct, frozen=True, eq=False, kw_only=True):
    """Everything that one node counts."""

    broadcast: BroadcastMetrics = field(default_factory=BroadcastMetrics)
    registry: RegistryMetrics = field(default_factory=RegistryMetrics)
    streams: StreamMetrics = field(default_factory=StreamMetrics)
    writes: WriteMetrics = field(default_factory=WriteMetrics)
    journal: JournalMetrics = field(default_factory=JournalMetrics)
    bus: BusMetrics = field(default_factory=BusMetrics)
    presence: PresenceMetrics = field(default_factory=PresenceMetrics)
    commands: CommandMetrics = field(default_factory=CommandMetrics)
    issuer: IssuerMetrics = field(default_factory=IssuerMetrics)
    listener: ListenerMetrics = field(default_factory=ListenerMetrics)
    loop_lag: Histogram = field(default_factory=lambda: Histogram(LOOP_LAG_BOUNDS_S))
    """Seconds by which timers of the event loop are late."""
    open_files: OpenFilesMetrics = field(default_factory=OpenFilesMetrics)
    restarts: Counter[str] = field(default_factory=Counter)
    """Restarts by actor class."""
    messages_skipped: Counter[str] = field(default_factory=Counter)
    """Messages that raised, by actor class."""
    unread: set[Callable[[], int]] = field(default_factory=set)
    """One for each connection whose device does not take what was written: returns how many bytes are held for it."""
    closes: Counter[int] = field(default_factory=Counter)
    """Connections that the node has closed, by close code."""
    illegal_steps: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Messages that cannot reach a connection in its state and did, by state and message."""
