"""One user's watchlist on this node: stamps writes, keeps the order of revisions, fills gaps (documented step 1).

The actor holds where the user's journal stands, not the list itself: a write costs the same at ten and ten thousand
items. It never waits for the journal: writes flow through, ``Committed`` comes back in revision order, and that message
relays, publishes and answers. Whatever reaches it by bus or by journal goes through one rule (``_advance``): the next
revision is relayed, an older one is dropped, a later one shows a gap that the journal fills.
"""

import logging
from collections.abc import Callable, Iterable
from typing import assert_never

from msgspec import structs

from actors.bus.publisher import Publish
from actors.fanout.broadcaster import Relay
from actors.fanout.connection_registry import Register, Unregister
from actors.messages.connection import (
    ConnectionInfo,
    ConsumerResumed,
    DeviceWrite,
    Join,
    Joined,
    Leave,
    SlowConsumer,
)
from actors.messages.conversion import channel_update
from actors.messages.journal import (
    Changes,
    Commit,
    Committed,
    HeadsLoaded,
    LoadHeads,
    Operation,
    Outcome,
    ReadFailed,
    ReadSince,
    Snapshot,
    Status,
    Tell,
)
from actors.messages.sync import HeadMoved, PubNubWatchlistUpdate
from actors.messages.watchlist import (
    RemoteUpdate,
    ReplayRead,
    RetireIfIdle,
    TryAgain,
    WatchlistDeps,
    WatchlistMessage,
)
from actors.runtime.supervisor import SupervisedActor
from actors.runtime.timers import tell_later
from actors.tracing import Trace
from actors.watchlist.replays import Replays
from crdt.hlc import ClockDriftError, HLCTimestamp, receive, tick

logger = logging.getLogger(__name__)

RETRY_S = 1.0
"""After a read that the store could not answer."""
MAX_FOLLOWED = 512
"""Followed updates that wait for a gap before them to be filled; beyond, the others are shown untraced."""


class WatchlistSync(SupervisedActor):
    """Messages in: ``WatchlistMessage``. Messages out: commits and reads, relays, publishes, registrations.

    Until the journal has said where the user stands, everything else waits.
    """

    def __init__(self, user_id: str, deps: WatchlistDeps, retired: Callable[[str], None]) -> None:
        super().__init__()
        self._user_id = user_id
        self._deps = deps
        self._retired = retired
        self._clock = HLCTimestamp(0, 0, deps.node)
        self._head = 0
        """The last revision that was relayed here."""
        self._seen = 0
        """The greatest revision known to exist."""
        self._connections: set[ConnectionInfo] = set()
        self._replays = Replays(self._read_missed, deps.frame)
        self._followed: dict[int, Trace] = {}
        """By revision: those of them that are not relayed here yet."""
        self._uncommitted = 0
        self._waiting: list[WatchlistMessage] | None = []
        """What came before the head was known; ``None`` once it is."""
        self._is_healing = False

    def on_start(self) -> None:
        """Ask where the user stands."""
        self._reply_to = self.actor_ref.tell
        self._load_head()

    def on_receive(self, message: WatchlistMessage) -> None:
        """Take one message, or keep it until the head is known."""
        if self._waiting is not None and not isinstance(message, HeadsLoaded | TryAgain):
            self._waiting.append(message)
            return
        match message:
            case DeviceWrite():
                self._write(message)
            case Committed():
                self._committed(message)
            case RemoteUpdate(message=update):
                self._remote(update)
            case Join():
                self._join(message)
            case ReplayRead(answer=answer):
                self._replays.answered(answer)
                if isinstance(answer, Changes | Snapshot):
                    self._saw(answer.revision)
            case Leave(connection=connection):
                self._connections.discard(connection)
                self._replays.forget(connection)
                self._deps.registry(Unregister(connection.connection_id))
            case SlowConsumer() | ConsumerResumed():
                self._deps.registry(message)
            case HeadMoved(revision=revision):
                self._saw(revision)
            case HeadsLoaded():
                self._head_loaded(message)
            case Changes() | Snapshot() | ReadFailed():
                self._healed(message)
            case TryAgain():
                self._try_again()
            case RetireIfIdle():
                self._retire_if_idle()
            case _:
                assert_never(message)

    # Writes

    def _write(self, write: DeviceWrite) -> None:
        now_ms = self._deps.now_ms()
        try:
            if write.timestamp is None:
                stamp = self._clock = tick(self._clock, now_ms, self._deps.node)
            else:
                stamp = write.timestamp
                self._clock = receive(self._clock, stamp, now_ms, self._deps.max_clock_drift_ms)
        except ClockDriftError as error:
            refusal = Outcome(status=Status.REFUSED, field="timestamp", reason=f"timestamp: {error}")
            self._answer(write.answer, refusal, write.trace)
            return
        operation = Operation(
            user_id=self._user_id,
            device_id=write.device_id,
            action=write.action,
            content_id=write.content_id,
            timestamp=stamp,
            operation_id=write.operation_id,
            tag=write.tag,
            observed=write.observed,
            removed_tags=write.removed_tags,
        )
        self._uncommitted += 1
        self._deps.journal(Commit(operation, self._reply_to, write.answer, self._deps.now_s(), write.trace))

    def _committed(self, committed: Committed) -> None:
        self._uncommitted -= len(committed.commits)
        updates = [outcome.update for outcome in committed.outcomes if outcome.is_new and outcome.update]
        messages = [channel_update(update, self._deps.node) for update in updates]
        traces = self._follow(committed)
        self._advance(messages)
        for message in messages:
            self._deps.publisher(Publish(self._user_id, message, traces.get(message.revision)))
        now_s, metrics = self._deps.now_s(), self._deps.write_metrics
        for commit, outcome in zip(committed.commits, committed.outcomes, strict=True):
            metrics.commit_latency.observe(now_s - commit.accepted_s)
            metrics.outcomes[outcome.status] += 1
            self._answer(commit.answer, outcome, commit.trace)
            if outcome.update is not None:  # a repeated write may be the first word of a revision of another node
                self._seen = max(self._seen, outcome.update.revision)
        self._heal_if_behind()

    def _follow(self, committed: Committed) -> dict[int | None, Trace]:
        """Return, by revision, the traces of the updates that are new and followed."""
        traces: dict[int | None, Trace] = {}
        for commit, outcome in zip(committed.commits, committed.outcomes, strict=True):
            if commit.trace is not None:
                trace = commit.trace.at(outcome.revision)
                trace.child(since_arrival=True).passed("committed", status=outcome.status)
                if outcome.is_new and trace.revision is not None:
                    traces[trace.revision] = self._followed[trace.revision] = trace
        return traces

    def _answer(self, answer: Tell[Outcome] | None, outcome: Outcome, trace: Trace | None) -> None:
        if trace is not None:
            trace.at(outcome.revision).passed("answered", status=outcome.status)
        if answer is not None:
            answer(outcome)
        elif outcome.status is Status.REFUSED:  # nobody waits: it came by the channel
            self._deps.bus_metrics.refused["not_taken"] += 1
            logger.warning("a foreign publisher's operation was not taken: %s", outcome.reason)

    # Revisions: the next is relayed, an older one dropped, a later one shows a gap

    def _advance(self, messages: Iterable[PubNubWatchlistUpdate]) -> None:
        relayed: list[PubNubWatchlistUpdate] = []
        for message in messages:
            revision = message.revision or 0
            if revision == self._head + 1:
                self._head = revision
                relayed.append(message)
            elif revision <= self._head:
                self._deps.bus_metrics.duplicates += 1
            self._seen = max(self._seen, revision)
        if relayed:
            traces = self._take_followed() if self._followed else ()
            self._deps.broadcaster(Relay(self._user_id, tuple(relayed), traces))
        self._heal_if_behind()

    def _take_followed(self) -> tuple[Trace, ...]:
        """Return the traces of what is about to be relayed, or was passed over."""
        return tuple(self._followed.pop(revision) for revision in sorted(self._followed) if revision <= self._head)

    def _remote(self, message: PubNubWatchlistUpdate) -> None:
        if isinstance(message.timestamp, HLCTimestamp):
            try:
                self._clock = receive(
                    self._clock, message.timestamp, self._deps.now_ms(), self._deps.max_clock_drift_ms
                )
            except ClockDriftError as error:
                logger.warning("the clock of node %s is not followed: %s", message.origin, error)
        revision = message.revision or 0
        if message.traceparent is not None and message.origin != self._deps.node:
            trace = self._deps.tracer.receive(message.traceparent, self._user_id, revision, message.origin or "")
            if trace is not None and revision > self._head and len(self._followed) < MAX_FOLLOWED:
                self._followed[revision] = trace
        self._advance((message,))

    def _saw(self, revision: int) -> None:
        self._seen = max(self._seen, revision)
        self._heal_if_behind()

    def _heal_if_behind(self) -> None:
        if self._seen > self._head and not self._is_healing:
            self._is_healing = True
            self._deps.bus_metrics.gaps_healed += 1
            self._deps.journal(ReadSince(self._user_id, self._head, self._reply_to))

    def _healed(self, answer: Changes | Snapshot | ReadFailed) -> None:
        self._is_healing = False
        match answer:
            case Changes(updates=updates):
                self._advance(channel_update(update, self._deps.node) for update in updates)
            case Snapshot(revision=revision):  # the gap is older than the kept history
                self._head = revision
                self._take_followed()
                self._replays.tell_snapshot(answer, list(self._connections))
            case ReadFailed(reason=reason):
                logger.warning("a gap stays open for %s s: %s", RETRY_S, reason)
                self._is_healing = True
                tell_later(RETRY_S, self.actor_ref, TryAgain())
                return
        self._heal_if_behind()

    # Connections

    def _join(self, join: Join) -> None:
        connection = join.connection
        self._connections.add(connection)
        self._deps.registry(Register(connection))  # before the read, so that nothing falls between
        if join.since is None:
            connection.tell(Joined(self._head))
            return
        self._replays.wait(join)

    def _read_missed(self, since: int, epoch: str | None) -> None:
        reply_to = self._reply_to

        def read(answer: Changes | Snapshot | ReadFailed) -> None:
            reply_to(ReplayRead(answer))

        self._deps.journal(ReadSince(self._user_id, since, read, epoch))

    # Life

    def _load_head(self) -> None:
        self._deps.journal(LoadHeads((self._user_id,), self._reply_to))

    def _head_loaded(self, loaded: HeadsLoaded) -> None:
        waiting = self._waiting
        if waiting is None:
            return
        if loaded.heads is None:
            self._refuse_writes(waiting)
            tell_later(RETRY_S, self.actor_ref, TryAgain())
            return
        (head,) = loaded.heads
        self._head = self._seen = head.revision
        self._clock = structs.replace(head.clock, node=self._deps.node)
        self._waiting = None
        for message in waiting:
            self.on_receive(message)

    def _refuse_writes(self, waiting: list[WatchlistMessage]) -> None:
        """Nobody should wait for a database that is away; connections may."""
        refusal = Outcome(status=Status.REFUSED, reason="the journal is unavailable", retry_after_s=RETRY_S)
        for message in waiting:
            if isinstance(message, DeviceWrite) and message.answer is not None:
                self._answer(message.answer, refusal, message.trace)
        waiting[:] = [message for message in waiting if not isinstance(message, DeviceWrite)]

    def _try_again(self) -> None:
        if self._waiting is not None:
            self._load_head()
        else:
            self._is_healing = False
            self._heal_if_behind()

    def _retire_if_idle(self) -> None:
        if self._connections or self._uncommitted or self._is_healing or not self.actor_inbox.empty():
            return
        self._retired(self._user_id)
        self.stop()
